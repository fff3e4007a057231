using System.CommandLine;
using Popcorn.Cli.Measurement;
using Popcorn.Engine.Costs;
using Popcorn.Engine.Families;
using Popcorn.Engine.Protocols;

namespace Popcorn.Cli.Commands;

/// <summary>The options by which a command is told of families of protocols and of the link they are to suit.</summary>
internal sealed class FamilyOptions
{
    private static readonly string[] Names = [.. FamilyRegistry.All.Select(family => family.Name)];

    private readonly Option<string?> _family;
    private readonly Option<double>? _delay;
    private readonly Option<double>? _bandwidth;

    /// <param name="description">What the command does with the family.</param>
    /// <param name="link">What the command does with the link; null: it has none.</param>
    public FamilyOptions(string description, string? link = null)
    {
        _family = new Option<string?>("--family")
        {
            Description = description,
            HelpName = string.Join('|', Names),
        }.AcceptOnly(Names);
        if (link is not null)
        {
            _delay = new Option<double>("--delay")
            {
                Description = $"Milliseconds that a message takes from one party to the other, {link}.",
                HelpName = "MS",
            }.InRange(0, 10_000);
            _bandwidth = new Option<double>("--bandwidth")
            {
                Description = $"Megabits a second in each direction, {link}; 0: any number.",
                HelpName = "MBIT",
            }.InRange(0, 1_000_000);
        }
    }

    /// <summary>Makes a command take them.</summary>
    public void AddTo(Command command)
    {
        foreach (Option? option in (Option?[])[_family, _delay, _bandwidth])
        {
            if (option is not null)
            {
                command.Add(option);
            }
        }
    }

    /// <summary>The name of the family that was asked for, if one was.</summary>
    public string? NameIn(ParseResult parsed) => parsed.GetValue(_family);

    /// <summary>The families to work with: the one that was asked for, else all.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="families">All of them as the command has chosen; with their defaults, where this is left out.
    /// </param>
    public FamilyOffer OfferIn(ParseResult parsed, IReadOnlyList<Family>? families = null)
    {
        families ??= FamilyRegistry.All;
        string? name = NameIn(parsed);
        return new FamilyOffer(
            name is null ? families : [.. families.Where(family => family.Name == name)], LinkIn(parsed));
    }

    private NetworkLink LinkIn(ParseResult parsed) => _delay is null || _bandwidth is null
        ? NetworkLink.None
        : new NetworkLink(parsed.GetValue(_delay), parsed.GetValue(_bandwidth));
}
