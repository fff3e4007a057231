using System.CommandLine;
using Popcorn.Engine;
using Popcorn.Engine.Sessions;
using Popcorn.Interop;

namespace Popcorn.Cli.Commands;

/// <summary><c>popcorn infer</c>: predictions by a server that never sees the images.</summary>
internal static class InferCommand
{
    public static Command Create()
    {
        var server = new Option<string>("--server")
        {
            Description = "The service.",
            HelpName = "http://HOST:PORT",
            Required = true,
        };
        var model = new Option<string>("--model")
        {
            Description = "Name of one of its models.",
            HelpName = "NAME",
            Required = true,
        };
        var images = new Option<string[]>("--image")
        {
            Description = "PNG (turned to gray or RGB as the model takes), IDX, CIFAR-10 .bin or .npy.",
            HelpName = "FILE",
            Required = true,
            AllowMultipleArgumentsPerToken = true,
        };
        var indices = new Option<string[]>("--index")
        {
            Description = "Which images of a file that holds several: numbers, ranges such as 0-9.",
            HelpName = "I",
            AllowMultipleArgumentsPerToken = true,
        };
        var labels = new Option<string?>("--labels")
        {
            Description = "The images' classes, to compare with; by default the label file beside the images.",
            HelpName = "FILE",
        };
        var keys = new Option<string?>("--key")
        {
            Description = "Directory made by popcorn keygen. Without it a fresh key is made.",
            HelpName = "DIR",
        };
        Option<int> bits = KeygenCommand.BitsOption();
        bits.Description = $"Size of a fresh key. {bits.Description}";
        Option<bool> shortExponent = KeygenCommand.ShortExponentOption();
        Option<int> batch = BatchOption();
        var command = new Command("infer", "Classify images obliviously: only ciphertexts leave this machine.")
        {
            server, model, images, indices, labels, keys, bits, shortExponent, batch,
        };
        command.SetWork(async (parsed, output, cancellationToken) =>
        {
            if (!Uri.TryCreate(parsed.GetRequiredValue(server), UriKind.Absolute, out Uri? url))
            {
                throw new PopcornException(
                    $"--server {parsed.GetRequiredValue(server)} is not a URL; write http://host:port.");
            }

            var client = new Inference(url, parsed.GetRequiredValue(model));
            List<ImageInput> inputs = ImageInputs.Read(
                parsed.GetRequiredValue(images),
                parsed.GetValue(indices) ?? [],
                parsed.GetValue(labels),
                await client.DescribeInputAsync(cancellationToken).ConfigureAwait(false));

            double? keySeconds = null;
            PaillierPrivateKey key;
            if (parsed.GetValue(keys) is string directory)
            {
                key = new KeyDirectory(directory).Load();
            }
            else
            {
                (key, keySeconds) = KeyDirectory.Generate(parsed.GetValue(bits));
            }

            using (key)
            using (key.PublicKey)
            {
                var options = new ClientOptions { Profile = KeygenCommand.ProfileOf(parsed.GetValue(shortExponent)) };
                InferReport report = await client.RunAsync(
                    key, keySeconds, inputs, parsed.GetValue(batch), options, _ => { }, cancellationToken).ConfigureAwait(false);
                Inference.Show(report, output);
            }
        });
        return command;
    }

    /// <summary>How many images a query holds.</summary>
    public static Option<int> BatchOption() => new Option<int>("--batch")
    {
        Description = "Images in one query, at most: they share its round trips. 'seconds' are then those of the query.",
        HelpName = "N",
        DefaultValueFactory = _ => 1,
    }.InRange(1, 1000);
}
