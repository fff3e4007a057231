#!/usr/bin/python3
"""Puts a trained network into samples/: tools/train/publish.py NETWORK

Only a network that keeps its promises goes in; the limits stand below. The test images that the demo runs on go with
mnist-small.
"""

import argparse
import gzip
import json
import shutil
import sys

import check
import mnist

SAMPLES = check.HERE.parents[1] / "samples"
IMAGES = 100
# The least accuracy of the integer network on the test set, and the least share of zero weights. For the binarised
# networks it is half a point less than what XONN publishes for their architectures (97.6, 98.6 and 99.0 %).
LIMITS = {
    "mnist-small": (0.985, 0.8),
    "mnist-bm1": (0.971, 0),
    "mnist-bm2": (0.981, 0),
    "mnist-bm3": (0.985, 0),
    "cifar10-4bit": (0.78, 0.8),
    "cifar10-binary": (0.72, 0),
}


def publish(network):
    facts = check.check(network)
    print(json.dumps(facts, indent=2))
    accuracy, sparsity = LIMITS[network]
    if facts["integerAccuracy"] < accuracy or facts["sparsity"] < sparsity:
        raise ValueError(f"not published: accuracy must reach {accuracy} and sparsity {sparsity}")
    onnx = check.folder_of(network) / f"{network}.onnx"
    shutil.copyfile(onnx.with_suffix(".popcorn"), SAMPLES / f"{network}.popcorn")
    if network == "mnist-small":
        shutil.copyfile(onnx, SAMPLES / onnx.name)
        images, labels = mnist.load("t10k")
        mnist.save_images(SAMPLES / f"mnist-{IMAGES}-images.idx3-ubyte", images[:IMAGES])
        mnist.save_labels(SAMPLES / f"mnist-{IMAGES}-labels.idx1-ubyte", labels[:IMAGES])
    else:
        # Weights of few bits compress well. A fixed time and an empty name make the file reproducible.
        with open(SAMPLES / f"{onnx.name}.gz", "wb") as out:
            with gzip.GzipFile(filename="", fileobj=out, mode="wb", mtime=0) as packed:
                packed.write(onnx.read_bytes())
    print(f"published in {SAMPLES}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network", choices=sorted(LIMITS))
    options = parser.parse_args()
    try:
        publish(options.network)
    except (ValueError, OSError) as error:
        sys.exit(f"publish.py: {error}")


if __name__ == "__main__":
    main()
