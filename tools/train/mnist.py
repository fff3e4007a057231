"""MNIST in its IDX files: read, and written for the samples."""

import gzip
import pathlib
import struct

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
DEFAULT_FOLDER = HERE / "data" / "mnist"

IMAGES_MAGIC, LABELS_MAGIC = 0x00000803, 0x00000801


def load(split, folder=DEFAULT_FOLDER):
    """The images (count, 28, 28) and labels (count,), both uint8, of split "train" or "t10k"."""
    images = _read(folder / f"{split}-images-idx3-ubyte.gz", IMAGES_MAGIC)
    labels = _read(folder / f"{split}-labels-idx1-ubyte.gz", LABELS_MAGIC)
    if len(images) != len(labels):
        raise ValueError(f"{folder}: {len(images)} {split} images but {len(labels)} labels")
    return images, labels


def save_images(path, images):
    _write(path, IMAGES_MAGIC, images)


def save_labels(path, labels):
    _write(path, LABELS_MAGIC, labels)


def _read(path, magic):
    if not path.is_file():
        raise ValueError(f"{path} is missing: run tools/data/fetch.py mnist")
    with gzip.open(path) as stream:
        content = stream.read()
    # The last byte of the magic number is the number of dimensions, which follow as big-endian 32-bit numbers.
    rank = magic & 0xFF
    header = 4 + 4 * rank
    if len(content) < header or struct.unpack_from(">I", content)[0] != magic:
        raise ValueError(f"{path} is not an IDX file of {rank} dimensions: run tools/data/fetch.py mnist")
    shape = struct.unpack_from(f">{rank}I", content, 4)
    values = np.frombuffer(content, np.uint8, offset=header)
    if values.size != np.prod(shape, dtype=np.int64):
        raise ValueError(f"{path} is cut short: run tools/data/fetch.py mnist")
    return values.reshape(shape)


def _write(path, magic, values):
    if values.dtype != np.uint8 or values.ndim != magic & 0xFF:
        raise ValueError(f"{path}: cannot write {values.dtype} values of {values.ndim} dimensions")
    path.write_bytes(struct.pack(f">I{values.ndim}I", magic, *values.shape) + values.tobytes())
