using Popcorn.Interop;

namespace Popcorn.Engine.Blinded;

/// <summary>
/// What hides an integer x while its sign is found out: the client sees y = s·(2τ·x + σ) and learns whether y &gt; 0.
/// </summary>
/// <remarks>
/// s is uniform in {−1, +1}; σ = τ + ρ with ρ uniform in (−τ, τ), so σ is uniform in [1, 2τ−1]. Then y = s·(τ(2x+1) +
/// ρ): 2x+1 is odd and |ρ| &lt; τ, so y is never 0 and has the sign of s·(x ≥ 0 ? 1 : −1). What y still tells is |x|,
/// blurred by τ: log₂ τ lies in <see cref="LeastBits"/> … <see cref="LeastBits"/> + <see cref="BlurBits"/> with the
/// density that <see cref="Taper"/> outlines, and docs/THREAT_MODEL.md derives from it what N observations tell.
/// </remarks>
/// <param name="Flip">s = −1.</param>
/// <param name="Tau">τ / 2^<paramref name="Shift"/>: a word holds as much of τ as y could show.</param>
/// <param name="Shift">Zeros below <paramref name="Tau"/>.</param>
/// <param name="Sigma">σ, 1 ≤ σ &lt; 2τ.</param>
internal readonly record struct SignCarrier(bool Flip, ulong Tau, int Shift, UInt128 Sigma)
{
    /// <summary>
    /// τ ≥ 2^41: were it ever small, y would show x itself, and a coarse τ would show which y it can make.
    /// </summary>
    public const int LeastBits = 41;

    /// <summary>T of the protocol: τ &lt; 2^(41+T). The images needed to tell two values apart grow with T².</summary>
    public const int BlurBits = 64;

    /// <summary>
    /// Where the density of log₂ τ rises from 0, and falls to it again. A sharp edge would show with N observations to
    /// within T/N; a quarter of T makes this T/√N for any estimate, at most a sixth more than the widest edges would.
    /// </summary>
    private const int EdgeBits = BlurBits / 4;

    /// <summary>
    /// Width of a field for the carrier of |x| ≤ B = 2^b − 1: |τ(2x+1) + ρ| is below 2^(41+T)·(2B+2) = 2^(41+T+b+1),
    /// and one bit more holds its sign.
    /// </summary>
    public static int FieldBits(int boundBits) => LeastBits + BlurBits + boundBits + 2;

    /// <summary>Bits of a whole word and, on average, of <see cref="Tau"/>: what packing pays for.</summary>
    public const int WordBits = 64;

    /// <summary>See <see cref="WordBits"/>; the test of the distribution counts it.</summary>
    public const double AverageWordBits = 61.7;

    /// <summary>y as a function of x.</summary>
    public SignedValue Value => new(Tau, Shift + 1, Sigma, Flip);

    /// <summary>Draws fresh carriers.</summary>
    /// <returns>The caller's to dispose.</returns>
    public static SecretArray<SignCarrier> Draw(SecretRandom random, int count)
    {
        var carriers = new SecretArray<SignCarrier>(count);
        foreach (ref SignCarrier carrier in carriers.Span)
        {
            carrier = Draw(random);
        }

        return carriers;
    }

    /// <summary>Draws a fresh carrier.</summary>
    /// <remarks>
    /// By rejection: the octave of τ is uniform, its place there first uniform and then kept with probability 1/m, m in
    /// [1, 2), which makes the density proportional to 1/τ; then the edges are tapered. A double decides, so that the
    /// distribution is right to some 2^−50.
    /// </remarks>
    public static SignCarrier Draw(SecretRandom random)
    {
        const ulong Top = 1UL << 63;
        int octave;
        ulong mantissa;
        double place, chance;
        do
        {
            octave = (int)random.Below(BlurBits);
            mantissa = Top | random.Word();
            place = mantissa / (double)Top;
            chance = (random.Word() >> 11) / (double)(1UL << 53);
        }
        while (chance >= Taper(octave + Math.Log2(place)) / place);

        int bits = LeastBits + 1 + octave;
        ulong tau = mantissa >> Math.Max(0, WordBits - bits);
        int shift = Math.Max(0, bits - WordBits);
        UInt128 sigma = random.Below(((UInt128)tau << (shift + 1)) - 1) + 1;
        return new SignCarrier((random.Word() & 1) != 0, tau, shift, sigma);
    }

    /// <summary>
    /// The density of u = log₂ τ − 41 in [0, T], in proportion to its greatest: 1, and the square of a sine at the
    /// edges, the shape whose Fisher information is least: π²/(E·(T − E)) for edges of E bits.
    /// </summary>
    public static double Taper(double u)
    {
        double edge = Math.Min(u, BlurBits - u);
        double root = edge < EdgeBits ? Math.Sin(Math.PI / 2 * edge / EdgeBits) : 1;
        return root * root;
    }

    /// <summary>
    /// Fisher information, per bit², of one observation about log₂ |x|. N observations tell two values that lie d bits
    /// apart from each other with an advantage of at most d/2·√(N·this).
    /// </summary>
    public const double Information = Math.PI * Math.PI / (EdgeBits * (BlurBits - EdgeBits));
}
