"""Portable arithmetic: numeric libraries held to one code path, so that x86-64 processors give the same bytes.

NumPy, SciPy, torch, oneDNN, MKL and numba choose their code by the processor, and each sums in an order of its own.
They read the variables below when they are loaded, so `hold` comes before that; workers inherit them. The path is that
of AVX2 (Intel since 2013, AMD since 2017), but MKL's: its AVX2 path is another on AMD's processors, and `COMPATIBLE` is
the one that it has for all. That path approximates square roots by an instruction that each maker rounds otherwise:
`exact_sqrt`, and optimizers that are fused, do without it.
"""

import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

KEY = "arithmetic"
"""of params.yaml, at its top"""
PORTABLE = "portable"

VARIABLES = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
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
    return ("arithmetic: portable, 1",) if is_portable() else ()


def hold(params: Path) -> None:
    """Compute portably in this process and its children, if params.yaml asks for it; a warning where it cannot be had.

    What is wrong with the file is not said here: whoever reads it for its params does.
    """
    if _asked(params) != PORTABLE:
        return
    if obstacle := _obstacle():
        print(
            f"warning: {params}: {KEY}: {PORTABLE} cannot be had ({obstacle}); last digits may differ", file=sys.stderr
        )
        return
    for name in CONTRARY:
        os.environ.pop(name, None)
    os.environ.update(VARIABLES)
    if GPU.exists():
        print(f"note: {params}: {KEY}: {PORTABLE} computes on the CPU alone; native would use the GPU", file=sys.stderr)


def _asked(params: Path) -> str:
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


def exact_sqrt(values: "Tensor") -> "Tensor":
    """Square roots of a tensor; as IEEE 754 rounds them where arithmetic is portable, and not by MKL."""
    import numpy as np
    import torch

    if not is_portable():
        return values.sqrt()
    return torch.from_numpy(np.sqrt(values.detach().cpu().numpy())).to(values.device)
