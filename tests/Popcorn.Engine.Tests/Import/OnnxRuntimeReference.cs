using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Popcorn.Engine.Tests.Import;

/// <summary>What ONNX Runtime makes of a network: the values that the imported network is compared with.</summary>
internal sealed class OnnxRuntimeReference : IDisposable
{
    private readonly InferenceSession _session;
    private readonly string _input;
    private readonly int[] _dims;

    public OnnxRuntimeReference(byte[] model)
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
        _dims = [1, .. metadata.Dimensions[1..]];
    }

    /// <summary>The output for one image, whose elements are real (scaled) already.</summary>
    public double[] Run(double[] image)
    {
        var tensor = new DenseTensor<float>(Array.ConvertAll(image, x => (float)x), _dims);
        using IDisposableReadOnlyCollection<DisposableNamedOnnxValue> outputs =
            _session.Run([NamedOnnxValue.CreateFromTensor(_input, tensor)]);
        return [.. Assert.Single(outputs).AsEnumerable<float>().Select(x => (double)x)];
    }

    public void Dispose() => _session.Dispose();
}
