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
        StepCost common = beside ?? StepCost.None, apart = StepCost.None;
        double seconds = 0;
        PlanStep[] steps =
            [.. plan.Steps.Where(step => step.Phase == phase && (layer is null || step.Layer == layer))];
        foreach (PlanStep step in steps)
        {
            if (step.Overlap is double overlap)
            {
                apart += costs[step];
                seconds += SecondsOf(costs[step], overlap);
            }
            else
            {
                common += costs[step];
            }
        }

        int rounds = steps.Sum(step => step.Rounds);
        StepCost all = common + apart;
        return new PhaseUse(seconds + SecondsOf(common, phase, rounds), all.BytesUp, all.BytesDown, rounds);
    }

    /// <summary>The server works from beginning to end, the client beside it where there are cores for both.</summary>
    private double SecondsOf(StepCost cost, Phase phase, int rounds)
    {
        OperationTimes times = conditions.Times;
        int cores = conditions.Cores;
        double server = cost.Server.Seconds(times.SecondsOf), client = cost.Client.Seconds(times.SecondsOf);
        double seconds = Math.Max((server + client) / cores, SecondsOf(cost.Server));

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
        OperationTimes times = conditions.Times;
        double both = cost.Server.Seconds(times.SecondsOf) + cost.Client.Seconds(times.SecondsOf);
        double server = SecondsOf(cost.Server), client = SecondsOf(cost.Client);
        double beside = Math.Max(both / conditions.Cores, Math.Max(server, client));
        return (overlap * beside) + ((1 - overlap) * (server + client));
    }

    /// <summary>A party's part alone.</summary>
    private double SecondsOf(Work work)
    {
        OperationTimes times = conditions.Times;
        return work.Seconds(operation => times.SecondsOf(operation) / (Work.IsSpread(operation) ? Threads : 1));
    }
}
