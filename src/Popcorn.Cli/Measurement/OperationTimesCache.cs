using System.Text.Json;
using System.Text.Json.Serialization;
using Popcorn.Cli.Data;
using Popcorn.Engine;
using Popcorn.Engine.Costs;
using Popcorn.Engine.Planning;
using Popcorn.Engine.Protocols;
using Popcorn.Engine.Sessions;
using Popcorn.Interop;
using Popcorn.KernelTiming;

namespace Popcorn.Cli.Measurement;

/// <summary>
/// Times of this machine's operations, measured once and kept in the user's own data folder: predictions then cost no
/// time, and do not change from one to the next.
/// </summary>
internal static class OperationTimesCache
{
    /// <summary>After so many days times are measured anew: libraries, firmware and neighbours change.</summary>
    private const int Days = 30;

    /// <summary>Goes up when more is measured than before.</summary>
    private const int Version = 3;

    private static readonly string Folder = Environment.GetFolderPath(
        Environment.SpecialFolder.LocalApplicationData, Environment.SpecialFolderOption.DoNotVerify);

    private static readonly string FilePath = Path.Combine(Folder, "popcorn", "kernel-times.json");

    /// <summary>Where times are kept; null where nothing can be.</summary>
    public static string? WritableFolder
    {
        get
        {
            if (Folder.Length == 0)
            {
                return null; // A service without a home.
            }

            string folder = Path.GetDirectoryName(FilePath)!;
            try
            {
                Directory.CreateDirectory(folder);
                string probe = Path.Combine(folder, $"{Guid.NewGuid():N}.tmp");
                File.WriteAllBytes(probe, []);
                File.Delete(probe);
                return folder;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return null;
            }
        }
    }

    /// <summary>Measured once in a command: what is no work on ciphertexts takes as long in all families.</summary>
    private static TransferTimes? _transfers;

    /// <summary>Predicts the cost of a model from known times.</summary>
    /// <param name="model">The model.</param>
    /// <param name="keyBits">Bits of the clients' keys.</param>
    /// <param name="anew">Measures even what is known.</param>
    /// <param name="order">Kind of the clients' keys.</param>
    /// <param name="family">The family that serves it; the model's preferred one, where this is left out.</param>
    public static Inspection Inspect(
        ServedModel model, int keyBits, bool anew = false, KeyOrder order = KeyOrder.Full, Family? family = null)
    {
        int cores = Environment.ProcessorCount;
        OperationTimes times = For(model.PlanFor(keyBits, family: family, order: order), keyBits, order, cores, anew);
        return model.Inspect(new InspectionConditions(keyBits, times, cores) { KeyOrder = order }, family: family);
    }

    private static OperationTimes For(Plan plan, int keyBits, KeyOrder order, int cores, bool anew)
    {
        string conditions = $"{Version}; {Machine.Key}; "
            + OperationTimes.ConditionsOf(plan, keyBits, cores, order: order);
        if (anew || !Load().TryGetValue(conditions, out OperationTimes? times))
        {
            _transfers ??= TransferTimes.Measure(cores);
            times = OperationTimes.Measure(
                plan, keyBits, cores, options: new KeyOptions { Order = order }, transfers: _transfers);

            // Others may have measured meanwhile.
            Dictionary<string, OperationTimes> known = Load();
            known[conditions] = times;
            Save(known);
        }

        return times;
    }

    private static Dictionary<string, OperationTimes> Load()
    {
        try
        {
            // Another build has other times.
            DateTime built =
                Directory.EnumerateFiles(AppContext.BaseDirectory, "*opcorn*").Max(File.GetLastWriteTimeUtc);
            DateTime measured = File.GetLastWriteTimeUtc(FilePath);
            if (measured <= built || measured <= DateTime.UtcNow.AddDays(-Days))
            {
                return [];
            }

            string known = File.ReadAllText(FilePath);
            return (JsonSerializer.Deserialize(known, OperationTimesJson.Default.DictionaryStringOperationTimes) ?? [])
                .Where(times => ArePlausible(times.Value)).ToDictionary();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return [];
        }
    }

    /// <summary>
    /// Whether they may have been measured: a file may be damaged, or somebody's own work. What takes so little that it
    /// is found as a difference may come out as nothing on a busy machine; no operation on a ciphertext does.
    /// </summary>
    internal static bool ArePlausible(OperationTimes? times) =>
        times is
        {
            Product: > 0, Square: > 0, Rerandomise: > 0, EncryptOwner: > 0, Decrypt: > 0, Import: > 0, Export: > 0,
            Lanes: >= 1, Transfers: not null,
        }
        && times.Lanes <= PaillierLibrary.MaxLanes
        && Array.TrueForAll(Enum.GetValues<Operation>(), operation => times.SecondsOf(operation) is >= 0 and < 3600);

    /// <summary>Keeps them where that is allowed; elsewhere the next command measures again.</summary>
    private static void Save(Dictionary<string, OperationTimes> known)
    {
        if (Folder.Length == 0)
        {
            return; // A service without a home.
        }

        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(FilePath)!);
            byte[] content = JsonSerializer.SerializeToUtf8Bytes(
                known, OperationTimesJson.Default.DictionaryStringOperationTimes);
            Files.Replace(FilePath, ownerOnly: false, stream => stream.Write(content));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or PopcornException)
        {
        }
    }
}

[JsonSourceGenerationOptions(WriteIndented = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(Dictionary<string, OperationTimes>))]
internal sealed partial class OperationTimesJson : JsonSerializerContext;
