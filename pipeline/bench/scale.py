"""`ser bench scale`: what a project of many recordings takes, stage by stage, and how that grows with their number."""

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from pipeline.bench.memory import limited
from pipeline.bench.scale_project import CORPUS, STAGES, ScaleProject, Spent
from pipeline.bench.timing import Figure, Skipped, seconds, table, write_json

SHARES = (0.1, 0.3, 1.0)
"""sizes that are measured, of the largest"""
ADDED = 100
"""recordings that are added"""
EXPONENT, MEMORY = 1.1, 1500.0
"""what the exponent of growth, and memory (MB), should stay below"""
EXPONENTS = np.arange(0.5, 2.505, 0.01)
FEATURE = f"features-{CORPUS}-mfcc"
"""the stage up to which additions are measured: what is trained is trained anew"""

Echo = Callable[[str], None]


def growth(counts: Sequence[int], values: Sequence[float]) -> float:
    """The exponent c of a + b n^c, a and b not negative, which is nearest to values in relative error.

    Args:
        counts: n, three at least, ascending.
        values: at each, above 0.
    """
    from scipy.optimize import nnls

    n, target = np.array(counts, float) / counts[-1], np.array(values)
    columns = (np.stack([np.ones_like(n), n**c], axis=1) / target[:, None] for c in EXPONENTS)
    errors = [nnls(column, np.ones_like(target))[1] for column in columns]
    return float(EXPONENTS[int(np.argmin(np.round(errors, 9)))])


def stages(folder: Path, counts: Sequence[int], say: Echo) -> list[Figure]:
    """What each stage takes, and what DVC does with nothing to do, at each size; the largest project stays."""
    measured = {count: _measured(ScaleProject(folder / str(count), count), say) for count in counts}
    return [figure for name in measured[counts[-1]] for figure in _figures(name, measured)]


def _measured(project: ScaleProject, say: Echo) -> dict[str, Spent]:
    """What each step takes, in the order in which they are taken."""
    project.stage("code")
    spent: dict[str, Spent] = {}
    for name, arguments in STAGES.items():
        say(f"{project.count} recordings: {name} ...")
        spent[name] = project.stage(*arguments)
    say(f"{project.count} recordings: dvc ...")
    project.dvc("commit", "--force", "--quiet")
    return spent | {"dvc status": project.dvc("status"), "dvc repro": project.dvc("repro")}


def _figures(name: str, measured: Mapping[int, Mapping[str, Spent]]) -> list[Figure]:
    own = {count: spent[name] for count, spent in measured.items()}
    *_, (count, largest) = own.items()
    cpu = [each.cpu for each in own.values()]
    shown = ", ".join(f"{n}: {each.seconds:.3g} s ({each.cpu:.3g}), {each.peak:.0f} MB" for n, each in own.items())
    return [
        Figure(name, f"{count} recordings", largest.seconds, "s", note=f"wall (processor), memory of {shown}"),
        Figure(name, "growth of processor time, exponent", growth([*own], cpu), "", below=EXPONENT),
        Figure(name, "largest memory of a process", largest.peak, "MB", below=MEMORY),
    ]


def adding(folder: Path, count: int, say: Echo) -> list[Figure]:
    """What a corpus's manifest, audio and MFCC take when recordings come to it, against a project of these alone."""
    say(f"{ADDED} more recordings ...")
    fresh, large = ScaleProject(folder / "fresh", ADDED), ScaleProject.reopened(folder / str(count), count)
    alone = fresh.dvc("repro", FEATURE)
    idle = large.dvc("repro", FEATURE)
    hashing = seconds(lambda: _hashed(large.folder))
    large.add(ADDED)
    added = large.dvc("repro", FEATURE)
    due = alone.seconds + idle.seconds + hashing
    note = f"{added.seconds:.3g} s; alone {alone.seconds:.3g}, nothing to do {idle.seconds:.3g}, hashing {hashing:.3g}"
    return [Figure("adding", f"{ADDED} recordings to {count}", added.seconds / due, "times", below=1.5, note=note)]


def _hashed(folder: Path) -> int:
    """Read and hash what DVC and the stages must: every recording, and every file that is made of them."""
    size = 0
    for path in [*(folder / "recordings").iterdir(), *(folder / "data").rglob("*.*")]:
        if path.is_file():
            size += len(hashlib.md5(path.read_bytes(), usedforsecurity=False).digest())
    return size


def run(largest: int, quick: bool, json: Path | None, echo: Echo, say: Echo) -> None:
    """Measure projects of up to so many recordings, print the table, and write `json` anew after each part."""
    counts = [round(share * largest) for share in SHARES]
    figures: list[Figure] = []
    skipped: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="ser-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        parts: dict[str, Callable[[], list[Figure]]] = {
            "stages": lambda: stages(folder, counts, say),
            "adding": lambda: adding(folder, counts[-1], say),
            "memory": lambda: limited(folder / "memory", quick),
        }
        for part, measure in parts.items():
            say(f"measuring {part} ...")
            try:
                if part == "adding" and "stages" in skipped:
                    raise Skipped("there is no project to add to")
                figures += measure()
            except Skipped as why:
                skipped[part] = str(why)
            if json is not None:
                write_json(json, figures, skipped, benchmark="scale", quick=quick)
    echo(table(figures, skipped))
    if quick:
        echo("These are quick figures: too small to compare with the targets.")
