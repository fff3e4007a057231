#!/usr/bin/python3
"""Puts a trained network and 100 test images into samples/: tools/train/publish.py NETWORK

Only a network that keeps its promises goes in; the limits stand below.
"""

import argparse
import pathlib
import shutil
import sys

import check
import mnist

HERE = pathlib.Path(__file__).resolve().parent
SAMPLES = HERE.parents[1] / "samples"
IMAGES = 100
MIN_INTEGER_ACCURACY = 0.985
MIN_SPARSITY = 0.8


def publish(network):
    source = HERE / "runs" / network / f"{network}.onnx"
    if not source.is_file():
        raise ValueError(f"{source} is missing: run tools/train/train.sh {network}")
    facts = check.check(source)
    check.show(facts)
    if facts["integerAccuracy"] < MIN_INTEGER_ACCURACY or facts["sparsity"] < MIN_SPARSITY:
        raise ValueError(f"not published: accuracy must reach {MIN_INTEGER_ACCURACY} and sparsity {MIN_SPARSITY}")
    images, labels = mnist.load("t10k")
    shutil.copyfile(source, SAMPLES / source.name)
    mnist.save_images(SAMPLES / f"mnist-{IMAGES}-images.idx3-ubyte", images[:IMAGES])
    mnist.save_labels(SAMPLES / f"mnist-{IMAGES}-labels.idx1-ubyte", labels[:IMAGES])
    print(f"published in {SAMPLES}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("network")
    options = parser.parse_args()
    try:
        publish(options.network)
    except (ValueError, OSError) as error:
        sys.exit(f"publish.py: {error}")


if __name__ == "__main__":
    main()
