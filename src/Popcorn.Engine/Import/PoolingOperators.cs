using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>Maxima and means over windows and planes.</summary>
internal static class PoolingOperators
{
    public static Signal MaxPool(OperatorCall call)
    {
        Signal x = call.SignalAt(0).RequirePlane();
        Window window = OnnxWindow.Read(call.Node, Kernel(call), x.Node.Shape).Window;
        return window.AlwaysSees(x.Node.Shape.Height, x.Node.Shape.Width)
            ? MaxPool(call, x, window)
            : throw new NodeException("one of its windows lies wholly in the padding; give it less padding");
    }

    public static Signal AveragePool(OperatorCall call)
    {
        Signal x = call.SignalAt(0).RequirePlane();
        Shape shape = x.Node.Shape;
        OnnxWindow window = OnnxWindow.Read(call.Node, Kernel(call), shape);
        bool whole = call.Node.Flag("count_include_pad")
            ? window.AlwaysWithinPadding
            : window.Window.AlwaysWithin(shape.Height, shape.Width);
        if (!whole)
        {
            throw new NodeException(
                "some of its windows cover fewer elements than others (padding that does not count, or ceil_mode); use "
                + "a pool whose windows are all whole, or count_include_pad = 1");
        }

        return (long)shape.Channels * window.Window.Taps <= Shape.MaxSize
            ? AveragePool(call, x, window.Window)
            : throw new NodeException("its window is too large for what can be evaluated");
    }

    public static Signal GlobalMaxPool(OperatorCall call)
    {
        Signal x = call.SignalAt(0).RequirePlane();
        return MaxPool(call, x, OnnxWindow.Whole(x.Node.Shape));
    }

    public static Signal GlobalAveragePool(OperatorCall call)
    {
        Signal x = call.SignalAt(0).RequirePlane();
        return AveragePool(call, x, OnnxWindow.Whole(x.Node.Shape));
    }

    public static Signal ReduceMean(OperatorCall call)
    {
        Signal x = call.SignalAt(0).RequirePlane();
        if (call.IntegersAt(1, "axes") is not { } axes
            || !axes.Select(a => a < 0 ? a + 4 : a).Order().SequenceEqual([2L, 3L]))
        {
            throw new NodeException(
                "it does not run over height and width; only means over whole planes can be imported");
        }

        Signal mean = AveragePool(call, x, OnnxWindow.Whole(x.Node.Shape));
        return call.Node.Int("keepdims", 1) != 0 ? mean : x.Vector(mean.Node);
    }

    private static Signal MaxPool(OperatorCall call, Signal x, Window window) =>
        x.Plane(new FloatMaxPool(call.Name, x.Node, window, withZero: false));

    private static Signal AveragePool(OperatorCall call, Signal x, Window window) =>
        x.Plane(new FloatAveragePool(call.Name, x.Node, window));

    private static (int Y, int X) Kernel(OperatorCall call) => call.Node.Ints("kernel_shape") switch
    {
        [int y, int x] => (y, x),
        _ => throw new NodeException(
            "its kernel_shape has not two entries; only two-dimensional pools can be imported"),
    };
}
