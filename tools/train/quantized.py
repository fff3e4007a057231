"""Layers that train with the weights and activations they will have: real in the backward pass only."""

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

    def used_weight(self):
        return _StraightThrough.apply(self.weight)

    def forward(self, values):
        return F.linear(values, self.used_weight())


class BinaryConv2d(nn.Conv2d):
    """The same for a convolution."""

    def __init__(self, inputs, outputs, kernel, stride=1, padding=0):
        super().__init__(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)

    def used_weight(self):
        return _StraightThrough.apply(self.weight)

    def forward(self, values):
        return self._conv_forward(values, self.used_weight(), None)


def round_through(values):
    """The nearest integers, with the gradient of the identity."""
    return values + (values.round() - values).detach()


class _Rounded:
    """
    Weights of so many bits, as `popcorn import` rounds them: with a step for each output channel (the last layer has
    one for all), after the scales of the input channels went into them. Weights on that lattice are imported as they
    are.
    """

    def _prepare(self, bits, scales):
        self.largest = 2 ** (bits - 1) - 1
        self.scales = scales  # a function that gives the real value of integer 1 for each input channel, or one for all
        self.shared_step = False

    def _folded(self):
        return self.weight * self.scales().reshape((1, -1) + (1,) * (self.weight.dim() - 2))

    def steps(self):
        """The real value of the integer 1 of each output channel."""
        largest = self._folded().detach().abs().flatten(1).amax(1)
        if self.shared_step:
            largest = largest.amax().expand_as(largest)
        return largest.clamp_min(1e-9) / self.largest

    def used_weight(self):
        steps = self.steps().reshape((-1,) + (1,) * (self.weight.dim() - 1))
        rounded = round_through(self._folded() / steps) * steps
        return rounded / self.scales().reshape((1, -1) + (1,) * (self.weight.dim() - 2))


class RoundedConv2d(nn.Conv2d, _Rounded):
    def __init__(self, inputs, outputs, kernel, bits, scales, padding=0):
        super().__init__(inputs, outputs, kernel, padding=padding, bias=False)
        self._prepare(bits, scales)

    def forward(self, values):
        return self._conv_forward(values, self.used_weight(), None)


class RoundedLinear(nn.Linear, _Rounded):
    """The last layer, after a flatten: positions is how many inputs each channel before it has become."""

    def __init__(self, inputs, outputs, bits, scales, positions):
        super().__init__(inputs, outputs)
        self._prepare(bits, lambda: scales().repeat_interleave(positions))
        self.shared_step = True

    def forward(self, values):
        return F.linear(values, self.used_weight(), self.bias)


def scales_after(layer, norm):
    """The real value of integer 1 of each channel after a rounded layer and its batch norm, but for a common factor."""

    def scales():
        factors = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        result = layer.steps() * factors.detach().abs()
        # Only ratios matter; layer by layer the values themselves would shrink out of range.
        return (result / result.amax()).clamp_min(1e-6)

    return scales


def clip_weights(network):
    """Keeps latent weights of binary layers within [-1, 1], where they still learn."""
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, (BinaryLinear, BinaryConv2d)):
                module.weight.clamp_(-1, 1)


def with_plain_layers(network):
    """The same network for export: its layers as plain ones that hold the weights they used."""
    layers = []
    for layer in network:
        if not hasattr(layer, "used_weight"):
            layers.append(layer)
            continue
        bias = layer.bias is not None
        if isinstance(layer, nn.Linear):
            plain = nn.Linear(layer.in_features, layer.out_features, bias=bias)
        else:
            plain = nn.Conv2d(
                layer.in_channels,
                layer.out_channels,
                layer.kernel_size,
                stride=layer.stride,
                padding=layer.padding,
                bias=bias,
            )
        plain.weight = nn.Parameter(layer.used_weight().detach())
        if bias:
            plain.bias = layer.bias
        layers.append(plain)
    return nn.Sequential(*layers).eval()
