using System.Collections;
using System.Reflection;
using System.Runtime.InteropServices;
using Popcorn.ObliviousTransfer.Bits;
using Popcorn.ObliviousTransfer.Sessions;

namespace Popcorn.ObliviousTransfer.Tests.Sessions;

/// <summary>What an object of the library holds, itself or by others: found by reflection, so that nothing is
/// forgotten.</summary>
internal sealed class Secrets
{
    private readonly HashSet<object> _seen = new(ReferenceEqualityComparer.Instance);

    /// <summary>All that is reachable from an object now.</summary>
    public Secrets(params object[] roots) => Array.ForEach(roots, Visit);

    /// <summary>The memory of all secret arrays.</summary>
    public List<byte[]> Arrays { get; } = [];

    /// <summary>Fields that are blocks, with the object that has them: where the collector may move them.</summary>
    public List<(object Owner, FieldInfo Field)> LooseBlocks { get; } = [];

    /// <summary>Whether all is zero.</summary>
    public bool AreWiped => Arrays.TrueForAll(array => !array.AsSpan().ContainsAnyExcept((byte)0))
        && LooseBlocks.TrueForAll(block => (Block)block.Field.GetValue(block.Owner)! == default);

    /// <summary>How many of some blocks stand somewhere.</summary>
    public int CountOf(IEnumerable<Block> blocks)
    {
        HashSet<Block> wanted = [.. blocks], found = [];
        foreach (byte[] array in Arrays)
        {
            int start = (int)(-Marshal.UnsafeAddrOfPinnedArrayElement(array, 0) & 63);
            foreach (Block block in MemoryMarshal.Cast<byte, Block>(array.AsSpan(start)))
            {
                if (wanted.Contains(block))
                {
                    found.Add(block);
                }
            }
        }

        return found.Count;
    }

    private void Visit(object? value)
    {
        if (value is null || value is string or Delegate || !_seen.Add(value))
        {
            return;
        }

        Type type = value.GetType();
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(SecretArray<>))
        {
            Arrays.Add((byte[])type.GetField("_bytes", BindingFlags.NonPublic | BindingFlags.Instance)!
                .GetValue(value)!);
            return;
        }

        if (value is IEnumerable values and (Array or IDictionary))
        {
            if (!type.IsArray || !type.GetElementType()!.IsPrimitive)
            {
                foreach (object item in value is IDictionary map ? map.Values : values)
                {
                    Visit(item);
                }
            }

            return;
        }

        if (type.Assembly != typeof(Transfers).Assembly)
        {
            return;
        }

        for (Type? declaring = type; declaring is not null; declaring = declaring.BaseType)
        {
            foreach (FieldInfo field in declaring.GetFields(
                BindingFlags.NonPublic | BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly))
            {
                if (field.FieldType == typeof(Block))
                {
                    LooseBlocks.Add((value, field));
                }
                else if (!field.FieldType.IsPrimitive && !field.FieldType.IsByRefLike)
                {
                    Visit(field.GetValue(value));
                }
            }
        }
    }
}
