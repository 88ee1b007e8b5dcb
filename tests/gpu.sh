#!/bin/sh
# What needs a GPU, unattended: `ser bench gpu`, its figures in gpu.json, then the tests that are skipped without one.
# Needs no network, no data and no installation; from the repository: sh tests/gpu.sh [FIGURES.json]
cd "$(dirname "$0")/.." || exit 1
export PYTHONPATH="$PWD" HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1
code=0
timeout 480 python3 -m pipeline.cli bench gpu --json "${1:-gpu.json}" || code=1
timeout 240 python3 -m pytest -m gpu -n 0 -p no:cacheprovider tests/features/test_logmel_mfcc.py \
    tests/features/test_ssl_gpu.py tests/bench/test_bench_gpu.py || code=1
exit "$code"
