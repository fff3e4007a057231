#!/usr/bin/python3
"""Checks an exported network on the whole test set: tools/train/check.py MODEL.onnx

It evaluates the ONNX file in numpy, independently of PyTorch, once in floating point and once as the integer network
that oblivious inference runs: integer weights, exact integer activations, a pixel's byte as the input. It understands
what train.py exports: a chain of Conv (without padding), Relu, Flatten and Gemm.
"""

import argparse
import dataclasses
import json
import pathlib
import sys

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

import mnist

WEIGHT_BITS = 8
# float64 holds every integer below this bound, so sums that stay below it are exact and may use the fast product.
EXACT = 2**53


@dataclasses.dataclass
class Layer:
    """A step of the chain; weights and bias (and a convolution's stride) only where it is linear."""

    kind: str
    name: str
    weights: np.ndarray = None
    bias: np.ndarray = None
    strides: tuple = (1, 1)


def load(path):
    """The chain of layers of an ONNX file. Raises ValueError for what it does not understand."""
    try:
        model = onnx.load(str(path))
        onnx.checker.check_model(model, full_check=True)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except (DecodeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ValueError(f"{path} is not a valid ONNX file: {str(error).strip().splitlines()[0]}") from None
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    current = model.graph.input[0].name
    layers = []
    for node in model.graph.node:
        if node.input[0] != current:
            raise ValueError(f"{path}: node {node.name} does not follow the one before it; only chains are understood")
        current = node.output[0]
        layers.append(_layer(path, node, constants))
    return layers


def _layer(path, node, constants):
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    plain = {
        "Conv": attributes.get("group", 1) == 1
        and not any(attributes.get("pads", []))
        and all(d == 1 for d in attributes.get("dilations", [])),
        "Gemm": attributes.get("transB", 0) == 1
        and attributes.get("transA", 0) == 0
        and attributes.get("alpha", 1.0) == attributes.get("beta", 1.0) == 1.0,
        "Relu": True,
        "Flatten": attributes.get("axis", 1) == 1,
    }
    if not plain.get(node.op_type, False):
        raise ValueError(f"{path}: node {node.name} ({node.op_type}) is not of the forms that train.py exports")
    if node.op_type in ("Relu", "Flatten"):
        return Layer(node.op_type, node.name)
    weights, bias = (constants[name].astype(np.float64) for name in node.input[1:3])
    return Layer(node.op_type, node.name, weights, bias, tuple(attributes.get("strides", (1, 1))))


def patches(values, layer):
    """The windows of a convolution: (count, channels, height, width) to (count, rows, columns, window size)."""
    windows = np.lib.stride_tricks.sliding_window_view(values, layer.weights.shape[2:], axis=(2, 3))
    windows = windows[:, :, :: layer.strides[0], :: layer.strides[1]]
    return windows.transpose(0, 2, 3, 1, 4, 5).reshape(*windows.shape[:1], *windows.shape[2:4], -1)


def run(layers, values):
    """The logits (count, classes) of images (count, channels, height, width), in float64."""
    for layer in layers:
        if layer.kind == "Conv":
            flat = layer.weights.reshape(len(layer.weights), -1)
            values = (patches(values, layer) @ flat.T + layer.bias).transpose(0, 3, 1, 2)
        elif layer.kind == "Gemm":
            values = values @ layer.weights.T + layer.bias
        elif layer.kind == "Relu":
            values = np.maximum(values, 0)
        else:
            values = values.reshape(len(values), -1)
    return values


def shapes(layers, shape):
    """The shape (without the batch) that each layer gives for an input of that shape."""
    result = []
    for layer in layers:
        shape = run([layer], np.zeros((1, *shape))).shape[1:]
        result.append(shape)
    return result


def quantize(layers, input_scale, input_shape):
    """The integer network: weights with a step per output channel, one step in all in the last layer.

    A real activation is its integer times its channel's scale. The scales of the input channels go into the weights
    before these are rounded; the step becomes the scale of the output channel.
    """
    linear = [layer for layer in layers if layer.weights is not None]
    scale = np.full(input_shape[0], input_scale)
    shape = input_shape
    result = []
    for layer, output_shape in zip(layers, shapes(layers, input_shape)):
        if layer.kind == "Flatten":
            scale = np.repeat(scale, int(np.prod(shape[1:])))
        shape = output_shape
        if layer.weights is None:
            result.append(layer)
            continue
        spread = (1, -1) + (1,) * (layer.weights.ndim - 2)
        folded = layer.weights * scale.reshape(spread)
        largest = np.abs(folded).reshape(len(folded), -1).max(axis=1)
        if not largest.any():
            raise ValueError(f"node {layer.name} has no weights but zeros: train it again with less sparsity")
        if layer is linear[-1]:
            largest[:] = largest.max()
        # A channel without weights is constant. It takes the finest step of the others: a coarse one would make its
        # folded weights dwarf all others in the next layer.
        largest = np.where(largest > 0, largest, largest.min(where=largest > 0, initial=largest.max()))
        scale = largest / (2 ** (WEIGHT_BITS - 1) - 1)
        rounded = np.rint(folded / scale.reshape((-1,) + (1,) * (folded.ndim - 1)))
        result.append(dataclasses.replace(layer, weights=rounded, bias=np.rint(layer.bias / scale)))
    return result


def bounds(layers, input_bound):
    """The static bound on the absolute values that each linear layer gives, by its weights' L1 norms."""
    bound, result = float(input_bound), []
    for layer in layers:
        if layer.weights is not None:
            norms = np.abs(layer.weights).reshape(len(layer.weights), -1).sum(axis=1)
            bound = float((norms * bound + np.abs(layer.bias)).max())
            result.append(bound)
    return result


def accuracy(layers, images, labels):
    logits = np.concatenate([run(layers, images[i : i + 500]) for i in range(0, len(images), 500)])
    predicted = logits.argmax(axis=1)
    return float((predicted == labels).mean()), predicted


def check(path):
    """All facts about the network at path, as a dictionary that JSON can hold."""
    layers = load(path)
    images, labels = mnist.load("t10k")
    images = images[:, None].astype(np.float64)
    input_shape = images.shape[1:]
    integer = quantize(layers, 1 / 255, input_shape)
    limits = bounds(integer, 255)
    if max(limits) >= EXACT:
        raise ValueError(f"{path}: integers up to {max(limits):.3g} are too large for this check's exact arithmetic")
    float_accuracy, float_predicted = accuracy(layers, images / 255, labels)
    integer_accuracy, integer_predicted = accuracy(integer, images, labels)

    rows, relus = [], 0
    limit = iter(limits)
    for layer, rounded, shape in zip(layers, integer, shapes(layers, input_shape)):
        if layer.kind == "Relu":
            relus += int(np.prod(shape))
        if layer.weights is None:
            continue
        positions = int(np.prod(shape[1:]))
        nonzero = int(np.count_nonzero(layer.weights))
        rows.append(
            {
                "name": layer.name,
                "kind": layer.kind,
                "outputs": int(np.prod(shape)),
                "weights": layer.weights.size,
                "nonZero": nonzero,
                "nonZeroRounded": int(np.count_nonzero(rounded.weights)),
                "macs": layer.weights.size * positions,
                "nonZeroMacs": nonzero * positions,
                "boundBits": int(np.ceil(np.log2(next(limit) + 1))),
            }
        )
    return {
        "model": str(path),
        "images": len(labels),
        "accuracy": float_accuracy,
        "integerAccuracy": integer_accuracy,
        "differentPredictions": int((float_predicted != integer_predicted).sum()),
        "sparsity": 1 - sum(row["nonZero"] for row in rows) / sum(row["weights"] for row in rows),
        "relus": relus,
        "macs": sum(row["macs"] for row in rows),
        "nonZeroMacs": sum(row["nonZeroMacs"] for row in rows),
        "layers": rows,
    }


def show(facts):
    print(f"{facts['model']}: {facts['images']} images")
    print(f"accuracy: float {facts['accuracy']:.4f}, {WEIGHT_BITS}-bit integer {facts['integerAccuracy']:.4f}")
    print(f"predictions that differ between the two: {facts['differentPredictions']}")
    print(f"sparsity {facts['sparsity']:.4f}, {facts['relus']} ReLUs, ", end="")
    print(f"{facts['nonZeroMacs']} of {facts['macs']} multiply-accumulates are non-zero")
    print(f"{'layer':<12}{'outputs':>8}{'weights':>9}{'non-zero':>10}{'zeros':>8}{'non-zero MACs':>15}{'bits':>6}")
    for row in facts["layers"]:
        zeros = 1 - row["nonZero"] / row["weights"]
        print(
            f"{row['name']:<12}{row['outputs']:>8}{row['weights']:>9}{row['nonZero']:>10}{zeros:>8.1%}"
            f"{row['nonZeroMacs']:>15}{row['boundBits']:>6}"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    options = parser.parse_args()
    try:
        facts = check(options.model)
    except ValueError as error:
        sys.exit(f"check.py: {error}")
    if options.json:
        print(json.dumps(facts, indent=2))
    else:
        show(facts)


if __name__ == "__main__":
    main()
