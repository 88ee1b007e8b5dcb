"""The canonical emotion labels, and the spellings that corpora use for them."""

import unicodedata

from pipeline.errors import nearest

EMOTIONS = (
    "angry",
    "happy",
    "sad",
    "neutral",
    "calm",
    "fearful",
    "disgusted",
    "surprised",
    "bored",
    "excited",
    "frustrated",
    "contempt",
    "other",
)

ALIASES = {
    "anger": "angry",
    "ang": "angry",
    "happiness": "happy",
    "hap": "happy",
    "joy": "happy",
    "sadness": "sad",
    "neutrality": "neutral",
    "neu": "neutral",
    "calmness": "calm",
    "fear": "fearful",
    "anxiety": "fearful",
    "anxious": "fearful",
    "disgust": "disgusted",
    "surprise": "surprised",
    "boredom": "bored",
    "excitement": "excited",
    "exc": "excited",
    "frustration": "frustrated",
    "fru": "frustrated",
    "contemptuous": "contempt",
    "others": "other",
    "oth": "other",
}


def canonical(code: str, mapping: dict[str, str]) -> str:
    """Return the canonical label of an emotion code.

    Args:
        code: the code as the corpus has it.
        mapping: the corpus's own code -> label table, looked up before the common spellings.

    Raises:
        ValueError: the code is unknown; the message lists what is known.
    """
    composed = {unicodedata.normalize("NFC", name): label for name, label in mapping.items()}
    if (name := unicodedata.normalize("NFC", code)) in composed:
        return composed[name]
    name = name.strip().lower()
    name = ALIASES.get(name, name)
    if name in EMOTIONS:
        return name
    known = dict.fromkeys([*mapping, *EMOTIONS])
    raise ValueError(f"unknown emotion code {code!r}{nearest(name, known)}; known: {', '.join(known)}")
