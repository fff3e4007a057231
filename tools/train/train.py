#!/usr/bin/python3
"""Trains, prunes, rounds and exports a network: tools/train/train.py NETWORK

Writes runs/NETWORK/NETWORK.onnx and report.json; checkpoint.pt is renewed after every epoch, and a run that was
interrupted continues from it with the same result. Seed and algorithms are fixed, so the same machine gives the same
weights each time.
"""

import argparse
import dataclasses
import json
import math
import pathlib
import sys
import time
from typing import Callable

import torch
from torch import nn
from torch.nn import functional as F

import cifar10
import mnist
from quantized import (
    BinaryConv2d,
    BinaryLinear,
    RoundedConv2d,
    RoundedLinear,
    Sign,
    clip_weights,
    scales_after,
    with_plain_layers,
)

RUNS = pathlib.Path(__file__).resolve().parent / "runs"
# The steps are too small to gain from a second thread, and threads that wait for each other crawl on a busy machine.
THREADS = 1
OPSET = 13


def turned(images, generator):
    """Each image turned (up to 12 degrees), scaled, sheared and shifted (up to 2 pixels) at random."""
    count = len(images)

    def uniform(bound):
        return (torch.rand(count, generator=generator) * 2 - 1) * bound

    angle, scale, shear = uniform(math.radians(12)), 1 + uniform(0.1), uniform(0.15)
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    # Half the image's width is 1 in the coordinates of affine_grid.
    shift_x, shift_y = uniform(2 / 14), uniform(2 / 14)
    rows = [torch.stack([cos, shear - sin, shift_x], 1), torch.stack([sin, cos, shift_y], 1)]
    grid = F.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def mirrored(images, generator):
    """Each image mirrored or not and shifted (up to 4 pixels) at random."""
    count, _, height, width = images.shape
    flip = torch.rand(count, generator=generator) < 0.5
    images = torch.where(flip.reshape(-1, 1, 1, 1), images.flip(3), images)
    padded = F.pad(images, (4, 4, 4, 4)).permute(0, 2, 3, 1)
    rows = torch.randint(9, (count, 1), generator=generator) + torch.arange(height)
    columns = torch.randint(9, (count, 1), generator=generator) + torch.arange(width)
    images = padded[torch.arange(count).reshape(-1, 1, 1), rows.unsqueeze(2), columns.unsqueeze(1)]
    return images.permute(0, 3, 1, 2)


@dataclasses.dataclass(frozen=True)
class Images:
    """A data set: where its two splits come from, and how an image may vary without changing its class."""

    load: Callable
    shape: tuple
    train: str
    test: str
    vary: Callable

    def tensors(self, split):
        """The images (count, channels, height, width) as bytes, and the labels."""
        images, labels = self.load(split)
        return torch.from_numpy(images.reshape(-1, *self.shape).copy()), torch.from_numpy(labels.copy()).long()


