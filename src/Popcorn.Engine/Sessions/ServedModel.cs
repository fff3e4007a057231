using Popcorn.Engine.Costs;
using Popcorn.Engine.Families;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;

namespace Popcorn.Engine.Sessions;

/// <summary>
/// A model ready to serve: made once for each family, shared by all sessions. Serves any number of sessions at once.
/// </summary>
public sealed class ServedModel : IDisposable
{
    private readonly Dictionary<string, ServerModel> _models = new(StringComparer.Ordinal);

    /// <summary>Compiles a network.</summary>
    /// <param name="name">The name by which clients ask for it.</param>
    /// <param name="network">The integer network; validated.</param>
    /// <param name="families">The families that serve it, the preferred one first; all, where this is left out.</param>
    /// <exception cref="PopcornException">
    /// The network is malformed, or a family has no protocol for a layer.
    /// </exception>
    public ServedModel(string name, IntegerNetwork network, IReadOnlyList<Family>? families = null)
    {
        Name = name;
        Network = network;
        Public = PublicNetwork.From(network);
        Public.Validate();
        Families = families ?? FamilyRegistry.All;
        foreach (Family family in Families)
        {
            _models.Add(family.Name, family.Compile(network, Public));
        }
    }

    /// <summary>The name by which clients ask for it.</summary>
    public string Name { get; }

    /// <summary>The integer network; secret.</summary>
    public IntegerNetwork Network { get; }

    /// <summary>What clients may know of it.</summary>
    public PublicNetwork Public { get; }

    /// <summary>The families that serve it, the preferred one first.</summary>
    public IReadOnlyList<Family> Families { get; }

    /// <summary>The preferred family's plan for a key size and a number of images in a query.</summary>
    /// <exception cref="PopcornException">
    /// A value outgrows the plaintexts of such a key, or these are too many images.
    /// </exception>
    public Plan PlanFor(int keyBits, int images = 1) => In(Families[0]).PlanFor(keyBits, images);

    /// <summary>The layers, and what an inference by the preferred family will cost.</summary>
    /// <param name="conditions">Key, machine, threads.</param>
    /// <param name="images">Images that the inference classifies at once.</param>
    public Inspection Inspect(InspectionConditions conditions, int images = 1) =>
        Inspection.Of(Network, In(Families[0]), conditions, images);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ServerModel model in _models.Values)
        {
            model.Dispose();
        }
    }

    /// <summary>The model as a family serves it.</summary>
    internal ServerModel In(Family family) => _models[family.Name];
}
