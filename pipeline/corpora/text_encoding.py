"""Text of unknown encoding: Unicode in its forms is recognised, and what is not is read as one of the likely ones."""

import re
from collections.abc import Sequence

MARKS = {
    b"\xef\xbb\xbf": "utf-8-sig",
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
"""byte order mark -> encoding; the longer ones first"""

CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")
"""what no text holds"""


def decoded(data: bytes, legacy: Sequence[str] = ()) -> tuple[str, str]:
    """Decode text: by its byte order mark; as UTF-16 without one, or as UTF-8; else as the first `legacy` that fits.

    Returns:
        The text, and its encoding.

    Raises:
        ValueError: none fits.
    """
    marked = [encoding for mark, encoding in MARKS.items() if data.startswith(mark)]
    for encoding in marked[:1] or [*_unmarked(data), "utf-8", *legacy]:
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if not CONTROL.search(text):
            return text, encoding
    raise ValueError(f"is no text in {', '.join(['UTF-8', 'UTF-16', *legacy])}, or holds control characters")


def _unmarked(data: bytes) -> list[str]:
    """UTF-16, where there are zero bytes: those of ASCII characters stand second if the lesser byte is the first."""
    first, second = data[::2].count(0), data[1::2].count(0)
    if not first + second:
        return []
    return ["utf-16-le", "utf-16-be"] if second >= first else ["utf-16-be", "utf-16-le"]
