"""Portable arithmetic: numeric libraries held to one code path, so that x86-64 processors give the same bytes.

NumPy, SciPy, torch, oneDNN, MKL and numba choose their code by the processor, and each sums in an order of its own.
They read the variables below when they are loaded, so `hold` comes before that; workers inherit them. The path is that
of AVX2 (Intel since 2013, AMD since 2017), but MKL's: its AVX2 path is another on AMD's processors, and `COMPATIBLE` is
the one that it has for all. That path begins square roots and decadic logarithms with an approximation that each
maker rounds otherwise (`APPROXIMATED`): `exact_sqrt`, `exact_log10` and fused optimizers do without it. oneDNN's path
of AVX2 has convolutions that sum in blocks which fit the processor's caches; that of AVX has so only where a
convolution is unusual, and torch does those without oneDNN: `hold_network`.
"""

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

APPROXIMATED = ("sqrt", "log10", "log2", "log", "tan", "asin", "acos", "atan")
"""torch's functions of tensors whose last bits are the processor maker's; `log` in double precision only"""

WIDEST = 7
"""taps of a convolution of several channels for which oneDNN has a kernel in any case"""

KEY = "arithmetic"
"""of params.yaml, at its top"""
PORTABLE = "portable"

VARIABLES = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX",
    "MKL_CBWR": "COMPATIBLE",
    "OPENBLAS_CORETYPE": "Haswell",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512F AVX512CD AVX512_SKX AVX512_ICL AVX512_SPR",  # of 2.4, and before
    "NUMBA_CPU_NAME": "generic",
    "OMP_NUM_THREADS": "1",  # sums that threads share are rounded otherwise with another number of them
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "SER_DEVICE": "cpu",
}
CONTRARY = ("NPY_ENABLE_CPU_FEATURES", "NUMBA_CPU_FEATURES")
"""what asks for other paths: NumPy is not imported with it beside the above"""
LOADED = ("numpy", "torch")
"""modules that read the variables when they are imported; all others that do import one of them"""
GPU = Path("/proc/driver/nvidia/version")
"""is there where a GPU could be used"""
LONGEST = 1 << 20
"""characters of params.yaml that are read; more are an error elsewhere"""


def is_portable() -> bool:
    """Whether this process computes portably, as its environment says."""
    return all(os.environ.get(name) == value for name, value in VARIABLES.items())


def identity() -> tuple[str, ...]:
    """What results' identities say of the arithmetic: nothing of the processor's own."""
    return ("arithmetic: portable, 2",) if is_portable() else ()


def hold(params: Path) -> None:
    """Compute portably in this process and its children, if params.yaml asks for it; a warning where it cannot be had.

    What is wrong with the file is not said here: whoever reads it for its params does.
    """
    if asked(params) != PORTABLE:
        return
    if not is_portable():  # a parent that holds it has done so before anything was loaded
        if obstacle := _obstacle():
            print(
                f"warning: {params}: {KEY}: {PORTABLE} cannot be had ({obstacle}); last digits may differ",
                file=sys.stderr,
            )
            return
        for name in CONTRARY:
            os.environ.pop(name, None)
        os.environ.update(VARIABLES)
    if GPU.exists():
        print(f"note: {params}: {KEY}: {PORTABLE} computes on the CPU alone; native would use the GPU", file=sys.stderr)


def asked(params: Path) -> str:
    """The value of the key, without making anything of the rest of the file; "" where there is none."""
    import yaml

    try:
        with params.open(encoding="utf-8") as file:
            text = file.read(LONGEST)
        return dict(_scalars(text)).get(KEY, "")
    except (OSError, ValueError, yaml.YAMLError):
        return ""


def _scalars(text: str) -> Iterator[tuple[str, str]]:
    """Keys and values at the top of a YAML text whose values are scalars, as they are written."""
    import yaml

    depth, key = 0, None
    for event in yaml.parse(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth == 1 and key is None and isinstance(event, yaml.ScalarEvent):
            key = event.value
        elif depth == 1 and not isinstance(event, yaml.CollectionStartEvent):
            if key is not None and isinstance(event, yaml.ScalarEvent):
                yield key, event.value
            key = None


def _obstacle() -> str:
    """Why this process cannot compute portably; "" where it can."""
    device = os.environ.get("SER_DEVICE", "") or "cpu"
    if platform.machine().lower() not in ("x86_64", "amd64"):
        return f"the processor is {platform.machine()}, not x86-64"
    if not _has_avx2():
        return "the processor has no AVX2"
    if device != "cpu":
        return f"SER_DEVICE is {device}"
    loaded = [name for name in LOADED if name in sys.modules]
    return f"{loaded[0]} is loaded already" if loaded else ""


def _has_avx2() -> bool:
    """Whether the processor has AVX2; taken for granted where the system does not tell."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return True
    return "avx2" in flags.split()


def hold_network(network: "nn.Module") -> None:
    """Where arithmetic is portable, have torch do the unusual convolutions of a network without oneDNN from now on.

    Their gradients need not be held: oneDNN computes them alike everywhere.
    """
    if is_portable():
        for layer in filter(_is_unusual, network.modules()):
            layer.register_forward_pre_hook(_leave_onednn)
            layer.register_forward_hook(_take_onednn, always_call=True)


def _is_unusual(layer: "nn.Module") -> bool:
    """Whether oneDNN has no kernel of its own for a convolution, and makes a matrix product of it."""
    from torch import nn

    if not isinstance(layer, nn.Conv1d | nn.Conv2d):
        return False
    if layer.groups > 1 or isinstance(layer.padding, str):
        return True
    wide = max(layer.kernel_size) > WIDEST and (layer.in_channels > 1 or any(layer.padding))
    return wide or any(pad >= kernel for kernel, pad in zip(layer.kernel_size, layer.padding, strict=True))


def _leave_onednn(*_: object) -> None:
    import torch

    torch.backends.mkldnn.set_flags(False)


def _take_onednn(*_: object) -> None:
    import torch

    torch.backends.mkldnn.set_flags(True)


def exact_sqrt(values: "Tensor") -> "Tensor":
    """Square roots of a tensor; as IEEE 754 rounds them where arithmetic is portable, and not by MKL."""
    return _by_numpy("sqrt", values) if is_portable() else values.sqrt()


def exact_log10(values: "Tensor") -> "Tensor":
    """Decadic logarithms, in the place of a tensor; the C library's where arithmetic is portable, and not MKL's."""
    return values.copy_(_by_numpy("log10", values)) if is_portable() else values.log10_()


def _by_numpy(function: str, values: "Tensor") -> "Tensor":
    import numpy as np
    import torch

    return torch.from_numpy(getattr(np, function)(values.detach().cpu().numpy())).to(values.device)
