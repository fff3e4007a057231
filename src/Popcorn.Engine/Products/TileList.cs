using System.Collections;

namespace Popcorn.Engine.Products;

/// <summary>The positions that the tiles of a program stand for.</summary>
/// <param name="fillsLanes">Whether tiles run one by one; if not, they are side by side in the lanes.</param>
internal sealed class TileList(bool fillsLanes) : IEnumerable<int>
{
    private readonly List<int> _positions = [];

    public bool FillsLanes => fillsLanes;

    /// <summary>Tiles with those that only fill up.</summary>
    public int Count => _positions.Count;

    /// <summary>Tiles without those.</summary>
    public int Real => _positions.Count(position => position >= 0);

    public void Add(int position) => _positions.Add(position);

    public void AddRange(int first, int end) => _positions.AddRange(Enumerable.Range(first, end - first));

    /// <summary>
    /// Adds empty tiles (−1) until all lanes are full: tiles left over would run one by one, by a program that is not
    /// made for it.
    /// </summary>
    public void Pad()
    {
        while (!fillsLanes && _positions.Count % LinearCompiler.SideBySide != 0)
        {
            _positions.Add(-1);
        }
    }

    public IEnumerator<int> GetEnumerator() => _positions.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
