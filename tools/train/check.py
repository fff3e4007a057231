#!/usr/bin/python3
"""Makes the integer network of a training's result and evaluates it on the whole test set: tools/train/check.py NETWORK

It runs the popcorn command, so the accuracy is that of oblivious inference.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import cifar10
import mnist

HERE = pathlib.Path(__file__).resolve().parent
POPCORN = HERE.parents[1] / "artifacts" / "popcorn" / "popcorn"
MNIST = [
    "--data",
    str(mnist.DEFAULT_FOLDER / "t10k-images-idx3-ubyte.gz"),
    "--labels",
    str(mnist.DEFAULT_FOLDER / "t10k-labels-idx1-ubyte.gz"),
]
CIFAR10 = ["--data", str(cifar10.DEFAULT_FOLDER / "test_batch.bin.gz")]


def popcorn(*arguments):
    """What a popcorn command reports."""
    if not POPCORN.is_file():
        raise ValueError(f"{POPCORN} is missing: run ./build.sh")
    done = subprocess.run([POPCORN, *map(str, arguments), "--json"], stdout=subprocess.PIPE)
    if done.returncode != 0:
        raise ValueError(f"popcorn {arguments[0]} failed")
    return json.loads(done.stdout)


def folder_of(network):
    return HERE / "runs" / network


def check(network):
    """Imports the network beside its ONNX file; its facts: accuracy in floating point and in integers, sparsity."""
    folder = folder_of(network)
    report = folder / "report.json"
    if not report.is_file():
        raise ValueError(f"{report} is missing: run tools/train/train.sh {network}")
    bits = 4 if network == "cifar10-4bit" else 8
    model = folder / f"{network}.popcorn"
    imported = popcorn("import", folder / f"{network}.onnx", "--out", model, "--weight-bits", bits)
    evaluated = popcorn("eval", model, *(CIFAR10 if network.startswith("cifar10") else MNIST))
    return {
        "network": network,
        "accuracy": json.loads(report.read_text())["accuracy"],
        "integerAccuracy": evaluated["accuracy"],
        "images": evaluated["count"],
        "weights": imported["weights"],
        "nnz": imported["nnz"],
        "sparsity": imported["sparsity"],
        "bytes": imported["bytes"],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network")
    options = parser.parse_args()
    try:
        print(json.dumps(check(options.network), indent=2))
    except ValueError as error:
        sys.exit(f"check.py: {error}")


if __name__ == "__main__":
    main()
