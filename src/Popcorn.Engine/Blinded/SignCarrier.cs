namespace Popcorn.Engine.Blinded;

/// <summary>
/// What hides an integer x while its sign is found out: the client sees y = s·(2τ·x + σ) and learns whether y &gt; 0.
/// </summary>
/// <remarks>
/// s is uniform in {−1, +1}; τ is log-uniform, its bit length uniform in 1 … <see cref="Bits"/>; σ = τ + ρ
/// with ρ uniform in (−τ, τ), so σ is uniform in [1, 2τ−1]. Then y = s·(τ(2x+1) + ρ): 2x+1 is odd and |ρ| &lt; τ, so y
/// is never 0 and has the sign of s·(x ≥ 0 ? 1 : −1). What y still tells is a blurred |x|: docs/THREAT_MODEL.md.
/// </remarks>
/// <param name="Flip">s = −1.</param>
/// <param name="Tau">τ ≥ 1.</param>
/// <param name="Sigma">σ, 1 ≤ σ &lt; 2τ.</param>
internal readonly record struct SignCarrier(bool Flip, ulong Tau, UInt128 Sigma)
{
    /// <summary>Greatest bit length of τ (T of the protocol); 64 keeps it in one word.</summary>
    public const int Bits = 64;

    /// <summary>
    /// Width of a field for the carrier of |x| ≤ B = 2^b − 1: |τ(2x+1) + ρ| is below 2^T·(2B+2) = 2^(T+b+1), and one
    /// bit more holds its sign.
    /// </summary>
    public static int FieldBits(int boundBits) => Bits + boundBits + 2;

    /// <summary>y as a function of x.</summary>
    public SignedValue Value => new(Tau, 1, Sigma, Flip);

    /// <summary>Draws fresh carriers.</summary>
    public static SignCarrier[] Draw(SecretRandom random, int count)
    {
        var carriers = new SignCarrier[count];
        for (int i = 0; i < count; i++)
        {
            carriers[i] = Draw(random);
        }

        return carriers;
    }

    /// <summary>Draws a fresh carrier.</summary>
    public static SignCarrier Draw(SecretRandom random)
    {
        int length = 1 + (int)random.Below(Bits);
        ulong top = 1UL << (length - 1);
        ulong tau = top | (random.Word() & (top - 1));
        UInt128 sigma = random.Below(2 * (UInt128)tau - 1) + 1;
        bool flip = (random.Word() & 1) != 0;
        return new SignCarrier(flip, tau, sigma);
    }
}