MNIST = Images(mnist.load, (1, 28, 28), "train", "t10k", turned)
CIFAR10 = Images(cifar10.load, cifar10.IMAGE, "train", "test", mirrored)


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a network is built, trained and pruned."""

    build: Callable[[], nn.Sequential]
    epochs: int
    sparsity: float = 0  # fraction of zero weights over the whole network
    images: Images = MNIST
    batch: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    warmup_steps: int = 200
    # Pruning runs from the first to the second of these fractions of the training; the rest is fine-tuning.
    prune_span: tuple = (0.15, 0.65)
    prune_every: int = 50  # steps
    varied: bool = True
    short_floats: bool = False  # products in bfloat16, which recent processors do at twice the speed

    def settings(self):
        """What a checkpoint must agree with."""
        return {k: v for k, v in vars(self).items() if k not in ("build", "images")}


# The binarised networks of XONN, so many times as wide: what it takes to come close to their published accuracy.
WIDTH = 2


def mnist_small():
    # A ReLU is interactive and costs far more than a multiply-accumulate: hence one coarse convolution and a wide,
    # very sparse layer instead of fine feature maps.
    return nn.Sequential(
        nn.Conv2d(1, 8, 7, stride=3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(8 * 8 * 8, 96),
        nn.ReLU(),
        nn.Linear(96, 10),
    )


def binary_block(layer, channels, pool=None):
    """A binary layer, pooled where wanted, its batch norm and the sign."""
    norm = nn.BatchNorm1d if isinstance(layer, nn.Linear) else nn.BatchNorm2d
    return [layer, *([pool] if pool else []), norm(channels), Sign()]


def mnist_bm1(width=WIDTH):
    hidden = 128 * width
    return nn.Sequential(
        nn.Flatten(),
        *binary_block(BinaryLinear(784, hidden), hidden),
        *binary_block(BinaryLinear(hidden, hidden), hidden),
        BinaryLinear(hidden, 10),
        nn.BatchNorm1d(10),
    )


def mnist_bm2(width=WIDTH):
    channels, hidden = 5 * width, 100 * width
    return nn.Sequential(
        *binary_block(BinaryConv2d(1, channels, 5, stride=2), channels),
        nn.Flatten(),
        *binary_block(BinaryLinear(channels * 12 * 12, hidden), hidden),
        BinaryLinear(hidden, 10),
        nn.BatchNorm1d(10),
    )


def mnist_bm3(width=WIDTH):
    channels, hidden = 16 * width, 100 * width
    return nn.Sequential(
        *binary_block(BinaryConv2d(1, channels, 5), channels),
        nn.MaxPool2d(2),
        *binary_block(BinaryConv2d(channels, channels, 5), channels),
        nn.MaxPool2d(2),
        nn.Flatten(),
        *binary_block(BinaryLinear(channels * 4 * 4, hidden), hidden),
        BinaryLinear(hidden, 10),
        nn.BatchNorm1d(10),
    )


# The convolutions of MiniONN's network for CIFAR-10: inputs, outputs, kernel, and whether pixels are pooled after it.
MINIONN = [
    (3, 64, 3, False),
    (64, 64, 3, True),
    (64, 64, 3, False),
    (64, 64, 3, True),
    (64, 64, 3, False),
    (64, 64, 1, False),
    (64, 16, 1, False),
]


def pixel_scale():
    return torch.tensor([1 / 255])


def cifar10_4bit(bits=4):
    layers, scales = [], pixel_scale
    for inputs, outputs, kernel, pooled in MINIONN:
        conv = RoundedConv2d(inputs, outputs, kernel, bits, scales, padding=kernel // 2)
        norm = nn.BatchNorm2d(outputs)
        scales = scales_after(conv, norm)
        layers += [conv, norm, nn.ReLU(), *([nn.AvgPool2d(2)] if pooled else [])]
    return nn.Sequential(*layers, nn.Flatten(), RoundedLinear(16 * 8 * 8, 10, bits, scales, positions=8 * 8))


def cifar10_8bit():
    # Real weights: import rounds them to 8 bits.
    layers = []
    for inputs, outputs, kernel, pooled in MINIONN:
        layers += [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False), nn.BatchNorm2d(outputs)]
        layers += [nn.ReLU(), *([nn.AvgPool2d(2)] if pooled else [])]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * 8 * 8, 10))


def cifar10_binary():
    # Pooling comes before the batch norm: sums of pixels are free, and a quarter of the signs is left.
    layers = []
    for i, (inputs, outputs, kernel, pooled) in enumerate(MINIONN):
        first = RoundedConv2d(inputs, outputs, kernel, 4, pixel_scale, padding=kernel // 2)
        conv = BinaryConv2d(inputs, outputs, kernel, padding=kernel // 2) if i else first
        layers += binary_block(conv, outputs, nn.AvgPool2d(2) if pooled else None)
    return nn.Sequential(*layers, nn.Flatten(), BinaryLinear(16 * 8 * 8, 10), nn.BatchNorm1d(10))


NETWORKS = {
    "mnist-small": Recipe(build=mnist_small, epochs=40, sparsity=0.86),
    "mnist-bm1": Recipe(build=mnist_bm1, epochs=40, weight_decay=0, varied=False),
    "mnist-bm2": Recipe(build=mnist_bm2, epochs=40, weight_decay=0),
    "mnist-bm3": Recipe(build=mnist_bm3, epochs=14, weight_decay=0, varied=False),
    "cifar10-4bit": Recipe(build=cifar10_4bit, epochs=24, sparsity=0.8, images=CIFAR10, short_floats=True),
    "cifar10-8bit": Recipe(build=cifar10_8bit, epochs=16, images=CIFAR10, short_floats=True),
    "cifar10-binary": Recipe(build=cifar10_binary, epochs=30, images=CIFAR10, weight_decay=0, short_floats=True),
}


class Pruner:
    """Gradual magnitude pruning: one threshold for all weights, raised on a cubic schedule. Biases stay."""

    def __init__(self, network, recipe, total_steps):
        self._weights = [p for p in network.parameters() if p.dim() > 1]
        self._count = sum(w.numel() for w in self._weights)
        self._every = recipe.prune_every
        self._target = recipe.sparsity
        self._start, self._end = (int(fraction * total_steps) for fraction in recipe.prune_span)
        self.masks = [torch.ones_like(w) for w in self._weights]

    def apply(self, step):
        """Raises the threshold when it is time, and puts pruned weights back to zero after an optimizer step."""
        if self._start < step < self._end and step % self._every == 0 or step == self._end:
            remaining = (self._end - step) / (self._end - self._start)
            self._prune(self._target * (1 - remaining**3))
        with torch.no_grad():
            for weight, mask in zip(self._weights, self.masks):
                weight.mul_(mask)

    def sparsity(self):
        return 1 - sum(int(mask.sum()) for mask in self.masks) / self._count

    def _prune(self, sparsity):
        if sparsity == 0:
            return
        magnitudes = torch.cat([(w.detach() * m).abs().flatten() for w, m in zip(self._weights, self.masks)])
        zeros = math.ceil(sparsity * self._count)
        threshold = magnitudes.kthvalue(max(1, zeros)).values
        self.masks = [((w.detach() * m).abs() > threshold).to(w.dtype) for w, m in zip(self._weights, self.masks)]


def save_atomically(state, path):
    partial = path.with_suffix(".partial")
    torch.save(state, partial)
    partial.replace(path)


def train(name, recipe, seed, folder):
    """Trains the network, from folder's checkpoint on where there is one. Returns it with facts for the report."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    network = recipe.build()
    images, labels = recipe.images.tensors(recipe.images.train)
    steps_per_epoch = len(images) // recipe.batch
    total_steps = recipe.epochs * steps_per_epoch
    pruner = Pruner(network, recipe, total_steps)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )

    def rate(step):
        return min(1, (step + 1) / recipe.warmup_steps) * 0.5 * (1 + math.cos(math.pi * step / total_steps))

    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    checkpoint_path = folder / "checkpoint.pt"
    # A checkpoint made with other settings must not be continued. The layers are named by their printed form.
    settings = {"network": str(network), "seed": seed, **recipe.settings()}
    first_epoch, seconds = 0, 0.0
    if checkpoint_path.exists():
        state = torch.load(checkpoint_path)
        if state["settings"] != settings:
            raise ValueError(f"{checkpoint_path} was made with other settings: remove it to start afresh")
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        scheduler.load_state_dict(state["scheduler"])
        generator.set_state(state["generator"])
        pruner.masks = state["masks"]
        first_epoch, seconds = state["epoch"], state["seconds"]
        print(f"{name}: resuming after epoch {first_epoch}")

    for epoch in range(first_epoch, recipe.epochs):
        started = time.monotonic()
        order = torch.randperm(len(images), generator=generator)
        total_loss = 0.0
        for index in range(steps_per_epoch):
            chosen = order[index * recipe.batch : (index + 1) * recipe.batch]
            batch = images[chosen].float() / 255
            batch = recipe.images.vary(batch, generator) if recipe.varied else batch
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.short_floats):
                logits = network(batch)
            loss = F.cross_entropy(logits.float(), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            clip_weights(network)
            scheduler.step()
            pruner.apply(epoch * steps_per_epoch + index + 1)
            total_loss += loss.item()
        seconds += time.monotonic() - started
        print(
            f"{name}: epoch {epoch + 1}/{recipe.epochs}, loss {total_loss / steps_per_epoch:.4f}, "
            f"sparsity {pruner.sparsity():.3f}, {seconds:.0f} s",
            flush=True,
        )
        state = {
            "settings": settings,
            "network": network.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scheduler": scheduler.state_dict(),
            "generator": generator.get_state(),
            "masks": pruner.masks,
            "epoch": epoch + 1,
            "seconds": seconds,
        }
        save_atomically(state, checkpoint_path)
    return network, {"network": name, "seed": seed, "epochs": recipe.epochs, "seconds": round(seconds)}


def drop_constant_units(network):
    """Removes units between two fully connected layers that pruning has left without inputs or without outputs.

    A unit without inputs is a constant, which goes into the next layer's bias. The network's function stays.
    """
    layers = list(network)
    for first, activation, second in zip(layers, layers[1:], layers[2:]):
        if not (isinstance(first, nn.Linear) and isinstance(second, nn.Linear)):
            continue
        with torch.no_grad():
            fed = (first.weight != 0).any(1)
            used = (second.weight != 0).any(0)
            constants = activation(first.bias) * ~fed
            second.bias += second.weight @ constants
            keep = fed & used
            first.weight, first.bias = nn.Parameter(first.weight[keep]), nn.Parameter(first.bias[keep])
            second.weight = nn.Parameter(second.weight[:, keep])


def evaluate(network, data):
    """The network's accuracy on the test set, and each layer's zero weights as a fraction."""
    images, labels = data.tensors(data.test)
    with torch.no_grad():
        predicted = torch.cat([network(block.float() / 255).argmax(1) for block in images.split(500)])
    accuracy = (predicted == labels).double().mean().item()
    weights = {key: w for key, w in network.named_parameters() if w.dim() > 1}
    zeros = {key: int((w == 0).sum()) for key, w in weights.items()}
    return {
        "accuracy": accuracy,
        "sparsity": sum(zeros.values()) / sum(w.numel() for w in weights.values()),
        "layers": {key: {"weights": w.numel(), "nonZero": w.numel() - zeros[key]} for key, w in weights.items()},
    }


def export(network, data, path):
    # Batch 1 is fixed: a prediction is one image.
    torch.onnx.export(
        network.eval(),
        torch.zeros(1, *data.shape),
        str(path),
        opset_version=OPSET,
        input_names=["image"],
        output_names=["logits"],
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=sorted(NETWORKS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, help="instead of the recipe's number, to try something out")
    options = parser.parse_args()
    recipe = NETWORKS[options.network]
    if options.epochs is not None:
        if options.epochs < 1:
            parser.error("--epochs must be at least 1")
        recipe = dataclasses.replace(recipe, epochs=options.epochs)

    torch.set_num_threads(THREADS)
    torch.use_deterministic_algorithms(True)
    folder = RUNS / options.network
    folder.mkdir(parents=True, exist_ok=True)
    try:
        network, report = train(options.network, recipe, options.seed, folder)
        drop_constant_units(network)
        network = with_plain_layers(network)
        report.update(evaluate(network, recipe.images))
    except ValueError as error:
        sys.exit(f"train.py: {error}")
    export(network, recipe.images, folder / f"{options.network}.onnx")
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
    print(f"{options.network}: accuracy {report['accuracy']:.4f}, sparsity {report['sparsity']:.4f}, in {folder}")


if __name__ == "__main__":
    main()
