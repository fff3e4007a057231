using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>What a side of a value runs over, among the elements as they lie.</summary>
internal enum Role
{
    /// <summary>A side of 1.</summary>
    One,
    Batch,
    Channel,
    Row,
    Column,

    /// <summary>The positions of a plane, row by row.</summary>
    Plane,

    /// <summary>All elements of an image as they lie.</summary>
    Features,
}

/// <summary>
/// How the sides that ONNX gives to a value run over its elements as they lie: channel by channel, row by row, image by
/// image. Transposing and reshaping change the layout only; the elements stay where they are.
/// </summary>
internal sealed class Layout
{
    /// <summary>Of each side the runs that it is made of, the slowest first; none for a side of 1.</summary>
    private readonly Stretch[][] _sides;

    private Layout(Stretch[][] sides)
    {
        _sides = Array.ConvertAll(sides, Merged);
        Dims = Array.ConvertAll(sides, runs => Dimensions.Product(runs.Select(r => r.Count)));
    }

    public int[] Dims { get; }

    /// <summary>Sides over elements that lie in the order of the sides.</summary>
    public static Layout Of(params int[] dims)
    {
        int[] steps = Dimensions.Steps(dims);
        return new Layout([.. dims.Select((side, i) => Single(side, steps[i]))]);
    }

    /// <summary>Sides that run over a batch of planes as their roles say.</summary>
    public static Layout Of(IEnumerable<Role> roles, int batch, Shape shape) => new([.. roles.Select(role =>
    {
        (int count, int step) = Extent(role, batch, shape);
        return Single(count, step);
    })]);

    /// <summary>The role of each side, or null where a side runs over anything else.</summary>
    public Role[]? RolesOver(int batch, Shape shape)
    {
        var roles = new Role[_sides.Length];
        for (int i = 0; i < roles.Length; i++)
        {
            Stretch[] runs = _sides[i];
            Role role = runs.Length == 0 ? Role.One : Enum.GetValues<Role>().FirstOrDefault(
                r => r != Role.One && runs is [Stretch run] && Extent(r, batch, shape) == (run.Count, run.Step));
            if (role == Role.One && runs.Length > 0)
            {
                return null;
            }

            roles[i] = role;
        }

        return roles;
    }

    public Layout Permuted(int[] permutation)
    {
        Dimensions.Permuted(Dims, permutation);
        return new Layout(Array.ConvertAll(permutation, p => _sides[p]));
    }

    /// <summary>Other sides over the same elements in the same order; null where no runs give them.</summary>
    public Layout? Reshaped(int[] dims)
    {
        var rest = new Stack<Stretch>(Merged([.. _sides.SelectMany(runs => runs)]).Reverse());
        var sides = new Stretch[dims.Length][];
        for (int i = 0; i < dims.Length; i++)
        {
            var side = new List<Stretch>();
            int wanted = dims[i];
            while (wanted > 1)
            {
                Stretch run = rest.Pop();
                int taken = wanted % run.Count == 0 ? run.Count : run.Count % wanted == 0 ? wanted : 0;
                if (taken == 0)
                {
                    return null;
                }

                int left = run.Count / taken;
                side.Add(new Stretch(taken, run.Step * left));
                if (left > 1)
                {
                    rest.Push(run with { Count = left });
                }

                wanted /= taken;
            }

            sides[i] = [.. side];
        }

        return new Layout(sides);
    }

    /// <summary>Where the elements lie, in the order of the sides.</summary>
    public int[] Offsets()
    {
        int[] offsets = [0];
        foreach (Stretch run in _sides.SelectMany(runs => runs))
        {
            var finer = new int[offsets.Length * run.Count];
            for (int i = 0; i < finer.Length; i++)
            {
                finer[i] = offsets[i / run.Count] + i % run.Count * run.Step;
            }

            offsets = finer;
        }

        return offsets;
    }

    /// <summary>
    /// This layout's sides over elements that were moved so that another one's sides now run over them in order.
    /// </summary>
    public Layout Moved(Layout ordered)
    {
        // What both are made of: the runs of the other, from the slowest to the fastest by this one's elements.
        Stretch[] runs = [.. ordered._sides.SelectMany(side => side)];
        int[] steps = Dimensions.Steps(Array.ConvertAll(runs, r => r.Count));
        IEnumerable<Stretch> moved = runs
            .Select((run, i) => (Old: run.Step, New: run with { Step = steps[i] }))
            .OrderByDescending(r => r.Old).Select(r => r.New);
        return new Layout([[.. moved]]).Reshaped(Dims)
            ?? throw new NodeException("its input is used in two orders of its elements, which cannot be imported");
    }

    public bool IsSameAs(Layout other) =>
        _sides.Length == other._sides.Length
        && _sides.Zip(other._sides).All(pair => pair.First.AsSpan().SequenceEqual(pair.Second));

    private static (int Count, int Step) Extent(Role role, int batch, Shape shape) => role switch
    {
        Role.One => (1, 1),
        Role.Batch => (batch, shape.Size),
        Role.Channel => (shape.Channels, shape.Area),
        Role.Row => (shape.Height, shape.Width),
        Role.Column => (shape.Width, 1),
        Role.Plane => (shape.Area, 1),
        Role.Features => (shape.Size, 1),
        _ => throw new ArgumentOutOfRangeException(nameof(role)),
    };

    private static Stretch[] Single(int count, int step) => count == 1 ? [] : [new Stretch(count, step)];

    /// <summary>Runs of which one goes on where the other ends, as one.</summary>
    private static Stretch[] Merged(Stretch[] runs)
    {
        var merged = new List<Stretch>();
        foreach (Stretch run in runs)
        {
            if (merged.Count > 0 && merged[^1].Step == (long)run.Step * run.Count)
            {
                merged[^1] = new Stretch(merged[^1].Count * run.Count, run.Step);
            }
            else
            {
                merged.Add(run);
            }
        }

        return [.. merged];
    }

    /// <summary>So many elements, so far apart.</summary>
    private readonly record struct Stretch(int Count, int Step);
}
