"""Keys of utterances and of their copies."""

import re

COPY = re.compile(r"@(-?[0-9.e+-]+dB|[0-9.e-]+x|[+-][0-9.e-]+st)$")
"""what the key of a copy ends with"""


def source_key(key: str) -> str:
    """The key of the utterance that this is a copy of, as `copies` names them (its own key when it is no copy)."""
    return COPY.sub("", key)
