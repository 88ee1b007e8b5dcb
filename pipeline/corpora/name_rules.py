"""Who speaks, and what, in recordings of which only the names are known, by the rules of public corpora."""

from collections.abc import Hashable, Sequence

from pipeline.corpora import READERS, find_reader
from pipeline.corpora.base import CorpusReader, Utterance
from pipeline.corpora.fold_lists import Listed
from pipeline.corpora.recording_names import exact_names


def named_utterances(listed: Sequence[Listed]) -> list[Utterance | None]:
    """What the name of each recording says by its corpus's rule; None where no corpus's rule fits.

    The corpus is the one that the list says. Where it says none, it is the one whose rule fits every name.
    """
    said = {one.corpus for one in listed} - {""}
    readers = [reader for reader in map(find_reader, READERS) if not said or _plain(reader.name) in map(_plain, said)]
    told = [[_told(reader, one) for one in listed] for reader in readers]
    if not said:
        told = [each for each in told if None not in each]
    if not said and len(told) > 1:
        told = []
    return [next(filter(None, each), None) for each in zip(*told, strict=True)] if told else [None] * len(listed)


def names_of(listed: Sequence[Listed], told: Sequence[Utterance | None]) -> list[list[Hashable]]:
    """What entries share that are one recording: key, path, or the key that the corpus's rule has for it.

    Args:
        listed: the entries.
        told: what their names say, see `named_utterances`.
    """
    return [
        [*exact_names(one.key, one.wav), *([("rule", each.key)] if each else [])]
        for one, each in zip(listed, told, strict=True)
    ]


def _told(reader: CorpusReader, one: Listed) -> Utterance | None:
    if one.corpus and _plain(one.corpus) != _plain(reader.name):
        return None
    name = one.key.removeprefix(f"{reader.name}-")
    return (reader.named(one.wav) if one.wav else None) or reader.named(f"{name}.wav")


def _plain(name: str) -> str:
    """A corpus's name without what EmoBox leaves out: `cremad` of crema_d."""
    return name.casefold().replace("_", "").replace("-", "")
