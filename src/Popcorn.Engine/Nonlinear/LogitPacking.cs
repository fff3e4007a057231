using Popcorn.Engine.Planning;
using Popcorn.Interop;

namespace Popcorn.Engine.Nonlinear;

/// <summary>The last layer: logits packed into slots for the client.</summary>
internal static class LogitPacking
{
    /// <summary>Packs the logits of one chunk.</summary>
    public static byte[] Pack(OutputStep step, ServerContext context, CiphertextBatch logits, int chunk)
    {
        var packer = new SlotPacker(step.Layout, step.ItemsIn(chunk));
        for (int i = 0; i < step.ItemsIn(chunk); i++)
        {
            packer.Next();
            packer.Signed(0, 0, step.FirstOf(chunk) + i, 1, 0, 0, negated: false);
        }

        return packer.Seal([logits], context);
    }
}
