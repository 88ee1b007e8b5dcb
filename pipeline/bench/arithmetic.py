"""`ser bench arithmetic`: which bytes move with the instruction set, natively and portably, and what the latter costs.

Libraries can be told which instruction set to use, so that natively one machine stands for others; portably, this shows
that nothing in the environment undoes it. Other processors are those of an emulator (`qemu-x86_64`, `--emulated`). Each
figure is of `pipeline.bench.operations`, run anew.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from pipeline.arithmetic import VARIABLES
from pipeline.bench.timing import Figure, all_met, table, write_json
from pipeline.errors import UserError

FORCED: dict[str, dict[str, str]] = {
    "SSE4.2": {
        "ATEN_CPU_CAPABILITY": "default",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_CBWR": "SSE4_2",
        "OPENBLAS_CORETYPE": "Nehalem",
    },
    "AVX2": {
        "ATEN_CPU_CAPABILITY": "avx2",
        "ONEDNN_MAX_CPU_ISA": "AVX2",
        "MKL_CBWR": "AVX2",
        "OPENBLAS_CORETYPE": "Haswell",
    },
    "AVX-512": {
        "ATEN_CPU_CAPABILITY": "avx512",
        "ONEDNN_MAX_CPU_ISA": "AVX512_CORE",
        "MKL_CBWR": "AVX512",
        "OPENBLAS_CORETYPE": "SkylakeX",
    },
}
"""instruction set -> the variables that hold the libraries to it"""
FLAGS = {"SSE4.2": "sse4_2", "AVX2": "avx2", "AVX-512": "avx512f"}
"""instruction set -> what a system says of a processor that has it"""
EMULATED = ("Haswell", "EPYC")
"""processors of the emulator: Intel's of 2013, AMD's of 2017"""
EMULATOR = "qemu-x86_64"


@dataclass(frozen=True)
class Run:
    """What the operations gave.

    Attributes:
        digests: operation -> of its bytes; "" where they differ from one time to the next.
        seconds: processor time (s).
        failed: the last words of a process that failed; "" for none.
    """

    digests: dict[str, str]
    seconds: dict[str, float]
    failed: str = ""

    def moved(self, other: "Run") -> list[str]:
        """The operations of both whose bytes are others."""
        both = self.digests.keys() & other.digests.keys()
        return sorted(name for name in both if not self.digests[name] or self.digests[name] != other.digests[name])


def operations(arithmetic: str, forced: Mapping[str, str] = {}, emulated: str = "") -> Run:
    """Run the operations in a process of their own, on one thread, on an instruction set or an emulated processor."""
    own = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    before = [EMULATOR, "-cpu", emulated] if emulated else []
    with tempfile.TemporaryDirectory(prefix="ser-bench-") as folder:
        (Path(folder) / "params.yaml").write_text(f"arithmetic: {arithmetic}\n", encoding="utf-8")
        done = subprocess.run(  # noqa: S603
            [*before, sys.executable, "-m", "pipeline.bench.operations"],
            cwd=folder,
            env={**own, "PYTHONPATH": str(Path(__file__).parents[2]), "OMP_NUM_THREADS": "1", **forced},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    failed = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1] if done.returncode else ""
    if failed and not emulated:
        raise UserError(f"the operations failed under {dict(forced)}: {failed}")
    return Run({name: digest for name, digest, _ in rows}, {name: taken for name, _, taken in rows}, failed)


def available() -> list[str]:
    """The instruction sets that the processor has; each where the system does not tell."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").split()
    except OSError:
        return [*FORCED]
    return [name for name in FORCED if FLAGS[name] in flags]


def moved(name: str, usual: Run, other: Run, portable: bool) -> Figure:
    """How many operations have other bytes there than usual; all of them where none was done."""
    others = usual.moved(other) if other.digests else sorted(usual.digests)
    note = f"of {len(other.digests)}{': ' if others else ''}{', '.join(others)}"
    note += f"; then: {other.failed}" if other.failed else ""
    part, below = ("portable", 1) if portable else ("native", None)
    return Figure(part, f"moved, {name}", len(others), "operations", below=below, note=note, check=portable)


def price(natives: Sequence[Run], portables: Sequence[Run]) -> list[Figure]:
    """Processor time of the operations, portable over native, and of the five that pay most."""

    def typical(runs: Sequence[Run]) -> dict[str, float]:
        return {name: median(run.seconds[name] for run in runs) for name in runs[0].seconds}

    native, portable = typical(natives), typical(portables)
    ratios = {name: portable[name] / native[name] for name in native if native[name] > 0.01}
    dearest = sorted(ratios, key=ratios.__getitem__, reverse=True)[:5]
    whole = sum(portable.values()) / sum(native.values())
    note = f"native {sum(native.values()):.3g} s, portable {sum(portable.values()):.3g} s"
    return [
        Figure("price", "portable, of native", whole, "times", below=1.5, note=note),
        *(Figure("price", f"portable, of native: {name}", ratios[name], "times") for name in dearest),
    ]


def measure(
    quick: bool, emulate: bool, report: Path | None, echo: Callable[[str], None], say: Callable[[str], None]
) -> bool:
    """Run the operations under each instruction set that is there, print the table, and write it to `report`.

    Returns:
        Whether all that was asked for was run, no portable byte moved and, but for quick figures, the price is met.

    Raises:
        UserError: the operations failed.
    """
    repeats = 1 if quick else 3
    say("measuring natively and portably in turn ...")
    pairs = [(operations("native"), operations("portable")) for _ in range(repeats)]
    natives, portables = [one for one, _ in pairs], [other for _, other in pairs]
    figures: list[Figure] = []
    there = available()
    for name in there[: 1 if quick else None]:
        say(f"measuring {name} ...")
        forced = FORCED[name]
        figures.append(moved(name, natives[0], operations("native", forced), False))
        figures.append(moved(name, portables[0], operations("portable", forced), True))
    skipped = {name: "the processor does not have it" for name in FORCED if name not in there}
    wanting = {} if emulate else {"emulated": "give --emulated (an hour)"}
    if emulate and not shutil.which(EMULATOR):
        wanting = {"emulated": f"{EMULATOR} is not installed (package qemu-user)"}
    for processor in EMULATED if emulate and not wanting else ():
        say(f"measuring {processor}, emulated ...")
        figures.append(moved(processor, portables[0], operations("portable", emulated=processor), True))
    figures = [*sorted(figures, key=lambda figure: figure.part), *price(natives, portables)]
    echo(table(figures, skipped | wanting))
    if report is not None:
        write_json(report, figures, skipped | wanting, benchmark="arithmetic", quick=quick)
    return all_met(figures, wanting if emulate else {}, quick, echo)
