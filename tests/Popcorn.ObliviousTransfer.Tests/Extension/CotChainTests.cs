using Popcorn.ObliviousTransfer.Extension;

namespace Popcorn.ObliviousTransfer.Tests.Extension;

public class CotChainTests
{
    /// <summary>
    /// Sizes as published: COTs consumed and made, bytes of all trees, bits a COT where the state comes out of the same
    /// iteration.
    /// </summary>
    [Theory]
    [InlineData(10, 74_036, 870_400, 136_000, 1.366)]
    [InlineData(11, 143_942, 2_396_160, 205_920, 0.731)]
    [InlineData(12, 280_384, 6_225_920, 291_840, 0.393)]
    [InlineData(13, 548_988, 15_564_800, 395_200, 0.2106)]
    public void Sets_have_their_sizes(int depth, int consumed, int outputs, int bytes, double bits)
    {
        FerretParameters set = FerretParameters.All.Single(set => set.Depth == depth);
        Assert.Equal(consumed, set.Consumed);
        Assert.Equal(outputs, set.Outputs);
        Assert.Equal(bytes, set.Trees * set.TreeBytes);
        Assert.Equal(bits, 8.0 * bytes / (outputs - consumed), 3);
    }

    [Fact]
    public void SoftSpoken_alone_gives_what_is_wanted_in_whole_batches()
    {
        var chain = new CotChain(null);
        Assert.Equal(new Stage(StageKind.Direct, null, 0, 0, 128, 128), chain.Next(1));
        Assert.Equal(128 * 31 / 8, chain.Next(128).Bytes);
        Assert.Equal(256, chain.Next(129).Usable);
    }

    [Fact]
    public void A_chain_begins_with_the_smallest_set_and_settles_on_the_steady_one()
    {
        var chain = new CotChain(FerretParameters.Depth13);
        Stage bootstrap = chain.Next(1_000_000);
        Assert.Equal((StageKind.Bootstrap, 74_112, 0), (bootstrap.Kind, bootstrap.Count, bootstrap.Usable));

        // All 850 trees, as 548,988 of their outputs are the next state.
        Stage first = chain.Next(1_000_000);
        Assert.Equal(new Stage(StageKind.Trees, FerretParameters.Depth10, 0, 0, 850, 321_412), first);

        // 68 trees fill the next state, all but 8,068 outputs.
        Stage second = chain.Next(8_068);
        Assert.Equal(new Stage(StageKind.Trees, FerretParameters.Depth13, 1, 0, 68, 8_068), second);
        Assert.Equal(new Stage(StageKind.Trees, FerretParameters.Depth13, 1, 68, 2, 16_384), chain.Next(8_193));
        Stage rest = chain.Next(100_000_000);
        Assert.Equal((1u, 70, 1_830), ((uint)rest.Iteration, rest.First, rest.Count));
        Assert.Equal((2u, 0), ((uint)chain.Next(1).Iteration, chain.Next(1).First - 68));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(11)]
    [InlineData(12)]
    [InlineData(13)]
    public void Whatever_is_asked_for_a_stage_is_no_longer_than_needed_and_no_tree_runs_twice(int depth)
    {
        FerretParameters steady = FerretParameters.All.Single(set => set.Depth == depth);
        var chain = new CotChain(steady);
        Assert.Equal(StageKind.Bootstrap, chain.Next(1).Kind);
        var random = new Random(depth);
        (ulong Iteration, int Tree) next = (0, 0);
        long made = 0;
        for (int i = 0; i < 3000; i++)
        {
            long wanted = 1 + random.NextInt64(1L << random.Next(1, 26));
            Stage stage = chain.Next(wanted);
            if (stage.Iteration != next.Iteration)
            {
                Assert.Equal((next.Iteration + 1, 0), (stage.Iteration, stage.First));
                made = 0;
            }
            else
            {
                Assert.Equal(next.Tree, stage.First);
            }

            Assert.InRange(stage.Count, 1, stage.Set!.Trees - stage.First);
            next = (stage.Iteration, stage.First + stage.Count);
            made += stage.Usable;
            long outputs = (long)next.Tree * stage.Set.Leaves;
            Assert.Equal(Math.Max(0, outputs - steady.Consumed), made);
            Assert.True(stage.Usable >= wanted || next.Tree == stage.Set.Trees);
            Assert.True(stage.Usable < wanted + stage.Set.Leaves);
        }
    }
}
