using Popcorn.Cli.Terminal;
using Popcorn.Engine;
using Popcorn.Engine.Costs;
using Popcorn.Engine.Model;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Sessions;

namespace Popcorn.Cli.Measurement;

/// <summary>The families of protocols that a command works with, and how it chooses between them.</summary>
/// <param name="Families">The families: all, or the one that was asked for.</param>
/// <param name="Link">The network for which the cheapest is preferred.</param>
internal sealed record FamilyOffer(IReadOnlyList<Family> Families, NetworkLink Link)
{
    /// <summary>Compiles a model for those of the families that can serve it, and says of the others why not.</summary>
    /// <param name="name">The model's name.</param>
    /// <param name="network">The network.</param>
    /// <param name="keyBits">Bits of a key under which each of them must have a plan.</param>
    /// <exception cref="PopcornException">None can.</exception>
    public ServedModel Compile(string name, IntegerNetwork network, int keyBits) => ServedModel.ForAble(
        name, network, Families, keyBits,
        (family, why) => Output.Note($"popcorn: the family '{family.Name}' cannot serve {name}: {why.Message}"));

    /// <summary>
    /// What the model's families will cost, the cheapest first, which the model then prefers. One that has no plan
    /// under such a key is left out.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="keyBits">Bits of the client's key.</param>
    /// <param name="inspect">Inspects the model as a family serves it.</param>
    /// <exception cref="PopcornException">No family has a plan.</exception>
    public IReadOnlyList<FamilyForecast> Rank(
        ServedModel model, int keyBits, Func<Family, Inspection> inspect)
    {
        var forecasts = new List<FamilyForecast>();
        PopcornException? unfit = null;
        foreach (Family family in model.Families)
        {
            try
            {
                model.PlanFor(keyBits, family: family);
            }
            catch (PopcornException e)
            {
                unfit ??= e;
                continue;
            }

            forecasts.Add(new FamilyForecast(family, inspect(family)));
        }

        IReadOnlyList<FamilyForecast> order = FamilyChoice.Order(forecasts, Link);
        model.Prefer((order.Count > 0 ? order[0] : throw unfit!).Family);
        return order;
    }
}
