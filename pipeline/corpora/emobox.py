"""Metadata in EmoBox's format: JSON lines that name recordings and their emotions (github.com/emo-box/EmoBox).

`root` is EmoBox's folder, with `downloads/` where its README puts corpora, and `table` one of its lists, as
`data/casia/casia.jsonl`. Without `table`, it is the only `.jsonl` file in the root itself. A line has `key`, `wav` (a
path relative to the root), `emo` and mostly `dataset`; `speaker`, `gender`, `language`, `text`, `session`, `part`, and
`start` and `end` (s) may be there, as in this project's manifests, and so may `dimensions`, which maps valence,
arousal, dominance and the corpus's own to numbers, and `votes`, which maps emotions to shares or counts. What a line
does not say is taken from the file's name, where there is a reader of that `dataset`. A code of the corpus that means
nothing here is looked up in `label_map.json` (or `label_dict.json`) beside the list; labels that it merges stay apart.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.audio.segments import bounds_problem
from pipeline.corpora.base import CONTROL, CorpusParams, CorpusReader, Utterance
from pipeline.corpora.emotions import canonical
from pipeline.corpora.fold_lists import SPELLINGS, Listed, label_map
from pipeline.corpora.listed_files import Names, located, mistake
from pipeline.corpora.ratings import VOTES, RatingColumns
from pipeline.corpora.table import read_text
from pipeline.errors import UserError

SUFFIX = ".jsonl"
NEEDED = ("key", "wav", "emo")
"""the last only where a line has no numbers"""
OPTIONAL = ("dataset", "speaker", "gender", "language", "text", "session", "part")
TASK = "category"
"""of a line whose `emo` is a class, and no number"""


@dataclass(frozen=True)
class _Line:
    """A line of a list: where it is, its text values, its segment (s), and its ratings as a table's columns."""

    where: str
    values: Mapping[str, str]
    start: float | None
    end: float | None
    ratings: Mapping[str, str] = field(default_factory=dict)

    def listed(self) -> Listed:
        """The line as lists of folds have it."""
        return Listed(self.values["key"], self.where, self.values["wav"], self.values["dataset"])


class EmoBoxMetadata(CorpusReader):
    """Reads a list of EmoBox's, and the recordings that it names."""

    name = "emobox"
    title = "A corpus by EmoBox's metadata"
    licence = "the corpus's own"
    source = "https://github.com/emo-box/EmoBox"
    emotions = {}
    dimensions = ("valence", "arousal", "dominance")

    def read(self, root: Path, params: CorpusParams) -> Iterator[Utterance]:
        """Yield the recordings that a list names.

        Raises:
            UserError: there is no list, a line is none, or names no file below the root or no segment of it; list and
                line are named.
        """
        from pipeline.corpora.name_rules import named_utterances

        path = _list(root, params.table)
        labels, names = label_map(path.parent), Names()
        ratings = RatingColumns.of(params.dimensions, params.emotions)
        lines = [*_lines(root, path, ratings)]
        for line, told in zip(lines, named_utterances([line.listed() for line in lines]), strict=True):
            wav, absent = _wav(root, line, names, params.skips)
            about: dict[str, Any] = {name: line.values[name] or getattr(told, name, "") for name in OPTIONAL[1:]}
            about["language"] = about["language"] or params.language
            about["part"] = SPELLINGS.get(about["part"].casefold(), about["part"])
            code = _code(line.values["emo"], labels, params)
            yield Utterance(
                wav,
                line.values["key"],
                code,
                **about,
                start=line.start,
                end=line.end,
                where=line.where,
                absent=absent,
                dimensions=ratings.dimensions_of(line.ratings),
                votes=ratings.votes_of(line.ratings),
            )


def _list(root: Path, table: str) -> Path:
    """The list to read.

    Raises:
        UserError: none is named, and there is not one in the root.
    """
    if table:
        return root / table
    lists = sorted(path.name for path in root.glob(f"*{SUFFIX}") if path.is_file())
    if len(lists) != 1:
        what = f"several lists ({', '.join(lists[:5])})" if lists else f"no list ({SUFFIX})"
        raise UserError(f"{root}: has {what}; name one as the corpus's `table`, as data/casia/casia.jsonl")
    return root / lists[0]


def _lines(root: Path, path: Path, ratings: RatingColumns) -> Iterator[_Line]:
    for number, line in enumerate(read_text(path)[0].split("\n"), 1):
        if line.strip():
            where = f"{path.relative_to(root)}, line {number}"
            try:
                yield _line(where, json.loads(line), ratings)
            except (ValueError, RecursionError) as error:
                raise UserError(f"{root}/{where}: not a line of EmoBox's ({str(error)[:120]}); mend it") from error


def _line(where: str, row: Any, ratings: RatingColumns) -> _Line:
    """A line's values.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(row, dict):
        raise ValueError("it is no JSON object")
    if row.get("task", TASK) != TASK:
        raise ValueError(f"its task is {str(row['task'])[:40]!r}, and emotions are {TASK!r}")
    numbers = {**_numbers(row, "dimensions"), **_numbers(row, "votes", VOTES)}
    for problem in (*filter(None, map(ratings.column_problem, numbers)), *ratings.problems(numbers)):
        raise ValueError(problem)
    needed = NEEDED[:2] if ratings.rated(numbers) else NEEDED
    values = {name: row.get(name, "") for name in (*NEEDED, *OPTIONAL)}
    for name, value in values.items():
        if not isinstance(value, str) or (name in needed and not value):
            raise ValueError(f"{name!r} should be text")
        if name in ("key", "wav") and CONTROL.search(value.encode().decode()):
            raise ValueError(f"{name!r} holds a control character")
    start, end = (_seconds(name, row.get(name)) for name in ("start", "end"))
    if problem := bounds_problem(start, end):
        raise ValueError(problem)
    return _Line(where, values, start, end, numbers)


def _numbers(row: Mapping[str, Any], name: str, prefix: str = "") -> dict[str, str]:
    """The numbers of a line under a name, as a table's columns have them; none where it has none."""
    given = row.get(name) or {}
    if not isinstance(given, dict) or any(isinstance(value, bool | str | list | dict) for value in given.values()):
        raise ValueError(f"{name!r} should map names to numbers")
    return {f"{prefix}{key}": "" if value is None else str(value) for key, value in given.items()}


def _seconds(name: str, value: Any) -> float | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
        raise ValueError(f"{name!r} should be a number of seconds")
    return value


def _wav(root: Path, line: _Line, names: Names, lenient: bool) -> tuple[str, str]:
    given = line.values["wav"]
    try:
        return located(root, given, names, lenient)
    except (ValueError, OSError) as error:
        hint = "" if isinstance(error, ValueError) else "; paths are relative to the corpus's `root`"
        raise UserError(f"{root}/{line.where}: {mistake(error, given, names)}{hint}") from error


def _code(code: str, labels: Mapping[str, str], params: CorpusParams) -> str:
    """The emotion code of a line, or the label that the map has for it where the code means nothing here."""
    try:
        canonical(code, params.emotions)
    except ValueError:
        return labels.get(code.casefold(), code)
    return code
