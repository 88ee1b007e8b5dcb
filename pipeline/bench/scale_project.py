"""A project of many short synthetic recordings, and what each of its stages takes as a process of its own."""

import os
import subprocess
import sys
import wave
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Self

import numpy as np

from pipeline.bench.timing import Skipped

CORPUS = "synthetic"
RATE = 16000
"""Hz"""
LENGTH = 0.3
"""of a recording (s)"""
EMOTIONS = ("angry", "happy", "neutral", "sad")
EACH = 20
"""recordings of a speaker, so that there are more speakers where there are more recordings"""

PARAMS = f"""\
seed: 0
corpora:
  {CORPUS}: {{reader: folder, root: recordings, table: labels.csv}}
features:
  mfcc: {{extractor: mfcc, n_mfcc: 13}}
protocols:
  speakers: {{scheme: grouped_kfold, folds: 5}}
experiments:
  probe:
    system: probe
    corpus: {CORPUS}
    protocol: speakers
    mfcc: mfcc
    params: {{c: [0.001, 0.01, 0.1], folds: 3}}
scoring: {{bootstrap: 1000}}
"""

STAGES = {
    "manifest": ("manifest", CORPUS),
    "audio": ("audio", CORPUS, "16k"),
    "MFCC": ("features", CORPUS, "mfcc"),
    "probe": ("train", "probe"),
    "evaluate": ("evaluate",),
    "report": ("report",),
}
"""what it is called -> the module of `stages`, and its arguments"""


@dataclass(frozen=True)
class Spent:
    """What a process and those that it started took."""

    seconds: float
    """wall time"""
    cpu: float
    """processor time of all of them (s)"""
    peak: float
    """largest resident memory of any of them (MB)"""


def least(runs: Iterable[Spent]) -> Spent:
    """The run that took the least processor time, and the largest memory of all."""
    known = [*runs]
    return replace(min(known, key=lambda run: run.cpu), peak=max(run.peak for run in known))


class ScaleProject:
    """A project in a folder of its own, with a corpus, an MFCC, a probe of it, and its scores.

    Args:
        folder: an empty one.
        count: recordings.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = folder, 0
        self._make(count)

    def _make(self, count: int) -> None:
        folder = self.folder
        (folder / "recordings").mkdir(parents=True)
        (folder / "params.yaml").write_text(PARAMS, encoding="utf-8")
        self.add(count)
        self.python("-m", "pipeline.cli", "graph")
        self.dvc("init", "--quiet", "--no-scm")

    @classmethod
    def reopened(cls, folder: Path, count: int) -> Self:
        """A project that was made before, of so many recordings."""
        project = object.__new__(cls)
        project.folder, project.count = folder, count
        return project

    def add(self, count: int) -> None:
        """Make more recordings, each of which is the same whatever was made before."""
        for number in range(self.count, self.count + count):
            self._write(number)
        self.count += count
        rows = [f"{_name(i)},{EMOTIONS[i % len(EMOTIONS)]},speaker{i // EACH}" for i in range(self.count)]
        table = "\n".join(["path,emotion,speaker", *rows, ""])
        (self.folder / "recordings/labels.csv").write_text(table, encoding="utf-8")

    def _write(self, number: int) -> None:
        rng = np.random.default_rng(number)
        time = np.arange(round(LENGTH * RATE)) / RATE
        pitch = rng.uniform(90, 250) * (1 + 0.2 * (number % len(EMOTIONS)))
        phase = 2 * np.pi * pitch * (time + rng.uniform(-1, 1) * time**2)
        samples = np.sin(phase) + 0.5 * np.sin(3 * phase) + rng.standard_normal(len(time))
        with wave.open(str(self.folder / "recordings" / _name(number)), "wb") as file:
            file.setparams((1, 2, RATE, len(samples), "NONE", ""))
            file.writeframes((3000 * samples).astype("<i2").tobytes())

    def stage(self, *arguments: str) -> Spent:
        """Run a stage as DVC does."""
        return self.python("-m", f"stages.{arguments[0]}", *arguments[1:])

    def dvc(self, *arguments: str) -> Spent:
        """Run a command of DVC."""
        return self.python("-m", "dvc", *arguments)

    def python(self, *arguments: str) -> Spent:
        """Run a Python program in the folder.

        Raises:
            Skipped: it fails; the message is its last line.
        """
        source = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])])
        programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        environment = {**os.environ, "PYTHONPATH": path, "PATH": programs, "DVC_NO_ANALYTICS": "1"}
        return _measured([sys.executable, *arguments], self.folder, environment)


def _name(number: int) -> str:
    return f"{number:06d}.wav"


def _measured(command: Sequence[str], folder: Path, environment: dict[str, str]) -> Spent:
    if not hasattr(os, "wait4"):
        raise Skipped("this system does not say what a process took")
    start = perf_counter()
    with (folder / "output.tmp").open("w+b") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)  # noqa: S603
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = perf_counter() - start
        output.seek(0)
        said = output.read().decode("utf-8", "replace").strip().splitlines()
    if process.returncode:
        raise Skipped(f"{' '.join(command[1:])} fails: {said[-1] if said else process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Spent(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit / 1e6)
