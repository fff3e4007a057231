using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Popcorn.Engine.Model;

namespace Popcorn.Engine.Tests.Import;

/// <summary>What ONNX Runtime makes of a network: the values that the imported network is compared with.</summary>
internal sealed class OnnxRuntimeReference : IDisposable
{
    private readonly InferenceSession _session;
    private readonly string _input, _output;
    private readonly int[] _dims;
    private readonly Type _type;

    /// <param name="model">The network.</param>
    /// <param name="output">Its output that counts; null: the only one.</param>
    public OnnxRuntimeReference(byte[] model, string? output = null)
    {
        // Unoptimised: operators as they are defined, and a quick start for a handful of images.
        using var options = new SessionOptions
        {
            GraphOptimizationLevel = GraphOptimizationLevel.ORT_DISABLE_ALL,
            IntraOpNumThreads = 1,
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
        };
        _session = new InferenceSession(model, options);
        (_input, NodeMetadata metadata) = Assert.Single(_session.InputMetadata);
        _output = output ?? Assert.Single(_session.OutputMetadata).Key;
        _dims = [1, .. metadata.Dimensions[1..]];
        _type = metadata.ElementType;
    }

    /// <summary>The output for one image, whose elements are real (scaled) already.</summary>
    public double[] Run(double[] image)
    {
        NamedOnnxValue input = _type == typeof(byte) ? Value(v => (byte)Math.Round(v))
            : _type == typeof(sbyte) ? Value(v => (sbyte)Math.Round(v))
            : Value(v => (float)v);
        using IDisposableReadOnlyCollection<DisposableNamedOnnxValue> outputs = _session.Run([input], [_output]);
        return [.. Assert.Single(outputs).AsEnumerable<float>().Select(x => (double)x)];

        NamedOnnxValue Value<T>(Func<double, T> convert)
        {
            var tensor = new DenseTensor<T>(Array.ConvertAll(image, v => convert(v)), _dims);
            return NamedOnnxValue.CreateFromTensor(_input, tensor);
        }
    }

    /// <summary>An image of channels first in the order of the network's input, which may have channels last.</summary>
    public double[] InOwnOrder(double[] image, Shape shape)
    {
        int last = _dims[^1];
        bool channelsLast = _dims.Length == 4 && last == shape.Channels && _dims[1] == shape.Height
            && (_dims[1], _dims[2], last) != (shape.Channels, shape.Height, shape.Width);
        return channelsLast
            ? [.. Enumerable.Range(0, image.Length)
                .Select(i => image[shape.Index(i % last, i / last / shape.Width, i / last % shape.Width)])]
            : image;
    }

    public void Dispose() => _session.Dispose();
}
