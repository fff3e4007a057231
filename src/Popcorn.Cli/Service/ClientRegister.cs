using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Popcorn.Cli.Data;
using Popcorn.Engine;
using Popcorn.Engine.Model;
using Popcorn.Engine.Resources;

namespace Popcorn.Cli.Service;

/// <summary>A client that a server knows.</summary>
/// <param name="Name">Its name.</param>
/// <param name="QueriesPerMinute">Queries that it may ask; 0: any number.</param>
/// <param name="Models">The models that it may ask for; none: all.</param>
internal record KnownClient(string Name, int QueriesPerMinute, IReadOnlyList<string> Models)
{
    /// <summary>Most queries a minute that can be asked for: more than a machine answers.</summary>
    public const int MostPerMinute = 1_000_000;

    /// <summary>Most prepared queries, and most memory in MiB, that can be asked for.</summary>
    public const int MostBundles = 1_000_000, MostMebibytes = 1 << 24;

    /// <summary>Prepared queries that it may have at a time; 0: as many as all.</summary>
    public int Bundles { get; init; }

    /// <summary>Memory that it may have of the server, in MiB; 0: as much as all.</summary>
    public int Mebibytes { get; init; }

    /// <summary>The same two, as the server takes them.</summary>
    public ClientAllowance Allowance => new()
    {
        Bundles = Bundles == 0 ? int.MaxValue : Bundles,
        MemoryBytes = Mebibytes == 0 ? long.MaxValue : (long)Mebibytes << 20,
    };

    /// <summary>Reads a limit, from 1 on.</summary>
    public static bool IsLimit(string text, int most, out int limit) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out limit) && limit > 0 && limit <= most;
}

/// <summary>A client whose token is in a file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Hash">SHA-256 of its token, in hexadecimal: nobody who reads the file has a token.</param>
/// <param name="QueriesPerMinute">Queries that it may ask; 0: any number.</param>
/// <param name="Until">The last day of its token, by UTC; null: there is none.</param>
/// <param name="Models">The models that it may ask for; none: all.</param>
internal sealed record RegisteredClient(
    string Name, string Hash, int QueriesPerMinute, DateOnly? Until, IReadOnlyList<string> Models)
    : KnownClient(Name, QueriesPerMinute, Models)
{
    private const string Any = "-";
    private const int HashDigits = 64;

    /// <summary>Whether a name can stand in the file, and in a log.</summary>
    public static bool IsName(string name) =>
        name.Length is > 0 and <= 64 && name.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '@');

    /// <summary>Reads a line of the file; null where it is malformed.</summary>
    public static RegisteredClient? Parse(string line)
    {
        DateOnly day = default;
        return line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is
            [string name, string hash, string perMinute, string until, string models, .. { Length: <= 2 } more]
            && IsName(name)
            && hash.Length == HashDigits && hash.All(char.IsAsciiHexDigitLower)
            && IsLimitOrAny(perMinute, MostPerMinute, out int rate)
            && (until == Any || DateOnly.TryParseExact(until, "yyyy-MM-dd", out day))
            && IsLimitOrAny(more.ElementAtOrDefault(0) ?? Any, MostBundles, out int bundles)
            && IsLimitOrAny(more.ElementAtOrDefault(1) ?? Any, MostMebibytes, out int mebibytes)
                ? new RegisteredClient(
                    name, hash, rate, until == Any ? null : day, models == Any ? [] : models.Split(','))
                {
                    Bundles = bundles,
                    Mebibytes = mebibytes,
                }
                : null;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Join(
        ' ', Name, Hash, TextOf(QueriesPerMinute),
        Until?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? Any,
        Models.Count == 0 ? Any : string.Join(',', Models), TextOf(Bundles), TextOf(Mebibytes));

    private static bool IsLimitOrAny(string text, int most, out int limit)
    {
        limit = 0;
        return text == Any || IsLimit(text, most, out limit);
    }

    private static string TextOf(int limit) => limit == 0 ? Any : limit.ToString(CultureInfo.InvariantCulture);
}

/// <summary>The clients that a server knows, by a file that is read again when it has changed.</summary>
internal sealed class ClientRegister : ITokens
{
    private const int MostBytes = 1 << 24;
    private const string Heading =
        "# name sha256-of-token queries-per-minute last-day models bundles memory-mib";

