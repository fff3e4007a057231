namespace Popcorn.Engine.Import;

/// <summary>ONNX's types of elements, by its own numbers.</summary>
internal enum ElementType
{
    Undefined = 0,
    Float = 1,
    UInt8 = 2,
    Int8 = 3,
    UInt16 = 4,
    Int16 = 5,
    Int32 = 6,
    Int64 = 7,
    String = 8,
    Bool = 9,
    Float16 = 10,
    Double = 11,
    UInt32 = 12,
    UInt64 = 13,
    Complex64 = 14,
    Complex128 = 15,
    BFloat16 = 16,
    Float8E4M3FN = 17,
    Float8E4M3FNUZ = 18,
    Float8E5M2 = 19,
    Float8E5M2FNUZ = 20,
    UInt4 = 21,
    Int4 = 22,
    Float4E2M1 = 23,
}

/// <summary>What is known of the types.</summary>
internal static class ElementTypes
{
    /// <summary>A type by the number in a file; a refusal names it.</summary>
    public static ElementType Of(int number) => (ElementType)number is var type && Bits(type) > 0
        ? type
        : throw new NodeException(
            $"its elements are of type {Name(type)}, which cannot be read; save them as floating-point numbers");

    /// <summary>The type's name in ONNX.</summary>
    public static string Name(ElementType type) =>
        Enum.IsDefined(type) ? type.ToString().ToLowerInvariant() : $"{(int)type}, unknown to this version";

    /// <summary>Bits of an element; 0 where it cannot be read.</summary>
    public static int Bits(ElementType type) => type switch
    {
        ElementType.UInt4 or ElementType.Int4 => 4,
        ElementType.UInt8 or ElementType.Int8 or ElementType.Bool => 8,
        ElementType.UInt16 or ElementType.Int16 or ElementType.Float16 or ElementType.BFloat16 => 16,
        ElementType.Float or ElementType.Int32 or ElementType.UInt32 => 32,
        ElementType.Double or ElementType.Int64 or ElementType.UInt64 => 64,
        _ => 0,
    };

    public static bool IsSigned(this ElementType type) =>
        type is ElementType.Int4 or ElementType.Int8 or ElementType.Int16 or ElementType.Int32 or ElementType.Int64;

    public static bool IsInteger(this ElementType type) => type.IsSigned()
        || type is ElementType.UInt4 or ElementType.UInt8 or ElementType.UInt16 or ElementType.UInt32
            or ElementType.UInt64;

    /// <summary>The least and the greatest number of an integer type.</summary>
    public static (double Least, double Greatest) RangeOf(ElementType type)
    {
        double count = Math.Pow(2, Bits(type));
        return type.IsSigned() ? (-count / 2, count / 2 - 1) : (0, count - 1);
    }
}
