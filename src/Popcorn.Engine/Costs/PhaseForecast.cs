using Popcorn.Engine.Planning;

namespace Popcorn.Engine.Costs;

/// <summary>What phases of a plan will take, of single layers too.</summary>
/// <param name="plan">The plan.</param>
/// <param name="costs">What its steps cost.</param>
/// <param name="conditions">Machine, threads.</param>
internal sealed class PhaseForecast(
    Plan plan, IReadOnlyDictionary<PlanStep, StepCost> costs, InspectionConditions conditions)
{
    private int Threads => conditions.Threads == 0 ? conditions.Cores : conditions.Threads;

    /// <summary>What a phase will take.</summary>
    /// <param name="phase">The phase.</param>
    /// <param name="layer">The layer whose steps count; null: all steps.</param>
    /// <param name="beside">What it costs beside its steps.</param>
    public PhaseUse Of(Phase phase, int? layer = null, StepCost? beside = null)
    {
        PlanStep[] steps =
            [.. plan.Steps.Where(step => step.Phase == phase && (layer is null || step.Layer == layer))];
        int rounds = layer is null ? plan.RoundsOf(phase) : steps.Sum(step => step.Rounds);
        StepCost all = steps.Aggregate(beside ?? StepCost.None, (sum, step) => sum + costs[step]);

        // Lanes keep all cores busy together, or one of them takes longer than that.
        IGrouping<int, PlanStep>[] lanes = [.. steps.GroupBy(step => step.Lane)];
        double seconds = lanes.Length == 0
            ? SecondsOf(all, phase, rounds)
            : lanes.Max(lane => SecondsOf(phase, lane, lane.Key == 0 ? beside : null));
        return new PhaseUse(
            lanes.Length > 1 ? Math.Max(seconds, SecondsOf(all.Server, all.Client)) : seconds, all.BytesUp,
            all.BytesDown, rounds);
    }

    private double SecondsOf(Phase phase, IEnumerable<PlanStep> steps, StepCost? beside)
    {
        StepCost common = beside ?? StepCost.None;
        double seconds = 0;
        int rounds = 0;
        foreach (PlanStep step in steps)
        {
            rounds += step.Rounds;
            if (step.Overlap is double overlap)
            {
                seconds += SecondsOf(costs[step], overlap);
            }
            else
            {
                common += costs[step];
            }
        }

        return seconds + SecondsOf(common, phase, rounds);
    }

    /// <summary>Both parties' parts, on all cores.</summary>
    private double SecondsOf(Work server, Work client)
    {
        OperationTimes times = conditions.Times;
        return (server.Seconds(times.SecondsOf) + client.Seconds(times.SecondsOf)) / conditions.Cores;
    }

    /// <summary>The server works from beginning to end, the client beside it where there are cores for both.</summary>
    private double SecondsOf(StepCost cost, Phase phase, int rounds)
    {
        OperationTimes times = conditions.Times;
        int cores = conditions.Cores;
        double seconds = Math.Max(SecondsOf(cost.Server, cost.Client), SecondsOf(cost.Server));

        // Once in every round with packed ciphertexts the other cores wait for one that makes or opens a group of them.
        if (cost.Client[Operation.Decrypt] > 0)
        {
            double group = times.Lanes * plan.AloneInRound(phase).Seconds(times.SecondsOf);
            seconds += rounds * group * (1 - 1.0 / cores);
        }

        return seconds;
    }

    /// <summary>Where each party waits for the other before and after.</summary>
    private double SecondsOf(StepCost cost, double overlap)
    {
        double server = SecondsOf(cost.Server), client = SecondsOf(cost.Client);
        double beside = Math.Max(SecondsOf(cost.Server, cost.Client), Math.Max(server, client));
        return (overlap * beside) + ((1 - overlap) * (server + client));
    }

    /// <summary>A party's part alone.</summary>
    private double SecondsOf(Work work)
    {
        OperationTimes times = conditions.Times;
        return work.Seconds(operation => times.SecondsOf(operation) / (Work.IsSpread(operation) ? Threads : 1));
    }
}
