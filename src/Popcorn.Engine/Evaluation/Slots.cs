using Popcorn.Engine.Model;

namespace Popcorn.Engine.Evaluation;

/// <summary>
/// Assigns the values of a network to slots of memory, so that those which are needed at once have their own.
/// </summary>
internal sealed class Slots
{
    private readonly int[] _slotOf;
    private readonly List<long> _lengths = [];

    /// <param name="network">The network.</param>
    /// <param name="limbs">Limbs of an element, by value.</param>
    /// <exception cref="PopcornException">A value of one image is larger than any array.</exception>
    public Slots(IntegerNetwork network, int[] limbs)
    {
        int values = limbs.Length;
        int[] lastUse = [.. Enumerable.Range(0, values)];
        for (int i = 0; i < network.Layers.Count; i++)
        {
            foreach (int value in network.Layers[i].Inputs)
            {
                lastUse[value] = i + 1;
            }
        }

        _slotOf = new int[values];
        var free = new List<int>();
        ILookup<int, int> expiring = Enumerable.Range(0, values).ToLookup(value => lastUse[value]);
        for (int value = 0; value < values; value++)
        {
            long length = (long)limbs[value] * network.ShapeOf(value).Size;
            if (length > Array.MaxLength)
            {
                throw new PopcornException(
                    $"The output of layer '{network.Layers[value - 1].Name}' is too large to be evaluated.");
            }

            _slotOf[value] = TakeSlot(free, length);
            free.AddRange(expiring[value].Select(expired => _slotOf[expired]));
        }
    }

    /// <summary>Limbs of each slot for one image.</summary>
    public IReadOnlyList<long> Lengths => _lengths;

    /// <summary>The slot of a value.</summary>
    public int this[int value] => _slotOf[value];

    /// <summary>
    /// The smallest free slot that is large enough, else the largest one, which grows, else a new one.
    /// </summary>
    private int TakeSlot(List<int> free, long length)
    {
        int slot = free.Where(s => _lengths[s] >= length).OrderBy(s => _lengths[s]).FirstOrDefault(
            free.OrderByDescending(s => _lengths[s]).FirstOrDefault(_lengths.Count));
        if (!free.Remove(slot))
        {
            _lengths.Add(0);
        }

        _lengths[slot] = Math.Max(_lengths[slot], length);
        return slot;
    }
}
