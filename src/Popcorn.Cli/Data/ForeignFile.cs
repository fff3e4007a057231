using System.Text;
using Popcorn.Engine;

namespace Popcorn.Cli.Data;

/// <summary>Files that are not read: what they are, by their first bytes, whatever they are called.</summary>
internal static class ForeignFile
{
    /// <summary>So many bytes tell what a file is.</summary>
    public const int HeadBytes = 32;

    private const string Convert = "Convert it to PNG, JPEG or BMP.";
    private const string Other = "Name a file of images.";

    private static readonly Kind[] Kinds =
    [
        new(0, "GIF8"u8, "a GIF picture", Convert),
        new(8, "WEBP"u8, "a WebP picture", Convert),
        new(0, "II*\0"u8, "a TIFF picture", Convert),
        new(0, "MM\0*"u8, "a TIFF picture", Convert),
        new(4, "ftyphe"u8, "a HEIF picture", Convert),
        new(4, "ftypmif1"u8, "a HEIF picture", Convert),
        new(4, "ftypavif"u8, "an AVIF picture", Convert),
        new(4, "JXL "u8, "a JPEG XL picture", Convert),
        new(0, [0xff, 0x0a], "a JPEG XL picture", Convert),
        new(4, "jP  "u8, "a JPEG 2000 picture", Convert),
        new(0, [0, 5, 0x16, 7], "what macOS keeps beside a file on other systems' disks", Other),
        new(0, "%PDF"u8, "a PDF document", Other),
        new(0, "PK\x3\x4"u8, "a ZIP archive", "Unpack it and name what it holds."),
        new(0, "<!doctype"u8, "a web page", "Fetch the file itself."),
        new(0, "<html"u8, "a web page", "Fetch the file itself."),
        new(0, "version https://git-lfs"u8, "Git LFS's pointer to a file", "Fetch the file with git lfs pull."),
    ];

    /// <summary>Whether it is a picture, of a format that is not read.</summary>
    public static bool IsPicture(ReadOnlySpan<byte> head) => Find(head)?.Advice == Convert;

    /// <summary>Why a file is refused that begins as none that is read.</summary>
    /// <param name="path">The file.</param>
    /// <param name="bytes">What it holds.</param>
    /// <param name="wanted">The formats that are read.</param>
    public static PopcornException Refusal(string path, ReadOnlySpan<byte> bytes, string wanted) => new(
        bytes.IsEmpty ? $"'{path}' is empty. Fetch or write it again."
        : Find(bytes) is Kind kind ? $"'{path}' is {kind.Name}. {kind.Advice}"
        : $"'{path}' is no {wanted} file. Name one, or convert it.");

    private static Kind? Find(ReadOnlySpan<byte> head)
    {
        foreach (Kind kind in Kinds)
        {
            // Some write their first word in either case.
            if (head.Length >= kind.Offset + kind.Mark.Length
                && Ascii.EqualsIgnoreCase(head.Slice(kind.Offset, kind.Mark.Length), kind.Mark))
            {
                return kind;
            }
        }

        return null;
    }

    private sealed class Kind(int offset, ReadOnlySpan<byte> mark, string name, string advice)
    {
        public int Offset { get; } = offset;

        public byte[] Mark { get; } = mark.ToArray();

        public string Name { get; } = name;

        public string Advice { get; } = advice;
    }
}
