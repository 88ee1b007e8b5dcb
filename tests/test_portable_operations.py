"""What `arithmetic: portable` promises of each extractor and system: no bits of the processor's own."""

import os
import subprocess
import sys

import pytest
import torch
from conftest import REPOSITORY
from torch import nn

from pipeline import arithmetic
from pipeline.bench.operations import EXTRACTORS, SYSTEMS

ONEDNN = {"jit:avx", "jit_1x1:avx", "jit_dw:avx", "jit_dw:sse41", "ref"}
"""kernels of oneDNN whose sums no size of a cache has changed; so have the products of gradients, `x64:gemm:jit`"""

SCRIPT = """\
import sys
from functools import partial
from pathlib import Path

from pipeline import arithmetic

arithmetic.hold(Path("params.yaml"))

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pipeline.bench.extraction import synthetic_speech
from pipeline.bench.operations import EXTRACTORS, SPEAKERS, SYSTEMS, UTTERANCES, extracted, trained


class Approximated(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__.removeprefix("_foreach_").rstrip("_")
        first = args[0] if args else None
        first = first[0] if isinstance(first, list | tuple) and first else first
        root = name == "pow" and len(args) > 1 and args[1] == 0.5
        known = name in arithmetic.APPROXIMATED and not (name == "log" and first.dtype == torch.float32)
        if (known or root) and first.device.type == "cpu":
            print("approximated", name, flush=True)
        return function(*args, **(kwargs or {}))


rng = np.random.default_rng(0)
waves = [synthetic_speech(rng, 1.0) for _ in range(SPEAKERS * UTTERANCES)]
with Approximated():
    features = {name: extracted(name, waves) for name in EXTRACTORS}
    for name in sys.argv[1:] or SYSTEMS:
        print("system", name, flush=True)
        trained(name, features)
"""


def said(folder, value, *systems):
    """What oneDNN and the script above print, line by line."""
    (folder / "params.yaml").write_text(f"arithmetic: {value}\n")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *systems],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "ONEDNN_VERBOSE": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def kernels(lines):
    """The kernels that oneDNN sums with, forward or of LSTMs."""
    parts = [line.split(",") for line in lines if line.startswith("onednn_verbose") and ",primitive,exec," in line]
    sums = [part for part in parts if part[5] in ("convolution", "rnn", "matmul", "inner_product")]
    return {part[6] for part in sums if (part[6], part[7][:8]) != ("x64:gemm:jit", "backward")}


def approximated(lines):
    return [line for line in lines if line.startswith("approximated")]


@pytest.mark.slow
def test_no_operation_has_bits_of_the_processors_maker_or_of_its_caches(tmp_path):
    lines = said(tmp_path, "portable")
    assert [line.split()[1] for line in lines if line.startswith("system")] == [*SYSTEMS]
    assert not approximated(lines)
    assert kernels(lines) <= ONEDNN
    native = said(tmp_path, "native", "mlp")
    assert "approximated log10" in native  # so that it is known to be seen
    assert set(EXTRACTORS) == {"logmel", "mfcc", "prosody", "lpcc", "stft", "waveform", "ssl"}


@pytest.mark.parametrize(
    ("layer", "unusual"),
    [
        (nn.Conv2d(1, 8, 3, padding=1), False),
        (nn.Conv1d(1, 32, 10, 5), False),
        (nn.Conv1d(64, 64, 7, padding=3), False),
        (nn.Conv1d(64, 64, 128, padding=64, groups=16), True),
        (nn.Conv1d(16, 16, 3, groups=16), True),
        (nn.Conv2d(16, 8, 11), True),
        (nn.Conv2d(16, 8, (1, 9)), True),
        (nn.Conv1d(16, 8, 1, padding=1), True),
        (nn.Conv1d(16, 8, 3, padding="same"), True),
    ],
)
def test_unusual_convolutions_are_done_without_onednn(monkeypatch, layer, unusual):
    monkeypatch.setattr(arithmetic, "is_portable", lambda: True)
    seen = []
    network = nn.Sequential(layer)
    arithmetic.hold_network(network)
    layer.register_forward_pre_hook(lambda *_: seen.append(enabled()))
    sizes = (20,) * (len(layer.kernel_size))
    network(torch.zeros(2, layer.in_channels, *(size * 10 for size in sizes)))
    assert seen == [not unusual]
    assert enabled()
    with pytest.raises(RuntimeError):
        network(torch.zeros(2, layer.in_channels + 1, *sizes))
    assert enabled()


def enabled():
    """Whether torch gives work to oneDNN."""
    return bool(torch._C._get_mkldnn_enabled())
