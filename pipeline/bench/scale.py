"""`ser bench scale`: what a project of many recordings takes, stage by stage, and how that grows with their number."""

import hashlib
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipeline.bench.growth import exponent, line
from pipeline.bench.memory import limited
from pipeline.bench.scale_project import CORPUS, STAGES, ScaleProject, Spent, least
from pipeline.bench.timing import Figure, Skipped, all_met, seconds, table, write_json

SHARES = (0.1, 0.3, 1.0)
"""sizes that are measured, of the largest"""
ADDED, ADDING = 100, 1.1
"""recordings that are added, and what that should take less than: as often what they take alone, and hashing"""
EXPONENT, MEMORY = 1.1, 1500.0
"""what the exponent of growth, and memory (MB), should stay below"""
MANY = 100_000
"""recordings of which memory should stay below that, by what it grows"""
AGAIN, TIMES = ("evaluate", "report"), 3
"""stages that do all their work each time, and how often these, and DVC with nothing to do, are measured, the sizes
taking turns: the least counts, as they are short, and whatever else the machine does can only add to it"""
NOISE = 0.02
"""relative error of what is measured: growth is told from a start only beyond it"""
FEATURE = f"features-{CORPUS}-mfcc"
"""the stage up to which additions are measured: what is trained is trained anew"""

Echo = Callable[[str], None]


def stages(folder: Path, counts: Sequence[int], say: Echo) -> list[Figure]:
    """What each stage takes, and what DVC does with nothing to do, at each size; the projects stay."""
    projects = [ScaleProject(folder / str(count), count) for count in counts]
    measured = {project.count: _measured(project, say) for project in projects}
    for _ in range(TIMES - 1):
        for project in projects:
            say(f"{project.count} recordings: what is short, again ...")
            before = measured[project.count]
            before |= {name: least([before[name], spent]) for name, spent in _short(project).items()}
    return [figure for name in measured[counts[-1]] for figure in _figures(name, measured)]


def _measured(project: ScaleProject, say: Echo) -> dict[str, Spent]:
    """What each step takes, in the order in which they are taken."""
    project.stage("code")
    spent: dict[str, Spent] = {}
    for name, arguments in STAGES.items():
        say(f"{project.count} recordings: {name} ...")
        spent[name] = project.stage(*arguments)
    say(f"{project.count} recordings: dvc ...")
    spent["dvc commit"] = project.dvc("commit", "--force", "--quiet")
    return spent | _idle(project)


def _short(project: ScaleProject) -> dict[str, Spent]:
    """What the steps take that are measured more than once."""
    return {name: project.stage(*STAGES[name]) for name in AGAIN} | _idle(project)


def _idle(project: ScaleProject) -> dict[str, Spent]:
    """What DVC takes with nothing to do."""
    return {f"dvc {name}": project.dvc(name) for name in ("status", "repro")}


def _figures(name: str, measured: Mapping[int, Mapping[str, Spent]]) -> list[Figure]:
    own = {count: spent[name] for count, spent in measured.items()}
    *_, (count, largest) = own.items()
    cpu, peaks = [each.cpu for each in own.values()], [each.peak for each in own.values()]
    (start, each_one), (least, step) = line([*own], cpu), line([*own], peaks)
    shown = ", ".join(f"{n}: {each.seconds:.3g} s ({each.cpu:.3g}), {each.peak:.0f} MB" for n, each in own.items())
    time_line = f"{start:.3g} s and {1000 * each_one:.3g} s for each 1000 recordings"
    memory_line = f"{least:.0f} MB and {1000 * step:.3g} MB for each 1000 recordings"
    return [
        Figure(name, f"{count} recordings", largest.seconds, "s", note=f"wall (processor), memory of {shown}"),
        Figure(name, "growth of processor time, exponent", _exponent(own, cpu), "", below=EXPONENT, note=time_line),
        Figure(name, "largest memory of a process", largest.peak, "MB", below=MEMORY),
        Figure(name, "growth of memory, exponent", _exponent(own, peaks), "", below=EXPONENT, note=memory_line),
        Figure(name, f"memory of {MANY} recordings, by that line", least + MANY * step, "MB", below=MEMORY),
    ]


def _exponent(counts: Mapping[int, Spent], values: Sequence[float]) -> float:
    return exponent([*counts], values, NOISE)


def adding(folder: Path, count: int, say: Echo) -> list[Figure]:
    """What a corpus's manifest, audio and MFCC take when recordings come to it.

    It should take no more processor time than a project of these alone, from nothing, and hashing all recordings and
    all that is made of them. DVC's start, and that of each stage, counts once: in the former.
    """
    say(f"{ADDED} more recordings ...")
    fresh, large = ScaleProject(folder / "fresh", ADDED), ScaleProject.reopened(folder / str(count), count)
    alone, before = fresh.dvc("repro", FEATURE), fresh.dvc("repro", FEATURE)
    idle = large.dvc("repro", FEATURE)
    hashing = seconds(lambda: _hashed(large.folder), time.process_time)
    large.add(ADDED)
    added = large.dvc("repro", FEATURE)
    note = (
        f"{added.cpu:.3g} s of the processor ({added.seconds:.3g} of the clock); alone {alone.cpu:.3g}, hashing "
        f"{hashing:.3g}; nothing to do {idle.cpu:.3g}, alone {before.cpu:.3g}"
    )
    ratio = added.cpu / (alone.cpu + hashing)
    return [Figure("adding", f"{ADDED} recordings to {count}", ratio, "times", below=ADDING, note=note)]


def _hashed(folder: Path) -> int:
    """Read and hash what DVC and the stages must: every recording, and every file that is made of them."""
    size = 0
    for path in [*(folder / "recordings").iterdir(), *(folder / "data").rglob("*.*")]:
        if path.is_file():
            size += len(hashlib.md5(path.read_bytes(), usedforsecurity=False).digest())
    return size


def run(largest: int, quick: bool, json: Path | None, echo: Echo, say: Echo) -> bool:
    """Measure projects of up to so many recordings, print the table, and write `json` anew after each part.

    Returns:
        Whether every part could be run, and every target is met: of quick figures, whether every part could be run.
    """
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
    return all_met(figures, skipped, quick, echo)
