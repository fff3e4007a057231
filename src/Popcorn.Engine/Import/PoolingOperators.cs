using Popcorn.Engine.Model;

namespace Popcorn.Engine.Import;

/// <summary>Maxima and means over windows and planes.</summary>
internal static class PoolingOperators
{
    public static Signal MaxPool(OperatorCall call)
    {
        Signal x = call.SignalAt(0).RequirePlane();
        Window window = OnnxWindow.Read(call.Node, OnnxWindow.KernelOf(call.Node, x), x).Window;
        return window.AlwaysSees(x.Node.Shape.Height, x.Node.Shape.Width)
            ? x.Plane(new FloatMaxPool(call.Name, x.Node, window, withZero: false))
            : throw new NodeException("one of its windows lies wholly in the padding; give it less padding");
    }

    public static Signal AveragePool(OperatorCall call)
    {
        Signal x = call.SignalAt(0).RequirePlane();
        Shape shape = x.Node.Shape;
        OnnxWindow window = OnnxWindow.Read(call.Node, OnnxWindow.KernelOf(call.Node, x), x);
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
            ? x.Plane(new FloatAveragePool(call.Name, x.Node, window.Window))
            : throw new NodeException("its window is too large for what can be evaluated");
    }

    public static Signal GlobalMaxPool(OperatorCall call)
    {
        Signal x = call.SignalAt(0).RequirePlane();
        return x.Plane(new FloatMaxPool(call.Name, x.Node, OnnxWindow.Whole(x.Node.Shape), withZero: false));
    }

    public static Signal GlobalAveragePool(OperatorCall call) => GlobalAveragePool(call, call.SignalAt(0));

    public static Signal GlobalAveragePool(OperatorCall call, Signal x)
    {
        x = x.RequirePlane();
        return x.Plane(new FloatAveragePool(call.Name, x.Node, OnnxWindow.Whole(x.Node.Shape)));
    }
}
