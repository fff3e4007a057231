using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Popcorn.Cli.Data;
using Popcorn.Cli.Measurement;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;
using Popcorn.Engine.Sessions;

namespace Popcorn.Cli.Service;

/// <summary>
/// The models of a server, by their files: compiled when it starts, and on SIGHUP those of which the file has changed
/// since. A model's name is its file's, without the extension.
/// </summary>
internal sealed partial class ModelFiles : IDisposable
{
    private readonly string[] _paths;
    private readonly FamilyOffer _offer;
    private readonly Action<ServedModel>? _rank;
    private readonly Dictionary<string, DateTime> _written = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim _turn = new(1);
    private PosixSignalRegistration? _hangUp;

    /// <summary>Compiles them.</summary>
    /// <param name="paths">The files.</param>
    /// <param name="offer">The families that they are compiled for.</param>
    /// <param name="rank">Finds out which family is the cheaper one of a model that has several.</param>
    /// <exception cref="PopcornException">One is missing or damaged, no family can serve it, or two have one name.
    /// </exception>
    public ModelFiles(string[] paths, FamilyOffer offer, Action<ServedModel>? rank)
    {
        (_paths, _offer, _rank) = (paths, offer, rank);
        foreach (IGrouping<string, string> same in paths.GroupBy(NameOf).Where(group => group.Count() > 1))
        {
            throw new PopcornException($"Two models would be named '{same.Key}': {string.Join(", ", same)}.");
        }

        using var progress = new ProgressLine("compiling the models");
        try
        {
            Array.ForEach(paths, path => Models.Add(Compile(path)));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The models; what is compiled anew is put in here.</summary>
    public ServedModels Models { get; } = new();

    /// <summary>From now on SIGHUP has the files looked at again; Windows has no such signal.</summary>
    /// <param name="logger">Told what was replaced, and of files that cannot be served: then the model stays.</param>
    public void FollowSignal(ILogger logger)
    {
        if (!OperatingSystem.IsWindows())
        {
            _hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
            {
                context.Cancel = true;
                _ = Task.Run(() => Renew(logger));
            });
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _hangUp?.Dispose();
        _turn.Wait(); // for what is being compiled; nothing is after this
        foreach (ServedModel model in Models.All)
        {
            model.Dispose();
        }
    }

    private static string NameOf(string path) => Path.GetFileNameWithoutExtension(path);

    private void Renew(ILogger logger)
    {
        _turn.Wait();
        try
        {
            foreach (string path in _paths.Where(path => File.GetLastWriteTimeUtc(path) != _written[path]))
            {
                try
                {
                    Models.Put(Compile(path));
                    LogReplaced(logger, NameOf(path));
                }
                catch (Exception e)
                {
                    // Whatever it is: nobody else would be told, and the model is there.
                    LogKept(logger, NameOf(path), e.Message);
                }
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    private ServedModel Compile(string path)
    {
        DateTime written = File.GetLastWriteTimeUtc(path);

        // A client may bring a larger key than most do.
        ServedModel model = _offer.Compile(NameOf(path), Files.LoadModel(path), KeyDirectory.AllowedBits.Max());
        if (model.Families.Count > 1)
        {
            _rank?.Invoke(model);
        }

        _written[path] = written;
        return model;
    }

    [LoggerMessage(LogLevel.Information, "{Model}: the file has changed; sessions that begin from now on get it anew")]
    private static partial void LogReplaced(ILogger logger, string model);

    [LoggerMessage(LogLevel.Warning, "{Model}: the changed file cannot be served, the model stays: {Why}")]
    private static partial void LogKept(ILogger logger, string model, string why);
}