    private readonly FollowedFiles<Dictionary<string, RegisteredClient>> _byHash;

    /// <summary>Reads the file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="report">Told of a change that cannot be read: then what was known stays.</param>
    /// <exception cref="PopcornException">It cannot be read, or is malformed.</exception>
    public ClientRegister(string path, Action<string> report) => _byHash = new(
        [path], () => Read(path), why => report($"{why.TrimEnd('.')}; the clients known before stay."));

    /// <summary>
    /// Makes a token for a client and adds a line to a file, which is made where there is none: what the file is, who
    /// may read it and what stands in it stay as they are, be it behind a link.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="client">The client; its hash is set here.</param>
    /// <returns>The token: it is kept nowhere.</returns>
    /// <exception cref="PopcornException">There is a client of this name, or the file is none of clients.</exception>
    public static string Add(string path, RegisteredClient client)
    {
        const int TokenBytes = 32;
        string place = FileStamp.RealPath(path);
        using IDisposable turn = Files.TakeTurn(place);
        bool isNew = !File.Exists(place);
        if (!isNew && Parse(ReadLines(path), path).Any(each => each.Name == client.Name))
        {
            throw new PopcornException($"'{path}' has a client '{client.Name}' already; delete its line first.");
        }

        string token = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(TokenBytes));
        string line = $"{client with { Hash = HashOf(token) }}\n";
        if (isNew)
        {
            byte[] content = Encoding.ASCII.GetBytes($"{Heading}\n{line}");
            Files.Replace(place, ownerOnly: true, stream => stream.Write(content));
        }
        else
        {
            Append(place, line);
        }

        return token;
    }

    /// <inheritdoc/>
    public Task<Func<KnownClient?>> IdentifyAsync(string token, CancellationToken cancellationToken)
    {
        string hash = HashOf(token);
        return Find(hash) is null
            ? throw new PopcornException("This token is not known here, or has expired.")
            : Task.FromResult<Func<KnownClient?>>(() => Find(hash));
    }

    /// <summary>Adds a line to a file, all of it or nothing.</summary>
    private static void Append(string path, string line)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
            long length = file.Length;
            file.Position = Math.Max(length - 1, 0);
            string start = length > 0 && file.ReadByte() != '\n' ? "\n" : "";
            file.Position = length;
            try
            {
                file.Write(Encoding.ASCII.GetBytes(start + line));
                file.Flush();
            }
            catch
            {
                file.SetLength(length);
                throw;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PopcornException($"'{path}' cannot be written: {OneLine.Of(e.Message)}", e);
        }
    }

    private static string HashOf(string token) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(token)));

    /// <summary>The client whose token has not expired. By its hash: how long that takes says nothing of the token.
    /// </summary>
    private RegisteredClient? Find(string hash)
    {
        RegisteredClient? client = _byHash.Value.GetValueOrDefault(hash);
        return client?.Until < DateOnly.FromDateTime(DateTime.UtcNow) ? null : client;
    }

    private static string[] ReadLines(string path)
    {
        using FileStream file = Files.OpenRead(path);
        return Encoding.UTF8.GetString(BoundedStream.ReadAll(file, MostBytes, "list of clients"))
            .TrimEnd().Split('\n');
    }

    private static Dictionary<string, RegisteredClient> Read(string path)
    {
        var clients = new Dictionary<string, RegisteredClient>(StringComparer.Ordinal);
        foreach (RegisteredClient client in Parse(ReadLines(path), path))
        {
            clients[client.Hash] = client;
        }

        return clients;
    }

    private static IEnumerable<RegisteredClient> Parse(IEnumerable<string> lines, string path) =>
        from line in lines.Index()
        where line.Item.Trim() is not "" && !line.Item.StartsWith('#')
        select RegisteredClient.Parse(line.Item) ?? throw new PopcornException(
            $"'{path}', line {line.Index + 1}: not NAME HASH QUERIES-PER-MINUTE LAST-DAY MODELS [BUNDLES [MIB]], as "
            + "'popcorn token' writes it.");
}
