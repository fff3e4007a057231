using System.Runtime.InteropServices;
using Microsoft.Extensions.Logging;
using Popcorn.Cli.Data;
using Popcorn.Cli.Measurement;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;
using Popcorn.Engine.Model;
using Popcorn.Engine.Sessions;

namespace Popcorn.Cli.Service;

/// <summary>
/// The models of a server, by their files: compiled when it starts, and on SIGHUP those of which the file has changed
/// since, or that are listed anew. A model's name is its file's, without the extension.
/// </summary>
internal sealed partial class ModelFiles : IDisposable
{
    private const string Extension = ".popcorn";

    private readonly Func<string[]> _listAgain;
    private readonly FamilyOffer _offer;
    private readonly Action<ServedModel>? _rank;

    /// <summary>By the models' names what they were made of.</summary>
    private readonly Dictionary<string, (string Path, FileStamp Stamp)> _read = new(StringComparer.Ordinal);

    private readonly TaskCompletionSource<ILogger> _logger = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _turn = new(1);
    private readonly PosixSignalRegistration? _hangUp;

    /// <summary>Compiles them. From now on SIGHUP has the files looked at again; Windows has no such signal.</summary>
    /// <param name="paths">The files, or folders of such.</param>
    /// <param name="listAgain">Tells on SIGHUP which they are then.</param>
    /// <param name="offer">The families that they are compiled for.</param>
    /// <param name="rank">Finds out which family is the cheaper one of a model that has several.</param>
    /// <exception cref="PopcornException">One is missing or damaged, no family can serve it, or two have one name.
    /// </exception>
    public ModelFiles(
        string[] paths, Func<string[]> listAgain, FamilyOffer offer, Action<ServedModel>? rank)
    {
        (_listAgain, _offer, _rank) = (listAgain, offer, rank);

        // Before anything takes its time: the signal ends a process that does not listen to it.
        if (!OperatingSystem.IsWindows())
        {
            _hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, context =>
            {
                context.Cancel = true;
                _ = Task.Run(RenewAsync);
            });
        }

        using var progress = new ProgressLine("compiling the models");
        try
        {
            Array.ForEach(FilesOf(paths), path => Models.Add(Compile(path)));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The models; what is compiled anew is put in here.</summary>
    public ServedModels Models { get; } = new();

    /// <summary>Has signals obeyed, also those that have come already.</summary>
    /// <param name="logger">Told what came, was replaced and went, and of files that cannot be served: then the model
    /// stays.</param>
    public void FollowSignal(ILogger logger) => _logger.SetResult(logger);

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

    /// <summary>The files that stand for models, of which no two have one name.</summary>
    private static string[] FilesOf(string[] paths)
    {
        string[] files = [.. paths.SelectMany(path => Directory.Exists(path) ? FilesIn(path) : [path])];
        foreach (IGrouping<string, string> same in files.GroupBy(NameOf).Where(group => group.Count() > 1))
        {
            throw new PopcornException($"Two models would be named '{same.Key}': {string.Join(", ", same)}.");
        }

        return files;
    }

    private static IEnumerable<string> FilesIn(string folder)
    {
        string[] files = Directory.GetFiles(folder, $"*{Extension}");
        return files.Length > 0 ? files.Order(StringComparer.Ordinal)
            : throw new PopcornException($"'{folder}' has no models: files whose names end in {Extension}.");
    }

    private async Task RenewAsync()
    {
        ILogger logger = await _logger.Task.ConfigureAwait(false);
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            Renew(logger);
        }
        finally
        {
            _turn.Release();
        }
    }

    private void Renew(ILogger logger)
    {
        string[] paths;
        try
        {
            paths = FilesOf(_listAgain());
        }
        catch (Exception e) when (e is PopcornException or IOException or UnauthorizedAccessException)
        {
            LogListKept(logger, e.Message);
            paths = [.. _read.Values.Select(each => each.Path)];
        }

        foreach (string path in paths)
        {
            string name = NameOf(path);
            bool isKnown = _read.TryGetValue(name, out (string Path, FileStamp Stamp) before);
            if (!isKnown || before.Stamp != FileStamp.Of(path))
            {
                Renew(logger, path, name, isKnown);
            }
        }

        foreach (string name in _read.Keys.Except(paths.Select(NameOf)).ToArray())
        {
            _read.Remove(name);
            Models.Remove(name);
            LogRemoved(logger, name);
        }
    }

    private void Renew(ILogger logger, string path, string name, bool isKnown)
    {
        try
        {
            Models.Put(Compile(path, logger));
            if (isKnown)
            {
                LogReplaced(logger, name);
            }
            else
            {
                LogAdded(logger, name);
            }
        }
        catch (Exception e)
        {
            // Whatever it is: nobody else would be told, and the model before is there.
            if (isKnown)
            {
                LogKept(logger, name, e.Message);
            }
            else
            {
                LogNotAdded(logger, name, e.Message);
            }
        }
    }

    private ServedModel Compile(string path, ILogger? logger = null)
    {
        FileStamp there = FileStamp.Of(path);
        string name = NameOf(path);
        IntegerNetwork network = Files.LoadModel(path);

        // A client may bring a larger key than most do.
        int keyBits = KeyDirectory.AllowedBits.Max();
        ServedModel model = logger is null
            ? _offer.Compile(name, network, keyBits)
            : ServedModel.ForAble(
                name, network, _offer.Families, keyBits,
                (family, why) => LogUnable(logger, name, family.Name, why.Message));
        if (model.Families.Count > 1)
        {
            _rank?.Invoke(model);
        }

        _read[name] = (path, there);
        return model;
    }

    [LoggerMessage(LogLevel.Information, "{Model}: the file has changed; sessions that begin from now on get it anew")]
    private static partial void LogReplaced(ILogger logger, string model);

    [LoggerMessage(LogLevel.Warning, "{Model}: the changed file cannot be served, the model stays: {Why}")]
    private static partial void LogKept(ILogger logger, string model, string why);

    [LoggerMessage(LogLevel.Warning, "{Model}: the family '{Family}' cannot serve it: {Why}")]
    private static partial void LogUnable(ILogger logger, string model, string family, string why);

    [LoggerMessage(LogLevel.Information, "{Model}: listed anew; sessions that begin from now on may ask for it")]
    private static partial void LogAdded(ILogger logger, string model);

    [LoggerMessage(LogLevel.Warning, "{Model}: listed anew, but it cannot be served: {Why}")]
    private static partial void LogNotAdded(ILogger logger, string model, string why);

    [LoggerMessage(LogLevel.Information, "{Model}: no longer listed; no session that begins from now on gets it")]
    private static partial void LogRemoved(ILogger logger, string model);

    [LoggerMessage(LogLevel.Warning, "the models stay those that were listed: {Why}")]
    private static partial void LogListKept(ILogger logger, string why);
}
