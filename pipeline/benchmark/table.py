"""The table of a benchmark: columns for a terminal and for Markdown; CSV and JSON in full precision."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from pipeline.atomic import atomic_path
from pipeline.benchmark.results import Result
from pipeline.errors import printable
from pipeline.evaluation.cost import Cost
from pipeline.experiments.predictions import csv_text, plain_cell
from pipeline.report.cost import short_number
from pipeline.report.markdown import markdown_table

WIDTH = 120
"""columns of a line of notes"""

HEADED = ("corpus", "folds", "speakers shared", "tests")
"""columns that a terminal's headings have"""

ABOUT = "Percent, of all test folds together; intervals over speakers, by Student's t of a bootstrap's standard error."


def terminal(rows: Sequence[Result], confidence: float) -> str:
    """Columns, under a heading for each kind of folds of each corpus, and notes."""
    columns, notes = _cells(rows, confidence)
    shown = {title: cells for title, cells in columns.items() if title not in HEADED}
    widths = [max(map(len, [title, *cells])) for title, cells in shown.items()]
    lines = [[*shown], *zip(*shown.values(), strict=True)]
    head, *body = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    headings = [_heading(*cells) for cells in zip(*(columns[title] for title in HEADED), strict=True)]
    blocks = [
        f"{heading}\n{head}\n" + "\n".join(line for line, own in zip(body, headings, strict=True) if own == heading)
        for heading in dict.fromkeys(headings)
    ]
    numbered = [fill(f"[{i}] {note}", WIDTH, subsequent_indent="    ") for i, note in enumerate(notes, 1)]
    return "\n\n".join([ABOUT, *blocks, *(["\n".join(numbered)] if notes else [])]) + "\n"


def _heading(corpus: str, folds: str, shared: str, tests: str) -> str:
    recordings = f"{tests} recordings, " if tests else ""
    return f"{corpus}, {folds}: {recordings}speakers shared {shared}"


def markdown(rows: Sequence[Result], confidence: float) -> str:
    """A table of Markdown, and notes."""
    columns, notes = _cells(rows, confidence)
    table = markdown_table([*columns], [*zip(*columns.values(), strict=True)])
    numbered = [f"[{i}] {note}.  " for i, note in enumerate(notes, 1)]
    return "\n".join([ABOUT, "", *table, "", *numbered]).rstrip() + "\n"


def _cells(rows: Sequence[Result], confidence: float) -> tuple[dict[str, list[str]], list[str]]:
    """Title -> cells, and the notes that they have the numbers of."""
    notes = list(dict.fromkeys(note for row in rows for note in row.notes))
    columns = {
        "corpus": [row.corpus for row in rows],
        "folds": [f"{row.folds}, {row.fold_count} fold{'s' * (row.fold_count > 1)}" for row in rows],
        "speakers shared": [f"{row.shared}{' (leaks)' * row.leaks}" for row in rows],
        "tests": [_tests(row) for row in rows],
        "system": [row.system for row in rows],
        f"UA [{confidence:.0%}]": [_with_interval(row) for row in rows],
        "WA": [f"{100 * row.score.wa:.1f}" for row in rows],
        "macro-F1": [f"{100 * row.score.macro_f1:.1f}" for row in rows],
        "layers (folds)": [", ".join(f"{layer} ({count})" for layer, count in row.layers.items()) for row in rows],
        "parameters": [_parameters(row.cost) for row in rows],
        "notes": [" ".join(f"[{notes.index(note) + 1}]" for note in row.notes) for row in rows],
    }
    return {title: [printable(cell) for cell in cells] for title, cells in columns.items()}, notes


def _tests(row: Result) -> str:
    if row.tested is None:
        return ""
    return f"{row.tested} of {row.listed}" if row.listed not in (None, row.tested) else str(row.tested)


def _parameters(cost: Cost | None) -> str:
    """Of the trained model, and of the pretrained one that is run for it."""
    if cost is None or cost.parameters is None:
        return ""
    pretrained = (cost.parameters_with_pretrained or cost.parameters) - cost.parameters
    return short_number(cost.parameters) + (f" + {short_number(pretrained)}" if pretrained else "")


def _with_interval(row: Result) -> str:
    interval = row.score.interval
    ends = f" [{100 * interval[0]:.1f}, {100 * interval[1]:.1f}]" if interval else ""
    return f"{100 * row.score.ua:.1f}{ends}"


def as_csv(rows: Sequence[Result], confidence: float) -> str:
    """A line for each row; scores from 0 to 1, and nothing for what is not known."""
    records = [_record(row) for row in rows]
    titles = [*records[0]] if records else []
    return csv_text(titles, ([_cell(value) for value in record.values()] for record in records))


def as_json(rows: Sequence[Result], confidence: float) -> str:
    """The same as JSON."""
    return json.dumps([_record(row) for row in rows], indent=2, ensure_ascii=False) + "\n"


def _record(row: Result) -> dict[str, Any]:
    low, high = row.score.interval or (None, None)
    cost = row.cost
    return {
        "corpus": row.corpus,
        "folds": row.folds,
        "fold_count": row.fold_count,
        "experiment": row.experiment,
        "system": row.system,
        "published": not row.experiment,
        "UA": round(row.score.ua, 4),
        "UA_low": low,
        "UA_high": high,
        "WA": round(row.score.wa, 4),
        "macro_F1": round(row.score.macro_f1, 4),
        "tested": row.tested,
        "listed": row.listed,
        "speakers_shared": row.shared,
        "leaks": row.leaks,
        "layers": {str(layer): count for layer, count in row.layers.items()},
        "parameters": cost and cost.parameters,
        "parameters_with_pretrained": cost and cost.parameters_with_pretrained,
        "notes": list(row.notes),
    }


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{layer}: {count}" for layer, count in value.items())
    if isinstance(value, list):
        return plain_cell("; ".join(value))
    return "" if value is None else plain_cell(str(value))


FORMATS: dict[str, Callable[[Sequence[Result], float], str]] = {
    "table": terminal,
    "csv": as_csv,
    "json": as_json,
    "markdown": markdown,
}
"""the value of `--format` -> how it is written"""

FILES = {"table.csv": as_csv, "table.json": as_json, "table.md": markdown}


def write_tables(folder: Path, rows: Sequence[Result], confidence: float) -> Iterator[Path]:
    """Write the table to a folder in each format for files; their paths."""
    for name, written in FILES.items():
        with atomic_path(folder / name) as temporary:
            temporary.write_text(written(rows, confidence), encoding="utf-8", newline="\n")
        yield folder / name
