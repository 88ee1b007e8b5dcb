"""Which recordings two lists both have, where each names them in its own way.

EmoBox's key of CREMA-D's `1001_DFA_ANG_XX.wav` is `cremad-1001-DFA-ANG-XX`, and a manifest's is
`crema_d-1001_DFA_ANG_XX`. A recording goes by its key, the end of its path, its key without the corpus, or its file
name alone, with `_`, `/` and `-` taken for one, in capitals or not; the first of these that tells one recording from
all others, in both lists, is the one that counts.
"""

import posixpath
import re
import unicodedata
from collections.abc import Hashable, Iterable, Sequence
from pathlib import PurePosixPath

from pipeline.audio.suffixes import AUDIO_SUFFIXES

SEPARATORS = re.compile(r"[\s_/.-]+")

Named = tuple[str, str]
"""key and path of a recording; "" for what is not known"""


def exact_names(key: str, wav: str) -> list[Hashable]:
    """What two entries of a list share only if they are one recording: the key, and the path however it is written."""
    return [*([("key", _plain(key))] if key else []), *([("path", _plain(wav))] if wav else [])]


def same_recordings(names: Sequence[Iterable[Hashable]]) -> list[int]:
    """For each entry, the number of the first that is the same recording: they share a name, or each with a third."""
    firsts = list(range(len(names)))
    owners: dict[Hashable, int] = {}
    for number, own in enumerate(names):
        for name in own:
            one, other = sorted((_first(firsts, owners.setdefault(name, number)), _first(firsts, number)))
            firsts[other] = one
    return [_first(firsts, number) for number in range(len(names))]


def _first(firsts: list[int], number: int) -> int:
    while firsts[number] != number:
        firsts[number] = firsts[firsts[number]]
        number = firsts[number]
    return number


def matches(
    listed: Sequence[Named], known: Sequence[Named], names: Sequence[Iterable[Hashable]] | None = None
) -> list[int | None]:
    """For each recording that is listed, its number among those known; None where there is none, or more than one.

    Args:
        listed: recordings, some of them more than once, maybe under several keys.
        known: recordings, each once.
        names: what entries of the list share that are one recording; `exact_names` where left out.
    """
    once = {name: _forms(*name) for name in dict.fromkeys(listed)}  # a list has a line for each fold
    own, others = [once[name] for name in listed], [_forms(*name) for name in known]
    shared = names or [exact_names(*name) for name in listed]
    same = same_recordings([[*each, forms[0]] for each, forms in zip(shared, own, strict=True)])
    counts, owners = _owners(own, same), _owners(others, range(len(others)))
    numbers = [_match(forms, counts, owners) for forms in own]
    by_another = {one: number for one, number in zip(same, numbers, strict=True) if number is not None}
    return [by_another.get(one) if number is None else number for one, number in zip(same, numbers, strict=True)]


def _match(forms: Iterable[str], counts: dict[str, set[int]], owners: dict[str, set[int]]) -> int | None:
    for form in forms:
        if len(counts[form]) == 1 and len(owners.get(form, ())) == 1:
            return next(iter(owners[form]))
    return None


def _owners(recordings: Sequence[Sequence[str]], numbers: Iterable[int]) -> dict[str, set[int]]:
    """Form -> the recordings that go by it."""
    owners: dict[str, set[int]] = {}
    for forms, number in zip(recordings, numbers, strict=True):
        for form in forms:
            owners.setdefault(form, set()).add(number)
    return owners


def _forms(key: str, wav: str) -> list[str]:
    """What a recording goes by, the surest first."""
    path = PurePosixPath(wav)
    parts = (path.with_suffix("") if path.suffix.lower() in AUDIO_SUFFIXES else path).parts
    *tails, stem = ("/".join(parts[i:]) for i in range(len(parts))) if parts else ("",)
    names = map(_folded, (key, *tails, key.partition("-")[2], stem))
    exact = [f"={key}"] if key else []  # keys that differ in capitals alone
    return list(dict.fromkeys([*exact, *filter(None, names)]))


def _plain(path: str) -> str:
    """A path, or a key made of one, without what can be written differently: `./`, `//`, backslashes, composition."""
    return re.sub("/+", "/", posixpath.normpath(unicodedata.normalize("NFC", path).replace("\\", "/")))


def _folded(name: str) -> str:
    return SEPARATORS.sub("-", name.casefold()).strip("-")
