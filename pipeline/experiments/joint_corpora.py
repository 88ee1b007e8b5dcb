"""Several corpora as one: rows whose keys and speakers say the corpus, and recordings that two of them have."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from pipeline.corpora.manifest import Row
from pipeline.corpora.overlaps import Stretch, stretches
from pipeline.corpora.recording_names import same_recordings
from pipeline.errors import UserError
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.joined import AND, Joined
from pipeline.storage.qualified import qualified


def corpora_of(card: Mapping[str, Any]) -> list[str]:
    """The corpora of the card of an experiment or a fusion."""
    return str(card["corpus"]).split(AND)


def by_corpus(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Corpus -> its rows, of the rows of several manifests."""
    corpora: dict[str, list[Row]] = {}
    for row in rows:
        corpora.setdefault(row.dataset, []).append(row)
    return corpora


def rows_of(card: Mapping[str, Any], manifests: Mapping[str, Sequence[Row]]) -> list[Row]:
    """The rows that a card's corpora have, with the twins that it names; none of a corpus that there is no manifest of.

    Args:
        card: of an experiment or a fusion.
        manifests: corpus -> its rows.
    """
    own = {corpus: manifests.get(corpus, []) for corpus in corpora_of(card)}
    return joint_rows(own, copies=card.get("twins", {}).items())


def joint_rows(
    manifests: Mapping[str, Sequence[Row]],
    digests: Mapping[str, bytes] | None = None,
    copies: Iterable[tuple[str, str]] = (),
) -> list[Row]:
    """The rows of one corpus as they are, or those of several as the rows of one.

    Equal recordings of two corpora, by the files' bytes or by their digests, and those that sound the same, are twins,
    as those within a corpus are; and so are parts of one file that overlap.

    Args:
        manifests: corpus -> its rows.
        digests: key, as the joint rows have it -> what says that two recordings are the same; left out for none.
        copies: pairs of such keys of recordings that are the same, see `copies_across`.
    """
    if len(manifests) == 1:
        return list(next(iter(manifests.values())))
    rows = [_qualified(row) for own in manifests.values() for row in own]
    parts = stretches(rows)
    others: dict[str, list[str]] = {}
    for one, other in copies:
        others.setdefault(one, []).append(other)
    names: list[list[Hashable]] = [
        [row.key, row.content, *others.get(row.key, ()), *_identities(row, digests or {}, parts)] for row in rows
    ]
    return [_with_content(row, rows[first].content) for row, first in zip(rows, same_recordings(names), strict=True)]


def digests_of(features: FeatureFile | Joined) -> dict[str, bytes]:
    """Key -> what a feature of it was computed from, which is equal for equal audio."""
    return {key: row.tobytes() for key, row in zip(features.keys, features.digests, strict=True)}


def check_consistent(rows: Sequence[Row]) -> None:
    """Refuse a recording that two corpora have with two labels.

    Raises:
        UserError: the message names both.
    """
    first: dict[str, Row] = {}
    for row in rows:
        other = first.setdefault(row.content, row)
        if other.dataset != row.dataset and other.emotion != row.emotion:
            raise UserError(
                f"{other.key!r} and {row.key!r} are one recording, with the labels {other.emotion!r} and "
                f"{row.emotion!r}; take one of the two corpora, or mend a label"
            )


def _qualified(row: Row) -> Row:
    names = {name: qualified(row.dataset, getattr(row, name)) for name in ("key", "speaker", "session", "twin")}
    return replace(row, **cast(dict[str, Any], names))


def _identities(row: Row, digests: Mapping[str, bytes], parts: Mapping[str, Stretch]) -> list[bytes | Stretch]:
    """What an equal recording of another corpus has too; nothing for one that is silent, as any may be."""
    if row.twin == row.key:
        return []
    return [identity for identity in (digests.get(row.key), parts.get(row.key)) if identity]


def _with_content(row: Row, content: str) -> Row:
    return row if content == row.content else replace(row, twin=content)
