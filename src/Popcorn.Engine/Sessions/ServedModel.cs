using Popcorn.Engine.Costs;
using Popcorn.Engine.Families;
using Popcorn.Engine.Model;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Interop;

namespace Popcorn.Engine.Sessions;

/// <summary>
/// A model ready to serve: made once for each family, shared by all sessions. Serves any number of sessions at once.
/// Nothing of it changes but which family is preferred.
/// </summary>
public sealed class ServedModel : IDisposable
{
    private readonly Dictionary<string, ServerModel> _models = new(StringComparer.Ordinal);
    private bool _disposed;

    /// <summary>Compiles a network for each of some families.</summary>
    /// <param name="name">The name by which clients ask for it.</param>
    /// <param name="network">The integer network; validated.</param>
    /// <param name="families">
    /// The families that serve it, the preferred one first; where this is left out, all that can.
    /// </param>
    /// <exception cref="PopcornException">
    /// The network is malformed, or a family that was named has no protocol for a layer, or none has.
    /// </exception>
    public ServedModel(string name, IntegerNetwork network, IReadOnlyList<Family>? families = null)
        : this(name, network, families ?? FamilyRegistry.All, keyBits: null, families is null ? Ignore : null)
    {
    }

    private ServedModel(
        string name, IntegerNetwork network, IReadOnlyList<Family> families, int? keyBits,
        Action<Family, PopcornException>? refused)
    {
        Name = name;
        Network = network;
        Public = PublicNetwork.From(network);
        Public.Validate();
        var able = new List<Family>();
        var reasons = new List<(Family Family, PopcornException Why)>();
        foreach (Family family in families)
        {
            try
            {
                ServerModel model = family.Compile(network, Public);
                _models.Add(family.Name, model);
                if (keyBits is int bits)
                {
                    model.PlanFor(bits);
                }

                able.Add(family);
            }
            catch (PopcornException e)
            {
                reasons.Add((family, e));
            }
        }

        if (reasons.Count > 0 && (refused is null || able.Count == 0))
        {
            Dispose();
            throw reasons[0].Why;
        }

        Families = able;
        reasons.ForEach(reason => refused!(reason.Family, reason.Why));
    }

    /// <summary>Compiles a network for those of some families that can serve it.</summary>
    /// <param name="name">The name by which clients ask for it.</param>
    /// <param name="network">The integer network; validated.</param>
    /// <param name="families">The families, the preferred one first.</param>
    /// <param name="keyBits">Bits of a key under which a family must have a plan.</param>
    /// <param name="refused">Told of each family that cannot, and why.</param>
    /// <exception cref="PopcornException">The network is malformed, or none of them can.</exception>
    internal static ServedModel ForAble(
        string name, IntegerNetwork network, IReadOnlyList<Family> families, int keyBits,
        Action<Family, PopcornException> refused) => new(name, network, families, keyBits, refused);

    /// <summary>The name by which clients ask for it.</summary>
    public string Name { get; }

    /// <summary>The integer network; secret.</summary>
    internal IntegerNetwork Network { get; }

    /// <summary>What clients may know of it.</summary>
    public PublicNetwork Public { get; }

    /// <summary>The families that serve it, the preferred one first.</summary>
    public IReadOnlyList<Family> Families { get; private set; }

    /// <summary>From now on sessions take this family where their client speaks it; the others keep their order.
    /// </summary>
    public void Prefer(Family family)
    {
        ArgumentNullException.ThrowIfNull(family);
        _ = In(family);
        Families = [family, .. Families.Where(other => other != family)];
    }

    /// <summary>A family's plan for a key size and a number of images in a query.</summary>
    /// <param name="keyBits">Bits of the client's key.</param>
    /// <param name="images">Images of a query.</param>
    /// <param name="family">One of <see cref="Families"/>; the preferred one, where this is left out.</param>
    /// <param name="order">What the key's randomness is drawn from.</param>
    /// <exception cref="PopcornException">
    /// A value outgrows the plaintexts of such a key, or these are too many images.
    /// </exception>
    internal Plan PlanFor(
        int keyBits, int images = 1, Family? family = null, KeyOrder order = KeyOrder.Full)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return In(family ?? Families[0]).PlanFor(keyBits, images, order);
    }

    /// <summary>The layers, and what an inference will cost.</summary>
    /// <param name="conditions">Key, machine, threads.</param>
    /// <param name="images">Images that the inference classifies at once.</param>
    /// <param name="family">One of <see cref="Families"/>; the preferred one, where this is left out.</param>
    internal Inspection Inspect(InspectionConditions conditions, int images = 1, Family? family = null) =>
        Inspection.Of(Network, In(family ?? Families[0]), conditions, images);

    /// <inheritdoc/>
    public void Dispose()
    {
        _disposed = true;
        foreach (ServerModel model in _models.Values)
        {
            model.Dispose();
        }
    }

    private static void Ignore(Family family, PopcornException why)
    {
    }

    /// <summary>The model as a family serves it.</summary>
    internal ServerModel In(Family family) => _models[family.Name];
}
