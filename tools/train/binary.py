"""Layers of binarised networks: weights and activations are +1 or -1 in the forward pass, real in the backward pass."""

import torch
from torch import nn
from torch.nn import functional as F


def sign(values):
    """+1 where a value is at least 0, else -1; exported as GreaterOrEqual and Where."""
    one = torch.ones((), dtype=values.dtype)
    return torch.where(values >= 0, one, -one)


class _StraightThrough(torch.autograd.Function):
    """The sign, with the gradient of the identity where a value is within [-1, 1] and none elsewhere."""

    @staticmethod
    def forward(context, values):
        context.save_for_backward(values)
        return sign(values)

    @staticmethod
    def backward(context, gradient):
        (values,) = context.saved_tensors
        return gradient * (values.abs() <= 1)


class Sign(nn.Module):
    def forward(self, values):
        return _StraightThrough.apply(values) if self.training else sign(values)


class BinaryLinear(nn.Linear):
    """A fully connected layer whose weights act by their signs; a batch norm that follows scales and shifts."""

    def __init__(self, inputs, outputs):
        super().__init__(inputs, outputs, bias=False)

    def forward(self, values):
        return F.linear(values, _StraightThrough.apply(self.weight))


class BinaryConv2d(nn.Conv2d):
    """The same for a convolution."""

    def __init__(self, inputs, outputs, kernel, stride=1):
        super().__init__(inputs, outputs, kernel, stride=stride, bias=False)

    def forward(self, values):
        return F.conv2d(values, _StraightThrough.apply(self.weight), stride=self.stride)


def clip_weights(network):
    """Keeps latent weights within [-1, 1], where they still learn."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, (BinaryLinear, BinaryConv2d)):
                module.weight.clamp_(-1, 1)


def with_plain_layers(network):
    """The same network for export: its binary layers as plain ones that hold the signs."""
    layers = []
    for layer in network:
        if isinstance(layer, BinaryLinear):
            plain = nn.Linear(layer.in_features, layer.out_features, bias=False)
        elif isinstance(layer, BinaryConv2d):
            plain = nn.Conv2d(
                layer.in_channels, layer.out_channels, layer.kernel_size, stride=layer.stride, bias=False
            )
        else:
            layers.append(layer)
            continue
        plain.weight = nn.Parameter(sign(layer.weight.detach()))
        layers.append(plain)
    return nn.Sequential(*layers).eval()
