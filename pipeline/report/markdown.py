"""Tables as Markdown that can be read in a terminal too."""

import re
from collections.abc import Sequence

from pipeline.errors import printable

SIGNS = re.compile(r"[\\|<>*`]|(?<=\])\(")
"""signs of Markdown and HTML in text that is neither; of a link, the bracket before its address"""


def escaped(text: str) -> str:
    """Text of corpora and params, of which nothing is taken for Markdown or HTML."""
    return SIGNS.sub(r"\\\g<0>", printable(text))


def markdown_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table of plain text, its columns as wide as their widest cell."""
    lines = [[escaped(cell) for cell in line] for line in (titles, *rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    head, *body = [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))} |" for line in lines
    ]
    return [head, f"|{'|'.join('-' * (width + 2) for width in widths)}|", *body]
