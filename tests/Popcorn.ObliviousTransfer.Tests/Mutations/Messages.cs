namespace Popcorn.ObliviousTransfer.Tests.Mutations;

/// <summary>Mutations that keep a message one message.</summary>
internal static class Messages
{
    /// <summary>What arrives in place of a message.</summary>
    /// <param name="message">The message.</param>
    /// <param name="mutation">What becomes of it.</param>
    /// <param name="random">Which bits, bytes, lengths.</param>
    /// <param name="recorded">All messages of another connection.</param>
    /// <param name="number">The message's number among them.</param>
    public static byte[] Mutate(
        byte[] message, Mutation mutation, Random random, IReadOnlyList<byte[]> recorded, int number)
    {
        switch (mutation)
        {
            case Mutation.Truncated:
                return message.Length == 0 ? [1] : message[..random.Next(message.Length)];

            case Mutation.Lengthened:
                byte[] more = new byte[1 + random.Next(random.Next(2) == 0 ? 4 : 300)];
                random.NextBytes(more);
                return [.. message, .. more];

            case Mutation.Emptied:
                return [];

            case Mutation.OfAnotherStep:
                return recorded[(number + 1 + random.Next(recorded.Count)) % recorded.Count];

            case Mutation.OfAnotherSession:
                return recorded[number];

            case Mutation.Random:
                byte[] noise = new byte[message.Length];
                random.NextBytes(noise);
                return noise;

            case Mutation.Flipped:
                byte[] flipped = [.. message];
                for (int i = random.Next(3); i >= 0 && flipped.Length > 0; i--)
                {
                    flipped[random.Next(flipped.Length)] ^= (byte)(1 << random.Next(8));
                }

                return flipped;

            default:
                return message;
        }
    }
}
