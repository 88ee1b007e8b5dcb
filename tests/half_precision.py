"""Whether half precision can be had here: it is the processor's to say, and the program's to say in one line."""

import os
import re

from pipeline.errors import UserError

SAID = r"(compute|precision): bfloat16 (cannot be had|is wrong) on this machine: [^\n]*use float32[^\n]*"


def or_refused(run):
    """What `run` gives; None where the processor has no right bfloat16, and that was said in one line."""
    try:
        return run()
    except UserError as error:
        check_refusal(str(error))
    return None


def check_refusal(said):
    """Hold what was said of bfloat16 against the processor: it must have none."""
    import torch

    able = torch.backends.cpu.get_cpu_capability() == "AVX512" and "ONEDNN_MAX_CPU_ISA" not in os.environ
    able &= any(torch.cpu.get_capabilities().get(name) for name in ("amx_bf16", "avx512_bf16"))
    assert re.fullmatch(SAID, said)
    assert not able, f"with its instructions it can be had: {said}"
