namespace Popcorn.ObliviousTransfer.Symmetric;

/// <summary>Where blocks to encrypt come from, and what becomes of them: so that neither goes through memory
/// first.</summary>
internal interface IBlockMap
{
    /// <summary>A block to encrypt. Those of eight in a row are asked for before any of them is handed back.</summary>
    Block Input(int index);

    /// <summary>What came out.</summary>
    void Output(int index, Block cipher);
}
