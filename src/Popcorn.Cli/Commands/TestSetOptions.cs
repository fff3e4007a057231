using System.CommandLine;
using Popcorn.Cli.Data;
using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Commands;

/// <summary>The options by which a command is told of a test set.</summary>
internal sealed class TestSetOptions
{
    private readonly Option<string?> _data;

    private readonly Option<string?> _labels = new("--labels")
    {
        Description = "IDX labels, or a folder's CSV; by default the label file beside the images.",
        HelpName = "FILE",
    };

    private readonly Option<int> _labelOffset = new Option<int>("--label-offset")
    {
        Description = "Added to every label: 1 where the network's class 0 is the background.",
        HelpName = "N",
    }.AnyNumber();

    private readonly Option<int> _limit = new Option<int>("--limit")
    {
        Description = "Only the first N images; otherwise all.",
        HelpName = "N",
    }.InRange(1, int.MaxValue);

    public TestSetOptions(bool required) => _data = new Option<string?>("--data")
    {
        Description = "IDX images, CIFAR-10 .bin, .npy, a picture, or a folder of pictures (PNG, JPEG, BMP) with a CSV "
            + "(file,label).",
        HelpName = "FILE|DIR",
        Required = required,
    };

    /// <summary>Makes a command take them.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_data, _labels, _labelOffset, _limit])
        {
            command.Add(option);
        }
    }

    /// <summary>Opens the test set that was named, if one was.</summary>
    /// <exception cref="PopcornException">It cannot be read or does not fit, or is described but not named.</exception>
    public TestSet? Open(ParseResult parsed, InputDescription input)
    {
        if (parsed.GetValue(_data) is not string path)
        {
            bool idle = parsed.GetValue(_labels) is not null
                || parsed.GetValue(_labelOffset) != 0 || parsed.GetValue(_limit) > 0;
            return idle ? throw new PopcornException("--labels, --label-offset and --limit need --data.") : null;
        }

        IImageSource source = ImageInputs.Open(path, parsed.GetValue(_labels), input);
        int limit = parsed.GetValue(_limit);
        return new TestSet(
            path, source, limit > 0 ? Math.Min(limit, source.Count) : source.Count, parsed.GetValue(_labelOffset));
    }
}
