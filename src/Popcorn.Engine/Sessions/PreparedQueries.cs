using System.Diagnostics;
using Popcorn.Engine.Protocols;

namespace Popcorn.Engine.Sessions;

/// <summary>
/// Queries of one connection that are prepared and wait for their input. Both parties number them alike, in ascending
/// order, and taking one ends all before it: what one party may have used, neither uses again.
/// </summary>
/// <param name="counted">Told how many more there are, or fewer.</param>
internal sealed class PreparedQueries<T>(Action<int>? counted = null) : IDisposable
    where T : PartyQuery
{
    private readonly Queue<(ulong Number, PreparedQuery<T> Prepared)> _queries = new();

    /// <summary>How many there are.</summary>
    public int Count => _queries.Count;

    /// <summary>The number of the next query, prepared or not.</summary>
    public ulong Next { get; private set; }

    /// <summary>Keeps a query under the next number.</summary>
    public void Add(PreparedQuery<T> query)
    {
        _queries.Enqueue((Next++, query));
        counted?.Invoke(1);
    }

    /// <summary>The number of the first query of some images that is prepared, else the next number.</summary>
    public ulong NumberFor(int images) =>
        _queries.Where(q => q.Prepared.Query.Plan.Images == images).Select(q => (ulong?)q.Number).FirstOrDefault()
        ?? Next;

    /// <summary>Takes a query out and ends those before it; null where it is not prepared.</summary>
    /// <exception cref="PopcornException">The number is an old one, or none that is due.</exception>
    public PreparedQuery<T>? Take(ulong number)
    {
        while (_queries.TryDequeue(out (ulong Number, PreparedQuery<T> Prepared) first))
        {
            counted?.Invoke(-1);
            if (first.Number == number)
            {
                return first.Prepared;
            }

            first.Prepared.Query.Dispose();
        }

        if (number != Next)
        {
            throw new PopcornException(
                PopcornError.Protocol, $"The client runs query {number} where {Next} was due; each is run once.");
        }

        Next++;
        return null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((_, PreparedQuery<T> prepared) in _queries)
        {
            prepared.Query.Dispose();
        }

        counted?.Invoke(-_queries.Count);
        _queries.Clear();
    }
}

/// <summary>A query that waits for its input.</summary>
/// <param name="Query">The party's part in it.</param>
/// <param name="Took">What preparing it took, which counts when it is run.</param>
/// <param name="Trace">The span in which it was prepared, where there is one.</param>
internal sealed record PreparedQuery<T>(T Query, PhaseMeasure Took, ActivityContext Trace = default)
    where T : PartyQuery;
