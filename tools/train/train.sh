#!/bin/sh
# Trains a network of the project and checks it: tools/train/train.sh mnist-small [options of train.py]
# The result is tools/train/runs/NETWORK/NETWORK.onnx. An interrupted run resumes where its last epoch ended.
set -eu

if [ $# -lt 1 ]; then
    echo "usage: train.sh NETWORK [options of train.py]" >&2
    exit 2
fi
network=$1
here=$(cd "$(dirname "$0")" && pwd)

# The packages belong to the distribution's own interpreter, which need not be the first python3 on PATH.
python=/usr/bin/python3
# OpenBLAS, for the distribution's default is seven times slower; Pillow reads CIFAR-10's sheets.
packages='python3-torch python3-onnx python3-pil libopenblas0-pthread'
if ! "$python" -c 'import torch, onnx, PIL' 2>/dev/null; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends $packages
    else
        echo "train.sh: install PyTorch, ONNX, Pillow and OpenBLAS first: sudo apt-get install $packages" >&2
        exit 1
    fi
fi

"$python" "$here/../data/fetch.py" "${network%%-*}"
"$python" "$here/train.py" "$@"
"$here/../../build.sh"
"$python" "$here/check.py" "$network"
