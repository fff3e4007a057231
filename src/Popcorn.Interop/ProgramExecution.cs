using Popcorn.Interop.Memory;
using Popcorn.Interop.Native;

namespace Popcorn.Interop;

/// <summary>One run of a <see cref="ProductProgram"/>, ready for its tiles: everything is checked and pinned.</summary>
internal unsafe readonly struct ProgramExecution(
    ProductProgram program, PaillierPublicKey key, NativeView* sources, int sourceCount, NativeView* target,
    long* products)
{
    /// <summary>Runs tiles <paramref name="firstTile"/> .. <paramref name="firstTile"/> + tiles − 1.</summary>
    public void Run(int firstTile, int tiles, Execution execution)
    {
        TileGrain grain = TileGrain.For(program.Products);
        if (!program.FillsLanes)
        {
            Tiles.Run(new Block(this, firstTile), tiles, key.Lanes, grain, execution);
        }
        else if (tiles >= 4 * execution.Workers)
        {
            Tiles.Run(new Alone(this, firstTile), tiles, 1, grain, execution);
        }
        else
        {
            for (int tile = 0; tile < tiles; tile++)
            {
                RunTogether(firstTile + tile, execution);
            }
        }
    }

    private void RunTiles(int first, int count)
    {
        ScratchBuffer scratch = ScratchBufferPool.Rent();
        try
        {
            long bytes = program.ScratchBytes(key, count);
            scratch.EnsureLength(bytes);
            NativeStatus.Check(
                NativeMethods.ProgramRun(
                    program.Handle, sources, sourceCount, target, first, count, scratch.Pointer, bytes, out long done),
                "program run");
            Interlocked.Add(ref *products, done);
        }
        finally
        {
            ScratchBufferPool.Return(scratch);
        }
    }

    /// <summary>One tile on all threads.</summary>
    private void RunTogether(int tile, Execution execution)
    {
        if (execution.Workers == 1)
        {
            execution.CancellationToken.ThrowIfCancellationRequested();
            RunTiles(tile, 1);
            return;
        }

        ScratchBuffer scratch = ScratchBufferPool.Rent();
        try
        {
            long bytes = program.ScratchBytes(key, 1);
            scratch.EnsureLength(bytes);
            NativeStatus.Check(
                NativeMethods.ProgramBegin(program.Handle, key.SharedHandle, scratch.Pointer, bytes), "program run");
            ProgramExecution run = this;
            execution.ForEach(execution.Workers, _ => run.Join(tile, scratch, bytes));
        }
        finally
        {
            ScratchBufferPool.Return(scratch);
        }
    }

    private void Join(int tile, ScratchBuffer scratch, long bytes)
    {
        var wait = default(SpinWait);
        for (int done = 0; done == 0;)
        {
            NativeStatus.Check(
                NativeMethods.ProgramJoin(
                    program.Handle, sources, sourceCount, target, tile, scratch.Pointer, bytes, out done,
                    out long part),
                "program run");
            Interlocked.Add(ref *products, part);
            if (done == 0)
            {
                wait.SpinOnce(sleep1Threshold: -1); // what is awaited takes some microseconds
            }
        }
    }

    /// <summary>Tiles in the lanes.</summary>
    private readonly struct Block(ProgramExecution run, int firstTile) : ITile
    {
        public void Run(int start, int count) => run.RunTiles(firstTile + start, count);
    }

    /// <summary>Each tile on its own, all lanes to it.</summary>
    private readonly struct Alone(ProgramExecution run, int firstTile) : ITile
    {
        public void Run(int start, int count)
        {
            for (int tile = start; tile < start + count; tile++)
            {
                run.RunTiles(firstTile + tile, 1);
            }
        }
    }
}
