using System.CommandLine;
using Popcorn.Cli.Service;
using Popcorn.Cli.Terminal;
using Popcorn.Engine;

namespace Popcorn.Cli.Commands;

/// <summary><c>popcorn token</c>: lets a client in to a server that is run with <c>--clients</c>.</summary>
internal static class TokenCommand
{
    public static Command Create()
    {
        var name = new Argument<string>("name") { Description = "The client's name, for the log.", HelpName = "NAME" };
        var file = new Option<string>("--clients")
        {
            Description = "The server's file of clients; made if missing. It holds the token's hash.",
            HelpName = "FILE",
            Required = true,
        };
        Option<int> rate = new Option<int>("--rate")
        {
            Description = "Queries that the client may ask in a minute, or images of such; by default any number.",
            HelpName = "N",
        }.InRange(1, KnownClient.MostPerMinute);
        Option<DateOnly?> until = new Option<DateOnly?>("--until")
        {
            Description = "The last day of the token, by UTC.",
            HelpName = "YYYY-MM-DD",
        }.Day();
        var models = new Option<string[]>("--model")
        {
            Description = "The models that the client may ask for; by default all.",
            HelpName = "NAME",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<int> bundles = new Option<int>("--bundles")
        {
            Description = "Prepared queries that the client may have at a time, in all its sessions; by default as "
                + "many as all.",
            HelpName = "N",
        }.InRange(1, KnownClient.MostBundles);
        Option<int> memory = new Option<int>("--memory")
        {
            Description = "Memory of the server that the client may have at a time; by default as much as all.",
            HelpName = "MIB",
        }.InRange(1, KnownClient.MostMebibytes);
        var command = new Command("token", "Make a token by which a server knows a client.")
        {
            name, file, rate, until, models, bundles, memory,
        };
        command.SetWork((parsed, output, _) =>
        {
            string client = parsed.GetRequiredValue(name);
            string[] allowed = parsed.GetValue(models) ?? [];
            if (!RegisteredClient.IsName(client) || allowed.Any(model => !RegisteredClient.IsName(model)))
            {
                throw new PopcornException("A name has 1 to 64 letters, digits or - _ . @, without spaces.");
            }

            string token = ClientRegister.Add(
                parsed.GetRequiredValue(file),
                new RegisteredClient(client, "", parsed.GetValue(rate), parsed.GetValue(until), allowed)
                {
                    Bundles = parsed.GetValue(bundles),
                    Mebibytes = parsed.GetValue(memory),
                });
            if (output.IsJson)
            {
                Output.WriteJson(new TokenReport(client, token), ReportJson.Default.TokenReport);
            }

            output.Line(token);
            return Task.CompletedTask;
        });
        return command;
    }
}
