"""Asking a trained model about recordings: each as a whole, or window after window."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.atomic import atomic_path
from pipeline.audio.limits import LONGEST
from pipeline.audio.segments import Source
from pipeline.errors import ParamsError, UserError
from pipeline.serving.answers import Task, text_grid
from pipeline.serving.backbones import ONLY_HERE, Backbones
from pipeline.serving.lengths import checked_lengths
from pipeline.serving.loading import loaded
from pipeline.serving.over_time import over_time
from pipeline.serving.prediction import predict
from pipeline.serving.recordings import whole_files
from pipeline.serving.tasks import task_of
from pipeline.serving.value_model import AnyModel
from pipeline.serving.windows import Windows

GRID = ".TextGrid"


@dataclass(frozen=True)
class Question:
    """How recordings are asked about.

    Attributes:
        windows: where the windows of each begin and end; None for each as a whole.
        least: a probability below which no emotion is named.
        speakers: key -> speaker, for models that standardise each speaker.
        device: torch device; None for the usual.
        workers: worker processes, and recordings that are decoded at once.
        backbones: where self-supervised models may be taken from.
    """

    windows: Windows | None = None
    least: float = 0.0
    speakers: Mapping[str, str] = field(default_factory=dict)
    device: str | None = None
    workers: int | None = None
    backbones: Backbones = ONLY_HERE

    def answers(self, source: AnyModel, recordings: Mapping[str, Source]) -> list[Any]:
        """What a model says of recordings (key -> file or segment of one), in their order: answers of its task.

        Raises:
            RecordingsError: some cannot be used; nothing is computed then.
            ParamsError: a probability is given, and the model gives none.
            UserError: a model does not fit the program.
        """
        task = task_of(source, self.least)
        if self.windows is not None:
            return self._over_time(source, whole_files(recordings, "--window"), self.windows)
        rows = predict(source, recordings, self.speakers, self.device, self.workers, self.backbones)
        return [task.answer(key, row) for key, row in zip(recordings, rows, strict=True)]

    def _over_time(self, source: AnyModel, recordings: Mapping[str, Path], windows: Windows) -> list[Any]:
        checked_lengths(recordings, LONGEST * 3600, self.workers)
        model = loaded(source, self.backbones, self.device)
        told = (over_time(model, key, path, None, windows, self.least) for key, path in recordings.items())
        return [*chain.from_iterable(told)]


def check_grids(out: Path | None, count: int) -> None:
    """Refuse a place for the TextGrids of so many recordings: a .TextGrid takes one, and a folder any number.

    Raises:
        ParamsError: no place is given for several.
        UserError: the place is a file, and there are several, or it is no .TextGrid.
    """
    if out is None:
        if count > 1:
            raise ParamsError(f"--format textgrid: there are {count} recordings; name a folder for them with --out")
    elif count > 1 and not in_folder(out):
        raise UserError(f"--out {out}: is a file, and there are {count} recordings; name a folder")
    elif in_folder(out) and out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: is a file, and no {GRID}; name a folder, or a file as talk{GRID}")


def in_folder(out: Path) -> bool:
    """Whether TextGrids are written into a folder of this name, and not to a file: whatever their number."""
    return out.is_dir() or out.suffix.lower() != GRID.lower()


def grids(answers: list[Any], task: Task[Any], recordings: Mapping[str, Source]) -> dict[str, str]:
    """Key -> what is said of a recording, as a TextGrid."""
    own: dict[str, list[Any]] = {}
    for answer in answers:
        own.setdefault(answer.key, []).append(answer)
    files = whole_files({key: recordings[key] for key in own}, "--format textgrid")
    lengths = checked_lengths(files, LONGEST * 3600)
    return {key: text_grid(about, task, lengths[key]) for key, about in own.items()}


def write_grids(texts: Mapping[str, str], out: Path) -> None:
    """Write TextGrids into a folder, each under its recording's key.

    Raises:
        UserError: a key leads out of the folder, or nothing can be written there.
    """
    for key, text in texts.items():
        path = out / f"{key}{GRID}"
        if not path.resolve().is_relative_to(out.resolve()):
            raise UserError(f"--out {out}: the key {key!r} leads out of it; give recordings other keys")
        with paths.output_errors("--out", out), atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
