using System.CommandLine;
using Popcorn.Cli.Data;
using Popcorn.Engine;
using Popcorn.Engine.Model;

namespace Popcorn.Cli.Commands;

/// <summary>The options by which a user names a test set, for every command that measures accuracy.</summary>
internal sealed class TestImageOptions
{
    private readonly Option<string?> _data = new("--data")
    {
        Description = "IDX images, CIFAR-10 .bin, .npy, a PNG, or a folder of PNGs with a CSV (file,label).",
        HelpName = "FILE|DIR",
    };

    private readonly Option<string?> _labels = new("--labels")
    {
        Description = "IDX labels, or a folder's CSV; by default the label file beside the images.",
        HelpName = "FILE",
    };

    private readonly Option<int> _labelOffset = new("--label-offset")
    {
        Description = "Added to every label: 1 where the network's class 0 is the background.",
        HelpName = "N",
    };

    private readonly Option<int> _limit = new Option<int>("--limit")
    {
        Description = "Only the first N images; otherwise all.",
        HelpName = "N",
    }.InRange(1, int.MaxValue);

    /// <param name="required">Whether the command is nothing without a test set.</param>
    public TestImageOptions(bool required) => _data.Required = required;

    /// <summary>Adds them to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[_data, _labels, _labelOffset, _limit])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Whether the user named a test set.</summary>
    /// <exception cref="PopcornException">None, but which part of it, or with which labels.</exception>
    public bool AreGiven(ParseResult parsed)
    {
        bool given = parsed.GetValue(_data) is not null;
        Option? idle = given
            ? null
            : Array.Find((Option[])[_labels, _labelOffset, _limit], option => parsed.GetResult(option) is { Implicit: false });
        return idle is null ? given : throw new PopcornException($"{idle.Name} needs --data.");
    }

    /// <summary>Opens the test set.</summary>
    /// <exception cref="PopcornException">It cannot be read, does not fit, or lacks labels that are needed.</exception>
    public TestImages Open(ParseResult parsed, InputDescription input, bool needsLabels)
    {
        string path = parsed.GetRequiredValue(_data)!;
        IImageSource source = ImageInputs.Open(path, parsed.GetValue(_labels), input);
        if (needsLabels && source.Label(0) is null)
        {
            throw new PopcornException($"'{path}' comes without labels; name them with --labels.");
        }

        int count = parsed.GetValue(_limit) is > 0 and int most ? Math.Min(most, source.Count) : source.Count;
        return new TestImages(source, count, parsed.GetValue(_labelOffset));
    }
}
