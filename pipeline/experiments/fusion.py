"""Decision-level fusion of the class probabilities of two branches or more (Wei et al. 2025, table 5)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config.fusions import FusionParams
from pipeline.errors import UserError
from pipeline.experiments.fusion_methods import Fused, Probabilities, fit
from pipeline.experiments.predictions import Predictions

Indices = NDArray[np.int64]


def fuse(name: str, params: FusionParams, branches: Mapping[str, Predictions]) -> Predictions:
    """Fit the fusion fold by fold on what `params.fit_on` names, and fuse the test part.

    Args:
        name: the fusion's.
        params: its params.
        branches: name -> predictions, of all that `params.of` names; rows go in the order of the first.

    Raises:
        UserError: the branches were not tested on the same utterances in the same folds, or have no probabilities of
            the part to fit on.
    """
    _check_alike(name, {branch: branches[branch] for branch in params.of})
    members = [branches[branch] for branch in params.of]
    found = Predictions(members[0].classes, folds=_folds(members), card=_card(name, params, members))
    for number in range(len(found.folds)):
        fused = fitted(name, params, branches, number)
        tested = members[0].where("test", number)
        _add(found, members[0], tested, fused(_aligned(members, tested)))
    return found


def fitted(name: str, params: FusionParams, branches: Mapping[str, Predictions], number: int) -> Fused:
    """Fit the fusion of one fold on what `params.fit_on` names.

    Raises:
        UserError: the branches have no probabilities of that part, or the part has one emotion only.
    """
    members = [branches[branch] for branch in params.of]
    rows = _fit_rows(params, members[0], number)
    if not len(rows):
        need = "a protocol with inner_folds" if params.fit_on == "training" else "a protocol with more folds"
        raise UserError(f"{name}: no {params.fit_on} probabilities to fit on; take {need}, or fit_on: validation")
    y = members[0].labels(rows)
    if params.method == "logistic_regression" and len(set(y)) < 2:
        raise UserError(f"{name}: a logistic regression cannot be fitted on one emotion, all that {params.fit_on} has")
    return fit(params, _aligned(members, rows), y, members[0].card["seed"])


def _fit_rows(params: FusionParams, first: Predictions, number: int) -> Indices:
    if params.fit_on == "other_folds":
        tested = first.where("test")
        return tested[np.array(first.fold)[tested] != number]
    return first.where(params.fit_on, number)


def _add(found: Predictions, first: Predictions, rows: Indices, probabilities: Probabilities) -> None:
    """Add the fusion's probabilities of what these rows of the first branch are about."""
    for i, row in zip(rows, probabilities, strict=True):
        found.add(first.fold[i], first.part[i], [first.keys[i]], [first.emotions[i]], row[None])


def _aligned(members: Sequence[Predictions], rows: Indices) -> list[Probabilities]:
    """Each branch's probabilities for the fold, part and utterance of these rows of the first."""
    first = members[0]
    return [branch.probabilities(_align(first, branch, rows)) for branch in members]


def _align(first: Predictions, other: Predictions, rows: Indices) -> Indices:
    """The rows of `other` for the same fold, part and utterance as these rows of `first`."""
    places = {place: i for i, place in enumerate(zip(other.fold, other.part, other.keys, strict=True))}
    wanted = [(first.fold[i], first.part[i], first.keys[i]) for i in rows]
    for fold, part, key in (place for place in wanted if place not in places):
        raise UserError(f"{other.card.get('name')}: has no {part} probabilities of {key!r} in fold {fold}")
    return np.array([places[place] for place in wanted], np.int64)


def _check_alike(name: str, branches: Mapping[str, Predictions]) -> None:
    (first, reference), *others = branches.items()
    known = _traits(reference)
    for other, predictions in others:
        different = [trait for trait, value in _traits(predictions).items() if value != known[trait]]
        if different:
            raise UserError(f"{name}: its branches {first} and {other} differ in {different[0]}")


def _traits(branch: Predictions) -> dict[str, Any]:
    """What branches must have in common, the most telling difference first."""
    return {
        "corpus": branch.card["corpus"],
        "protocol": branch.card["protocol"],
        "emotions": branch.classes,
        "folds": [sorted(fold["test"]) for fold in branch.folds],
    }


def _folds(members: Sequence[Predictions]) -> list[dict[str, list[str]]]:
    """Who is in each part of each fold, in any branch: a branch may train on copies, and another not."""
    return [
        {part: sorted(set().union(*(fold[part] for fold in same))) for part in ("train", "validation", "test")}
        for same in zip(*(branch.folds for branch in members), strict=True)
    ]


def _card(name: str, params: FusionParams, members: Sequence[Predictions]) -> dict[str, Any]:
    marks = ("random_backbone", "transductive", "speaker_dependent")
    return {
        **{key: members[0].card[key] for key in ("corpus", "protocol", "seed")},
        **{mark: any(branch.card.get(mark, False) for branch in members) for mark in marks},
        "name": name,
        "system": f"fusion ({params.method})",
        "params": params.model_dump(mode="json", exclude={"of", "published"}),
        "inputs": params.of,
    }
