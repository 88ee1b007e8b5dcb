"""Which recordings two lists both have, where each names them in its own way.

EmoBox's key of CREMA-D's `1001_DFA_ANG_XX.wav` is `cremad-1001-DFA-ANG-XX`, and a manifest's is
`crema_d-1001_DFA_ANG_XX`. A recording goes by its key, the end of its path, its key without the corpus, or its file
name alone, with `_`, `/` and `-` taken for one, in capitals or not; the first of these that tells one recording from
all others, in both lists, is the one that counts.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from pipeline.audio.suffixes import AUDIO_SUFFIXES

SEPARATORS = re.compile(r"[\s_/.-]+")

Named = tuple[str, str]
"""key and path of a recording; "" for what is not known"""


def matches(listed: Sequence[Named], known: Sequence[Named]) -> list[int | None]:
    """For each recording that is listed, its number among those known; None where there is none, or more than one.

    Args:
        listed: recordings, some of them more than once.
        known: recordings, each once.
    """
    own, others = [_forms(*name) for name in listed], [_forms(*name) for name in known]
    counts = _owners(own, [forms[0] for forms in own])
    owners = _owners(others, range(len(others)))
    return [_match(forms, counts, owners) for forms in own]


def _match(forms: Iterable[str], counts: dict[str, set[str | int]], owners: dict[str, set[str | int]]) -> int | None:
    for form in forms:
        if len(counts[form]) == 1 and len(owners.get(form, ())) == 1:
            return int(next(iter(owners[form])))
    return None


def _owners(recordings: Sequence[Sequence[str]], names: Iterable[str | int]) -> dict[str, set[str | int]]:
    """Form -> the recordings that go by it."""
    owners: dict[str, set[str | int]] = {}
    for forms, name in zip(recordings, names, strict=True):
        for form in forms:
            owners.setdefault(form, set()).add(name)
    return owners


def _forms(key: str, wav: str) -> list[str]:
    """What a recording goes by, the surest first."""
    path = PurePosixPath(wav)
    parts = (path.with_suffix("") if path.suffix.lower() in AUDIO_SUFFIXES else path).parts
    *tails, stem = ("/".join(parts[i:]) for i in range(len(parts))) if parts else ("",)
    names = map(_folded, (key, *tails, key.partition("-")[2], stem))
    exact = [f"={key}"] if key else []  # keys that differ in capitals alone
    return list(dict.fromkeys([*exact, *filter(None, names)]))


def _folded(name: str) -> str:
    return SEPARATORS.sub("-", name.casefold()).strip("-")
