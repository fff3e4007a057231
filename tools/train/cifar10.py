"""CIFAR-10 in its canonical binary layout: a label byte, then 3 x 32 x 32 bytes of red, green and blue."""

import gzip
import pathlib

import numpy as np

DEFAULT_FOLDER = pathlib.Path(__file__).resolve().parent / "data" / "cifar10"
FILES = {"train": [f"data_batch_{i}.bin.gz" for i in range(1, 6)], "test": ["test_batch.bin.gz"]}
IMAGE = (3, 32, 32)
RECORD = 1 + int(np.prod(IMAGE))


def load(split, folder=DEFAULT_FOLDER):
    """The images (count, 3, 32, 32) and labels (count,), both uint8, of split "train" or "test"."""
    records = np.concatenate([_read(folder / name) for name in FILES[split]])
    return records[:, 1:].reshape(-1, *IMAGE), records[:, 0]


def _read(path):
    if not path.is_file():
        raise ValueError(f"{path} is missing: run tools/data/fetch.py cifar10")
    with gzip.open(path) as stream:
        content = np.frombuffer(stream.read(), np.uint8)
    if content.size % RECORD:
        raise ValueError(f"{path} is cut short: run tools/data/fetch.py cifar10")
    return content.reshape(-1, RECORD)
