"""Files of a corpus that have one key: copies of a recording, as where a corpus was unpacked twice, or a mistake."""

import filecmp
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.audio.bad_recordings import SHOWN
from pipeline.audio.examination import Examination, examine
from pipeline.corpora.base import Utterance
from pipeline.errors import UserError
from pipeline.jobs.executors import in_threads, worker_count


@dataclass(frozen=True)
class OfEachKey:
    """One file of each key.

    Attributes:
        utterances: the first of each key that can be used, else the first, in the order of their keys' first files.
        bad: name, as messages call it, of another recording of such a key -> why it cannot be used.
        copies: how many others hold the same samples.
    """

    utterances: list[Utterance]
    bad: dict[str, str]
    copies: int


def one_of_each_key(root: Path, utterances: Iterable[Utterance]) -> OfEachKey:
    """Take one file of each key; the others must hold the same samples, whatever their format and the bytes around.

    Raises:
        UserError: they differ, or the corpus says different things of them; the first `SHOWN` such files are named.
    """
    of_key: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        of_key.setdefault(utterance.key, []).append(utterance)
    several = [group for group in of_key.values() if len(group) > 1]
    resolved = list(in_threads(lambda group: _resolve(root, group), several, worker_count(None)))
    if problems := [problem for one in resolved for problem in one.problems]:
        raise UserError("\n".join(_lines(root, problems)))
    chosen = {one.chosen.key: one.chosen for one in resolved}
    bad = {wav: why for one in resolved for wav, why in one.bad.items()}
    copies = sum(map(len, several)) - len(several) - len(bad)
    return OfEachKey([chosen.get(key, group[0]) for key, group in of_key.items()], bad, copies)


@dataclass(frozen=True)
class _Resolved:
    """The file of a key that is taken, those that cannot be used, and what is wrong with the others."""

    chosen: Utterance
    bad: dict[str, str]
    problems: list[str]


def _resolve(root: Path, group: Sequence[Utterance]) -> _Resolved:
    if all(_same_bytes(root / group[0].wav, root / other.wav) for other in group[1:]):
        return _Resolved(group[0], {}, [*_differences(group[0], group[1:], {})])
    sounds: dict[str, Examination] = {}
    bad: dict[str, str] = {}
    for utterance in group:
        try:
            sounds[utterance.wav] = examine(utterance.source(root))
        except UserError as error:
            bad[utterance.name] = str(error)
    chosen = next((utterance for utterance in group if utterance.wav in sounds), group[0])
    bad.pop(chosen.name, None)  # where none can be used, the listing says so of this one
    others = [utterance for utterance in group if utterance.wav in sounds and utterance is not chosen]
    return _Resolved(chosen, bad, [*_differences(chosen, others, sounds)])


def _same_bytes(path: Path, other: Path) -> bool:
    try:
        return filecmp.cmp(path, other, shallow=False)
    except OSError:
        return False


def _differences(chosen: Utterance, others: Iterable[Utterance], sounds: dict[str, Examination]) -> Iterator[str]:
    """A complaint of each other file that is no copy; files without an examination have the same bytes."""
    for other in others:
        both = f"{chosen.wav} and {other.wav} have the same key {chosen.key!r}"
        if replace(other, wav="") != replace(chosen, wav=""):
            yield f"{both}, and the corpus says different things of them"
        elif sounds and not _same_samples(sounds[chosen.wav], sounds[other.wav]):
            yield f"{both}, and differ"


def _same_samples(one: Examination, other: Examination) -> bool:
    """Whether two recordings hold the same samples; of those that are silent at 16 bits, as far as measures tell."""
    same = one.fingerprint.digest == other.fingerprint.digest
    return same and (not one.fingerprint.constant or one.measures == other.measures)


def _lines(root: Path, problems: Sequence[str]) -> list[str]:
    if len(problems) == 1:
        return [f"{root}: {problems[0]}; rename or remove one"]
    more = f", of which {SHOWN} are named above" if len(problems) > SHOWN else ""
    last = f"{len(problems)} files have the key of another, and are no copies of it{more}; rename or remove one of each"
    return [*(f"{root}: {problem}" for problem in problems[:SHOWN]), last]
