namespace Popcorn.Engine.Resources;

/// <summary>What the sessions of a server have taken of it.</summary>
/// <param name="MemoryReserved">Bytes reserved.</param>
/// <param name="MemoryWaiting">Requests that wait for memory.</param>
/// <param name="Tables">Keys whose tables are held, in use or not.</param>
/// <param name="TableBytes">Bytes of these tables; part of those reserved.</param>
/// <param name="Computing">Turns to compute that run.</param>
/// <param name="ComputeWaiting">Turns to compute that are waited for.</param>
/// <param name="Prepared">Queries that are prepared and wait for their input.</param>
public sealed record ResourceUse(
    long MemoryReserved, int MemoryWaiting, int Tables, long TableBytes, int Computing, int ComputeWaiting,
    int Prepared);
