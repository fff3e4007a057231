namespace Popcorn.Cli.Terminal;

/// <summary>Gray pictures in text: two rows of pixels in each line.</summary>
internal static class Picture
{
    private const int Bright = 96;

    /// <summary>Draws an image row by row, pixels of 0 to 255 above the line of <see cref="Bright"/> filled.</summary>
    /// <param name="pixels">height × width pixels, row by row.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns; a column is one character.</param>
    /// <param name="blocks">Half blocks; otherwise plain ASCII.</param>
    public static string[] Draw(ReadOnlySpan<int> pixels, int height, int width, bool blocks)
    {
        // Index: upper pixel, then lower pixel.
        string glyphs = blocks ? " ▄▀█" : " .':";
        var lines = new string[(height + 1) / 2];
        for (int line = 0; line < lines.Length; line++)
        {
            var text = new char[width];
            for (int x = 0; x < width; x++)
            {
                int upper = (2 * line * width) + x;
                int lower = upper + width;
                bool low = lower < height * width && pixels[lower] >= Bright;
                text[x] = glyphs[(pixels[upper] >= Bright ? 2 : 0) + (low ? 1 : 0)];
            }

            lines[line] = new string(text);
        }

        return lines;
    }
}
