"""The code of a module without comments, docstrings and blank lines: the same text under every Python."""

import io
import tokenize
from collections.abc import Iterator

UNSEEN = (tokenize.COMMENT, tokenize.NL, tokenize.ENCODING, tokenize.ENDMARKER)

OPENED = {"FSTRING_START": "FSTRING_END", "TSTRING_START": "TSTRING_END"}
"""from Python 3.12 on, formatted strings come in pieces"""


def code_tokens(source: str) -> str:
    """The tokens of a module, a statement a line; statements that are only a string, as docstrings, are left out."""
    return "\n".join(" ".join(line) for line in _statements(source))


def _statements(source: str) -> Iterator[list[str]]:
    line: list[str] = []
    strings_only = True
    for kind, text in _tokens(source):
        if kind in (tokenize.INDENT, tokenize.DEDENT):
            line.append("<indent>" if kind == tokenize.INDENT else "<dedent>")
        elif kind == tokenize.NEWLINE:
            words = [word for word in line if word in ("<indent>", "<dedent>")] if strings_only else line
            if words:
                yield words
            line, strings_only = [], True
        else:
            strings_only = strings_only and kind == tokenize.STRING
            line.append(text)
    if line:
        yield line


def _tokens(source: str) -> Iterator[tuple[int, str]]:
    """Kinds and texts; a formatted string, whatever is in it, is one token, as it was before Python 3.12."""
    rows = io.StringIO(source).readlines()
    start: tuple[int, int] = (0, 0)
    depth = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        name = tokenize.tok_name[token.type]
        if name in OPENED:
            start = start if depth else token.start
            depth += 1
        elif name in OPENED.values():
            depth -= 1
            if not depth:
                yield tokenize.OP, _between(rows, start, token.end)
        elif not depth and token.type not in UNSEEN:
            formatted = token.type == tokenize.STRING and "f" in token.string.split(token.string[-1])[0].lower()
            yield (tokenize.OP if formatted else token.type), token.string


def _between(rows: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    lines = rows[start[0] - 1 : end[0]]
    lines[-1] = lines[-1][: end[1]]
    lines[0] = lines[0][start[1] :]
    return "".join(lines)
