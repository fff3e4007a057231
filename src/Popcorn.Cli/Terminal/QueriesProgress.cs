using Popcorn.Engine.Planning;
using Popcorn.Engine.Sessions;

namespace Popcorn.Cli.Terminal;

/// <summary>How far queries are that are one task together, each of them in steps.</summary>
/// <param name="queries">How many queries.</param>
/// <param name="report">Told what fraction of all is done, and what is being done.</param>
internal sealed class QueriesProgress(int queries, Action<double, string> report)
{
    private readonly double[] _done = new double[queries];
    private readonly Lock _lock = new();

    private void Report(double fraction, string detail) => report(fraction, detail);

    /// <summary>The progress of one of them.</summary>
    /// <param name="query">Its number, from 0.</param>
    /// <param name="name">What leads what it does.</param>
    public IProgress<SessionProgress> Of(int query, string name) => new Query(this, query, name);

    private sealed class Query(QueriesProgress all, int number, string name) : IProgress<SessionProgress>
    {
        private double[] _steps = [];

        public void Report(SessionProgress value)
        {
            lock (all._lock)
            {
                if (_steps.Length != value.Steps)
                {
                    _steps = new double[value.Steps];
                }

                // Before the input is known two lanes of steps run side by side. Then one step follows the other, and
                // those before have been done, here or when the query was prepared.
                _steps[value.Step] = value.Total == 0 ? 0 : (double)value.Done / value.Total;
                if (value.Phase == Phase.Online)
                {
                    Array.Fill(_steps, 1, 0, value.Step);
                }

                all._done[number] = _steps.Average();
                all.Report(all._done.Average(), $"{name}: {ProgressLine.NameOf(value)}");
            }
        }
    }
}
