using System.CommandLine;
using Popcorn.Cli.Service;
using Popcorn.Cli.Terminal;
using Popcorn.Interop;

namespace Popcorn.Cli.Commands;

/// <summary><c>popcorn keygen</c>: a key pair in a directory.</summary>
internal static class KeygenCommand
{
    /// <summary>Bits of a key unless more are asked for.</summary>
    public const int DefaultBits = 2048;

    /// <summary>The option of every command that makes a key.</summary>
    public static Option<int> BitsOption()
    {
        var bits = new Option<int>("--bits")
        {
            Description = $"Key size in bits: {string.Join(", ", KeyDirectory.AllowedBits)}.",
            DefaultValueFactory = _ => DefaultBits,
        };
        return bits.AcceptOnly(KeyDirectory.AllowedBits);
    }

    /// <summary>The option of every command that encrypts as a client.</summary>
    public static Option<bool> ShortExponentOption() => new("--short-exponent")
    {
        Description = "Encrypt with short random exponents: twice as fast, on an assumption more; see THREAT_MODEL.md.",
    };

    /// <summary>What the option means.</summary>
    public static RandomnessProfile ProfileOf(bool shortExponent) =>
        shortExponent ? RandomnessProfile.ShortExponent : RandomnessProfile.Standard;

    public static Command Create()
    {
        var directory = new Option<string>("--out")
        {
            Description = "Directory for key.pub and key.priv; made if missing.",
            HelpName = "DIR",
            Required = true,
        };
        Option<int> bits = BitsOption();
        var force = new Option<bool>("--force") { Description = "Replace keys that are there." };
        Option<string?> order = KeyOrderOption.Create("The key");
        var command = new Command("keygen", "Make a key pair.") { directory, bits, order, force };
        command.SetWork((parsed, output, _) =>
        {
            var keys = new KeyDirectory(parsed.GetRequiredValue(directory));
            bool replace = parsed.GetValue(force);
            if (!replace)
            {
                keys.RequireAbsent(); // Before anybody waits for a key that nobody will get.
            }

            using ClientKey made = ClientKey.Generate(parsed.GetValue(bits), parsed.OrderIn(order));
            double seconds = made.Seconds!.Value;
            keys.Save(made.Key, replace);
            PaillierPublicKey key = made.Key.PublicKey;
            string fingerprint = Convert.ToHexStringLower(key.Fingerprint.Span);
            if (output.IsJson)
            {
                Output.WriteJson(
                    new KeygenReport(
                        keys.PublicPath, keys.PrivatePath, key.Bits, KeyOrders.NameOf(key.Order), fingerprint,
                        seconds),
                    ReportJson.Default.KeygenReport);
            }

            output.Line(
                $"{keys.PublicPath}   {key.Bits} bits, {KeyOrders.NameOf(key.Order)} order, SHA-256 {fingerprint}");
            output.Line($"{keys.PrivatePath}  keep it secret ({Units.Seconds(seconds)})");
            return Task.CompletedTask;
        });
        return command;
    }
}
