using Popcorn.Engine.Model;
using Popcorn.Engine.Protocols;
using Popcorn.Interop;

namespace Popcorn.Engine.Shares;

/// <summary>
/// Values are additive shares of the two parties; all work with public keys is done before the input is known, many
/// values in each ciphertext, and comparisons are made by oblivious transfer: docs/PROTOCOL.md.
/// </summary>
internal sealed class SharesFamily : Family
{
    /// <inheritdoc/>
    public override string Name => "shares";

    /// <inheritdoc/>
    internal override ServerModel Compile(IntegerNetwork network, PublicNetwork description) =>
        new SharesServerModel(network, description);

    /// <inheritdoc/>
    internal override ClientParty CreateClient(PaillierPrivateKey key, PartyOptions options) =>
        new SharesClient(key, options);
}
