"""What the parts of folds share that should share nothing: speakers, recordings under whatever name, and texts."""

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pipeline.audio.keys import source_key
from pipeline.corpora.fold_lists import FoldList, Listed
from pipeline.corpora.manifest import Row
from pipeline.corpora.name_rules import named_utterances, names_of
from pipeline.corpora.recording_names import exact_names, matches, same_recordings
from pipeline.corpora.spellings import complaint, spellings
from pipeline.errors import UserError
from pipeline.evaluation.leaks import contents

WHAT: Final = ("speakers", "recordings", "texts")

SHOWN = 20
"""mistakes in a message, at most"""


@dataclass(frozen=True)
class Overlap:
    """What a part has of one sort.

    Attributes:
        own: all that is known.
        shared: which of it was heard before.
        unknown: recordings of which it is not known, here or before.
    """

    own: frozenset[str]
    shared: frozenset[str]
    unknown: int

    def __str__(self) -> str:
        """As `10 of 10`; `unknown` where nothing is known."""
        return f"{len(self.shared)} of {len(self.own)}" if self.own or not self.unknown else "unknown"


@dataclass(frozen=True)
class PartAudit:
    """A validation or test part against what comes before it.

    Attributes:
        fold: its fold's name.
        part: which part.
        trained: recordings in the training part.
        recordings: recordings in the part itself.
        overlaps: for each of `WHAT`.
    """

    fold: str
    part: str
    trained: int
    recordings: int
    overlaps: Mapping[str, Overlap]

    def leaks(self, strict: bool) -> bool:
        """Whether a recording is shared; or, where it is looked at strictly, a speaker, or none can tell."""
        speakers = self.overlaps["speakers"]
        return bool(self.overlaps["recordings"].shared or (strict and (speakers.shared or speakers.unknown)))


@dataclass(frozen=True)
class Fault:
    """A recording that stands in a list more often than it should, though no part shares it with the training part.

    Attributes:
        fold: its fold's name, the last one of several.
        part: which part.
        what: `repeated` in that part, or `tested again`, after another fold of the same split.
        name: the recording's.
    """

    fold: str
    part: str
    what: str
    name: str


@dataclass(frozen=True)
class Audit:
    """All that was found.

    Attributes:
        parts: each validation and test part.
        faults: of the list itself.
    """

    parts: list[PartAudit]
    faults: list[Fault]


@dataclass(frozen=True)
class _Identity:
    """A recording as it is told from others; "" for what is not known."""

    recordings: str
    speakers: str
    texts: str
    entry: int
    """the first entry of the list that names it, however it is written"""


