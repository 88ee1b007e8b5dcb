"""Answers that are known from before: the same recording asked about twice computes nothing.

An answer is known by the digests of the export, whose `model.json` has those of all its cards and weights, of the
recording's bytes, and of all that its numbers depend on: the question, this program, its libraries and the machine.
What models that standardise by statistics of several recordings say of one depends on the others, and is not kept.
"""

import hashlib
import os
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.arithmetic import CONTRARY, VARIABLES
from pipeline.audio.segments import Source, as_segment
from pipeline.audio.voice_activity import NOTHING
from pipeline.errors import UserError
from pipeline.graph.code import package_digest
from pipeline.jobs.workplace import Workplace
from pipeline.serving.answer_cache import WINDOW, AnswerCache, Rows
from pipeline.serving.answers import Task
from pipeline.serving.asking import Question
from pipeline.serving.export_card import EXPORT
from pipeline.serving.tasks import task_of
from pipeline.serving.trained_model import check_backbone_place
from pipeline.serving.value_model import AnyModel
from pipeline.storage.identity import canonical_json
from pipeline.systems.normalisation import own_statistics

INDIFFERENT = {"least", "speakers", "device", "workers", "backbones"}
"""attributes of a question that change no numbers; the device is looked at by itself, and models have digests"""
LIBRARIES = (
    "librosa", "numpy", "praat-parselmouth", "safetensors", "scikit-learn", "scipy", "skorch", "soundfile", "soxr",
    "torch", "transformers",
)  # fmt: skip
PROCESSOR = ("model name", "flags", "Features", "CPU implementer", "CPU part")
"""what /proc/cpuinfo says of how sums are rounded"""


@dataclass(frozen=True)
class Reply:
    """Answers, in the order of recordings.

    Attributes:
        answers: of all recordings, as `Question.answers` gives them.
        known: how many recordings nothing was computed for; None where answers are not kept.
        warning: why new answers could not be kept; "" where they were.
    """

    answers: list[Any]
    known: int | None = None
    warning: str = ""


def known_or_new(
    cache: AnswerCache | None, question: Question, source: AnyModel, recordings: Mapping[str, Source]
) -> Reply:
    """Answer a question about recordings; only what is not known is computed.

    Raises:
        RecordingsError: some cannot be used; nothing is computed then.
        ParamsError: the place of a self-supervised model is given, and no model takes one.
        UserError: a model does not fit the program, or the self-supervised model is another.
    """
    if cache is None or any(own_statistics(model.card.params) for model in source.leaves()):
        return Reply(question.answers(source, recordings))
    check_backbone_place(source.leaves(), question.backbones)
    task, names = task_of(source, question.least), _names(question, source, recordings)
    stored = {key: cache.find(name, len(task.names), task.are_numbers) for key, name in names.items()}
    known = {key: rows for key, rows in stored.items() if rows is not None}
    if len(known) == len(recordings) and question.backbones.path is not None:
        _check_backbones(source, question)
    new = _computed(question, source, task, {key: each for key, each in recordings.items() if key not in known})
    unchanged = _names(question, source, {key: recordings[key] for key in new}) if new else {}
    fresh = {name: new[key] for key, name in unchanged.items() if names.get(key) == name}
    every = known | new
    answers = [answer for key in recordings for answer in _answers(key, every[key], task, question)]
    return Reply(answers, len(known), _kept(cache, fresh))


def _check_backbones(source: AnyModel, question: Question) -> None:
    """Refuse a wrong self-supervised model where nothing is computed with it."""
    for model in source.leaves():
        if model.wants_backbone:
            model.extractors(Workplace(), question.backbones)


def _computed(
    question: Question, source: AnyModel, task: Task[Any], recordings: Mapping[str, Source]
) -> dict[str, Rows]:
    if not recordings:
        return {}
    rows: dict[str, list[list[float]]] = {}
    for answer in question.answers(source, recordings):
        window = [*(answer.span or (0.0, 0.0)), 1.0 if answer.voiced is None else answer.voiced]
        rows.setdefault(answer.key, []).append([*window, *task.numbers(answer).tolist()])
    return {key: np.array(each) for key, each in rows.items()}


def _answers(key: str, rows: Rows, task: Task[Any], question: Question) -> Iterator[Any]:
    for (start, end, voiced), numbers in zip(rows[:, :WINDOW].tolist(), rows[:, WINDOW:], strict=True):
        if question.windows is None:
            yield task.answer(key, numbers)
        else:
            share = None if question.windows.voice_activity == NOTHING else voiced
            yield task.answer(key, numbers, (start, end), share)


def _kept(cache: AnswerCache, fresh: Mapping[str, Rows]) -> str:
    try:
        if fresh:
            cache.keep(fresh)
    except UserError as error:
        return str(error)
    return ""


def _names(question: Question, source: AnyModel, recordings: Mapping[str, Source]) -> dict[str, str]:
    """Key -> the digest of all that an answer depends on, of the recordings that can be read."""
    common = canonical_json([_export(source), _asked(question), _program(), _machine(question.device)])
    names = {}
    for key, recording in recordings.items():
        if (own := _recording(recording)) is not None:
            names[key] = hashlib.sha256(canonical_json([common, own]).encode()).hexdigest()
    return names


def _export(source: AnyModel) -> str:
    return hashlib.sha256((source.folder / EXPORT).read_bytes()).hexdigest()


def _asked(question: Question) -> list[str]:
    names = [each.name for each in fields(question) if each.name not in INDIFFERENT]
    return [f"{name}={getattr(question, name)!r}" for name in names]


def _recording(recording: Source) -> list[str] | None:
    """The digest of a recording's bytes, what of it is heard, and the suffix, by which decoders go."""
    segment = as_segment(recording)
    try:
        with segment.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
    return [digest, repr(segment.start), repr(segment.end), segment.path.suffix.lower()]


def _program() -> list[str]:
    return [package_digest(), platform.python_version(), *(f"{name} {version(name)}" for name in LIBRARIES)]


def _machine(device: str | None) -> list[str]:
    """The processor, its cores, by which paths libraries compute, and where: the kind asked for, or torch's choice."""
    chosen = device or os.environ.get("SER_DEVICE", "")
    accelerators = sorted(str(path) for path in Path("/dev").glob("nvidia[0-9]*"))
    names = ["CUDA_VISIBLE_DEVICES", *(name for name in (*VARIABLES, *CONTRARY) if name != "SER_DEVICE")]
    settings = [f"{name}={os.environ.get(name, '')}" for name in names]
    return [platform.machine(), *_processor(), str(_cores()), chosen, *accelerators, *settings]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> list[str]:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            first = file.read(1 << 14).split("\n\n")[0].splitlines()
    except OSError:
        return [platform.processor()]
    return [line for line in first if line.split("\t")[0].strip(" :") in PROCESSOR]
