"""Whether a corpus can serve a protocol, from what its reader lists: no audio is read, and no manifest needed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from pipeline.config.protocols import LeaveOneCorpusOut, ProtocolParams
from pipeline.corpora.base import Utterance
from pipeline.corpora.ratings import label
from pipeline.errors import UserError
from pipeline.experiments.labelled import Labelled, corpus_title
from pipeline.experiments.protocols import inner_folds, split
from pipeline.storage.qualified import qualified


@dataclass(frozen=True)
class ListedRow:
    """What protocols need to know of an utterance; a manifest's `Row` says it too."""

    key: str
    dataset: str
    speaker: str
    session: str
    emotion: str
    """canonical label, or the class of an experiment"""
    wav: str = ""
    part: str = ""
    gender: str = ""
    language: str = ""
    dimensions: Mapping[str, float] = field(default_factory=dict, hash=False)
    votes: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def content(self) -> str:
        """Its own: which recordings are the same is not known before they are decoded."""
        return self.key


def listed_rows(dataset: str, utterances: Iterable[Utterance], emotions: Mapping[str, str]) -> list[ListedRow]:
    """The rows of what a corpus reader lists, in the manifest's order.

    Args:
        dataset: the corpus's name.
        utterances: what its reader gives.
        emotions: emotion code -> canonical label, the reader's table and the corpus's own.

    Raises:
        UserError: an emotion code is unknown.
    """
    rows = [_listed_row(dataset, utterance, dict(emotions)) for utterance in utterances]
    return sorted(rows, key=lambda row: row.key)


def _listed_row(dataset: str, utterance: Utterance, emotions: dict[str, str]) -> ListedRow:
    try:
        emotion = label(utterance.raw_emotion, utterance.votes, utterance.dimensions, emotions)
    except ValueError as error:
        raise UserError(f"{dataset}: {utterance.wav}: {error}; map it in corpora.{dataset}.emotions") from error
    about = utterance.wav, utterance.part, utterance.gender, utterance.language
    rated = utterance.dimensions, utterance.votes
    return ListedRow(utterance.key, dataset, utterance.speaker, utterance.session, emotion, *about, *rated)


def joint_listings(listings: Sequence[Sequence[ListedRow]]) -> list[ListedRow]:
    """The rows of one corpus as they are; those of several as one, as `joint_corpora.joint_rows` joins manifests."""
    if len(listings) == 1:
        return [*listings[0]]
    return [_qualified(row) for rows in listings for row in rows]


def _qualified(row: ListedRow) -> ListedRow:
    names = {name: qualified(row.dataset, getattr(row, name)) for name in ("key", "speaker", "session")}
    return replace(row, **cast(dict[str, Any], names))


def protocol_problem(
    rows: Sequence[Labelled], protocol: ProtocolParams, seed: int, left_out: Sequence[Labelled] = ()
) -> str | None:
    """Why these utterances cannot be split as a protocol asks, in one line; None where they can.

    Args:
        rows: a manifest's, or `listed_rows`, in the manifest's order; with the classes of the experiment.
        protocol: who would be trained on and tested on.
        seed: of the split.
        left_out: utterances of the corpus that the experiment does without.
    """
    if not rows:
        return "there is no recording"
    try:
        for fold in split(rows, protocol, seed, left_out):
            inner_folds(rows, fold.train, protocol, seed, fold.test)
    except UserError as error:
        return str(error)
    return None


def too_many_held_out(rows: Sequence[Labelled], protocol: ProtocolParams) -> str | None:
    """Why `validation_speakers`, where it is given, can be of no system on these utterances; None where it can.

    A system without use for a validation part trains on it, so that nothing else would say so. The default, which
    nobody asked for, is no mistake.
    """
    if "validation_speakers" not in protocol.model_fields_set or isinstance(protocol, LeaveOneCorpusOut):
        return None
    speakers, asked = {row.speaker for row in rows}, getattr(protocol, "validation_speakers", 0)
    if not asked or "" in speakers or asked + 2 <= len(speakers):
        return None
    few = f"{corpus_title(rows)}: has {len(speakers)} speakers, and this protocol needs at least {asked + 2}"
    return f"{few}: validation_speakers {asked}, one to test and one to train on; lower it, or take 0 for none"