def audit(
    folds: Sequence[FoldList], rows: Sequence[Row] = (), twins: Mapping[str, str] | None = None, splits: int = 1
) -> Audit:
    """Look at every validation part and every test part.

    Speakers and texts of a part are held against the training part. Recordings are held against all other parts; two
    entries are one recording where they have the same key, path, name by the corpus's rule, or sound.

    Args:
        folds: who is in which part.
        rows: a manifest that says who speaks, what, and which recordings sound the same; names alone say it without.
        twins: key -> the key of the same recording, as far as is known without a manifest.
        splits: how often the folds test the whole corpus.

    Raises:
        UserError: a speaker is written in several ways.
    """
    identities = _identities(folds, rows, twins or {})
    parts = []
    for fold in folds:
        trained, validated, tested = ([identities[one] for one in part] for part in fold.parts().values())
        if validated:
            parts.append(_part(fold.name, "validation", validated, trained, trained))
        parts.append(_part(fold.name, "test", tested, trained, [*trained, *validated]))
    return Audit(parts, [*_faults(folds, identities, max(1, len(folds) // splits))])


def _faults(folds: Sequence[FoldList], identities: Mapping[Listed, _Identity], of_a_split: int) -> Iterator[Fault]:
    tested = set[str]()
    for number, fold in enumerate(folds):
        for part, listed in fold.parts().items():
            counts = Counter(identities[one].entry for one in listed)
            repeated = {identities[one].recordings for one in listed if counts[identities[one].entry] > 1}
            yield from (Fault(fold.name, part, "repeated", name) for name in sorted(repeated))
        own = {identities[one].recordings for one in fold.test}
        tested = tested if number % of_a_split else set()
        yield from (Fault(fold.name, "test", "tested again", name) for name in sorted(own & tested))
        tested |= own


def total(audits: Sequence[PartAudit], part: str = "test") -> PartAudit:
    """All folds' parts of one name together: what is shared in one of them is shared."""
    own = [one for one in audits if one.part == part]
    overlaps = {
        what: Overlap(
            frozenset[str]().union(*(one.overlaps[what].own for one in own)),
            frozenset[str]().union(*(one.overlaps[what].shared for one in own)),
            max((one.overlaps[what].unknown for one in own), default=0),
        )
        for what in WHAT
    }
    return PartAudit("all", part, sum(one.trained for one in own), sum(one.recordings for one in own), overlaps)


def unmatched(folds: Sequence[FoldList], rows: Sequence[Row]) -> list[str]:
    """Names of the recordings that the manifest lacks, or has more than once."""
    listed = _distinct(folds)
    names = names_of(listed, named_utterances(listed))
    found = matches([(one.key, one.wav) for one in listed], [(row.key, row.wav) for row in rows], names)
    return list(dict.fromkeys(one.name for one, number in zip(listed, found, strict=True) if number is None))


def _distinct(folds: Sequence[FoldList]) -> list[Listed]:
    return list(dict.fromkeys(one for fold in folds for part in fold.parts().values() for one in part))


def _identities(folds: Sequence[FoldList], rows: Sequence[Row], twins: Mapping[str, str]) -> dict[Listed, _Identity]:
    listed, content_of = _distinct(folds), contents(rows)
    told = named_utterances(listed)
    names = names_of(listed, told)
    numbers = matches([(one.key, one.wav) for one in listed], [(row.key, row.wav) for row in rows], names)
    known = [None if number is None else rows[number] for number in numbers]
    sounds = [_sounds(one, content_of[row.key] if row else "", twins) for one, row in zip(listed, known, strict=True)]
    entries = same_recordings(names)
    recordings = _titles(listed, same_recordings([[*own, *sound] for own, sound in zip(names, sounds, strict=True)]))
    identities = {}
    for one, row, own, entry, recording in zip(listed, known, told, entries, recordings, strict=True):
        about = [each for each in (one, row, own) if each is not None]
        speaker = next((each.speaker for each in about if each.speaker), "")
        text = next((each.text for each in about if each.text), "")
        identities[one] = _Identity(recording, speaker, text, entry)
    _check_spellings(identities)
    return identities


def _sounds(one: Listed, content: str, twins: Mapping[str, str]) -> list[Hashable]:
    """What an entry shares with others that sound the same: a copy with its source, and twins with each other."""
    source = source_key(one.key)
    keys = filter(None, (source, twins.get(source)))
    return [*(name for key in keys for name in exact_names(key, "")), *([("sound", content)] if content else [])]


def _titles(listed: Sequence[Listed], same: Sequence[int]) -> list[str]:
    """What to call the recording of each entry: by its first two names."""
    names: dict[int, dict[str, None]] = {}
    for one, number in zip(listed, same, strict=True):
        names.setdefault(number, {})[one.name] = None
    titles = {number: " = ".join([*own][:2]) for number, own in names.items()}
    return [titles[number] for number in same]


def _check_spellings(identities: Mapping[Listed, _Identity]) -> None:
    """Refuse a speaker who is written in several ways, and would be held for several people."""
    if ways := spellings((identity.speakers, one.where) for one, identity in identities.items()):
        raise UserError("\n".join(map(complaint, ways[:SHOWN])))


def _part(
    fold: str, part: str, own: Sequence[_Identity], trained: Sequence[_Identity], heard: Sequence[_Identity]
) -> PartAudit:
    overlaps = {what: _overlap(what, own, heard if what == "recordings" else trained) for what in WHAT}
    counts = [len({one.recordings for one in recordings}) for recordings in (trained, own)]
    return PartAudit(fold, part, counts[0], counts[1], overlaps)


def _overlap(what: str, own: Iterable[_Identity], others: Iterable[_Identity]) -> Overlap:
    values, heard = ([getattr(one, what) for one in part] for part in (own, others))
    known = frozenset(values) - {""}
    return Overlap(known, known.intersection(heard), values.count("") + heard.count(""))
