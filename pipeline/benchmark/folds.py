"""The folds that a corpus is measured on: with speakers held out, and those that others published."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.config.params import Params
from pipeline.corpora.base import CorpusParams
from pipeline.errors import ParamsError
from pipeline.experiments.feasibility import ListedRow, protocol_problem
from pipeline.experiments.readiness import listed
from pipeline.experiments.selection import chosen
from pipeline.graph.first_params import Corpus, Protocol, emotions_of, protocol_for
from pipeline.strict import validate

INNER_FOLDS = (3, 2)
"""of a fusion's branches, the most that a corpus can serve"""


@dataclass(frozen=True)
class Folds:
    """A protocol, and the same with inner folds, which a fusion is fitted on.

    Attributes:
        label: what ends the names of experiments.
        name: of the protocol.
        params: of the protocol.
        inner_folds: how many inner folds there can be; 0 for none, and so no fusion.
        reason: what they are, in words.
    """

    label: str
    name: str
    params: Mapping[str, Any]
    inner_folds: int
    reason: str

    @property
    def inner(self) -> str:
        """The name of the protocol with inner folds; the other's, where there can be none."""
        return f"{self.name}_inner{self.inner_folds}" if self.inner_folds else self.name

    def entries(self) -> dict[str, dict[str, Any]]:
        """Both, as params.yaml has them."""
        inner = {"inner_folds": self.inner_folds} if self.inner_folds else {}
        return {self.name: {**self.params}, self.inner: {**self.params, **inner}}


def classes_of(corpus: Corpus) -> dict[str, Any]:
    """The class set of its experiments, where that is not all that the corpus has."""
    return {**emotions_of(corpus.recognition)}


def folds_of(corpus: Corpus, own: Protocol, lists: Path | None) -> Iterator[Folds]:
    """Folds of our own, and EmoBox's where there are its lists.

    Args:
        corpus: the corpus.
        own: its protocol, of `protocols_for`.
        lists: a folder of EmoBox's.

    Raises:
        ParamsError: the lists cannot be read, or are of another corpus.
        UserError: the corpus cannot be read.
    """
    entry = {"root": corpus.root, **corpus.recognition.params}
    rows = listed(corpus.name, validate(CorpusParams, entry))
    label = protocol_for(corpus.recognition).name
    yield Folds(label, own.name, own.params, _inner_folds(corpus, rows, own.params), own.reason)
    if lists is not None:
        params = {"scheme": "emobox", "folder": lists.as_posix(), "missing": "leave_out"}
        if problem := _problem(corpus, rows, params):
            raise ParamsError(f"--folds {corpus.name}={lists}: {problem}")
        reason = f"the lists in {lists}; recordings that only they or the corpus have are left out"
        yield Folds("emobox", f"emobox_{corpus.name}", params, _inner_folds(corpus, rows, params), reason)


def _inner_folds(corpus: Corpus, rows: Sequence[ListedRow], params: Mapping[str, Any]) -> int:
    can = (count for count in INNER_FOLDS if not _problem(corpus, rows, {**params, "inner_folds": count}))
    return next(can, 0)


def _problem(corpus: Corpus, rows: Sequence[ListedRow], params: Mapping[str, Any]) -> str | None:
    """Why a corpus cannot serve a protocol; None where it can."""
    entries = {"protocols": {"folds": params}, "experiments": {"one": _experiment(corpus)}}
    wanted = validate(Params, entries)
    own, others = chosen(rows, None, wanted.experiments["one"].emotions)
    return protocol_problem(own, wanted.protocols["folds"], wanted.seed, others)


def _experiment(corpus: Corpus) -> dict[str, Any]:
    return {"system": "pooled", "corpus": corpus.name, "protocol": "folds", **classes_of(corpus)}
