using Popcorn.Engine;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;

namespace Popcorn.Hosting;

/// <summary>
/// Oblivious inference by one model of a service: what an application depends on, and its tests replace. Disposed
/// either way, as containers do; asynchronously no thread waits for what is under way.
/// </summary>
public interface IPopcornClient : IAsyncDisposable, IDisposable
{
    /// <summary>What the model takes and gives, as the service describes it.</summary>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="PopcornException">The service cannot be reached, or refuses.</exception>
    Task<PublicNetwork> DescribeAsync(CancellationToken cancellationToken = default);

    /// <summary>One inference.</summary>
    /// <param name="input">The input's integers, channel by channel, row by row: see <see cref="InputDescription"/>.
    /// </param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Gives up, on both sides.</param>
    /// <exception cref="PopcornException">The service cannot be reached or refuses, or the input does not fit.
    /// </exception>
    Task<InferenceResult> InferAsync(
        ReadOnlyMemory<int> input, IProgress<SessionProgress>? progress = null,
        CancellationToken cancellationToken = default);

    /// <summary>One query for several inputs: as many round trips as for one.</summary>
    /// <param name="inputs">Their integers.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Gives up, on both sides.</param>
    /// <exception cref="PopcornException">As for one; or they are too many for one query.</exception>
    Task<IReadOnlyList<InferenceResult>> InferAsync(
        IReadOnlyList<ReadOnlyMemory<int>> inputs, IProgress<SessionProgress>? progress = null,
        CancellationToken cancellationToken = default);

    /// <summary>One inference of a picture, which is fitted to what the model takes.</summary>
    /// <param name="image">Of any size.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Gives up, on both sides.</param>
    /// <exception cref="PopcornException">As for an input; or the model takes no pictures.</exception>
    Task<InferenceResult> InferAsync(
        Image image, IProgress<SessionProgress>? progress = null, CancellationToken cancellationToken = default);
}
