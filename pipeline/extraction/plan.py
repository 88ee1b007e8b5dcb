"""The plan of batches: fixed before a run, and kept with its pieces, so that an interrupted run goes on with it."""

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pipeline.features.base import Extractor
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.journal import left_plan

Plan = list[list[str]]
"""the digests (hex) of each batch's utterances"""


def make_plan(
    extractor: Extractor[Any], audio: FeatureFile, first: Mapping[str, int], out: Path
) -> tuple[Plan, dict[int, int]]:
    """Plan the batches of what is to be computed (digest -> row), each of about `batch_seconds`.

    An interrupted run's plan is kept while its digests are the same; else its finished batches that still serve
    (returned by number: there -> here) come first, and the rest is planned anew.
    """
    text, finished = left_plan(out)
    left = _read(text)
    if {name for batch in left for name in batch} == first.keys():
        return left, {}
    known = [number for number in sorted(finished) if number < len(left)]
    useful = [number for number in known if all(name in first for name in left[number])]
    plan = [left[number] for number in useful]
    planned = {name for batch in plan for name in batch}
    names = {i: name for name, i in first.items() if name not in planned}
    plan += [[names[i] for i in batch] for batch in _cut(extractor, audio, names)]
    return plan, {number: position for position, number in enumerate(useful)}


def _read(text: str) -> Plan:
    """A plan that was kept; an empty one of what is none."""
    try:
        plan = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return []
    whole = isinstance(plan, list) and all(isinstance(batch, list) for batch in plan)
    return plan if whole and all(isinstance(name, str) for batch in plan for name in batch) else []


def _cut(extractor: Extractor[Any], audio: FeatureFile, rows: Iterable[int]) -> list[list[int]]:
    """Cut rows into batches; a padding extractor's are made of utterances of near-equal length."""
    lengths = audio.lengths
    budget = extractor.batch_seconds * extractor.params.sample_rate
    batches: list[list[int]] = []
    filled = math.inf  # the first row opens a batch, however short it is
    for i in sorted(rows, key=lambda i: (-lengths[i], i) if extractor.sort_by_length else (0, i)):
        if filled + lengths[i] > budget:
            batches.append([])
            filled = 0.0
        batches[-1].append(i)
        filled += lengths[i]
    return batches
