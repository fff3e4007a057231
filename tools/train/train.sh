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
if ! "$python" -c 'import torch, onnx' 2>/dev/null; then
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        apt-get install -y -qq --no-install-recommends python3-torch python3-onnx
    else
        echo "train.sh: install PyTorch and ONNX first: sudo apt-get install python3-torch python3-onnx" >&2
        exit 1
    fi
fi

"$python" "$here/../data/fetch.py" mnist
"$python" "$here/train.py" "$@"
"$python" "$here/check.py" "$here/runs/$network/$network.onnx"
