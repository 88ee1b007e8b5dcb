"""A comparison as text: for a terminal, Markdown and LaTeX as a table for readers, CSV and JSON in full precision."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import compress
from textwrap import fill
from typing import Any

from pipeline.errors import printable
from pipeline.experiments.predictions import csv_text
from pipeline.report.comparison.candidate import MEASURES
from pipeline.report.comparison.changes import NOT_THERE, cut
from pipeline.report.comparison.choice import Reference
from pipeline.report.comparison.comparison import Compared
from pipeline.report.comparison.table import NAMES, REFERENCE, Table, changed, table
from pipeline.report.markdown import escaped, markdown_table
from pipeline.report.summary import published_text

WIDTH = 120
"""columns of a terminal"""
NARROWEST = 8
"""characters that a shortened name has at least"""

TESTS = (
    "p: paired bootstrap over speakers, without and with Holm's correction for all differences of a corpus; McNemar's "
    "exact test takes utterances for independent."
)

LATEX = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
}

Rows = Sequence[Compared]


def terminal(rows: Rows, chosen: Reference) -> str:
    """Columns that fit a terminal: scores, then differences, changed params, and notes."""
    shown = table(rows, chosen)
    blocks = [[shown.heading, "", *_aligned(shown.scores)]]
    if shown.differences:
        blocks.append([f"against {shown.against}", "", *_aligned(_without_references(shown))])
        blocks += [fill(TESTS, WIDTH).splitlines()] if "p" in shown.differences else []
    for title, lines in shown.changes.items():
        blocks.append([f"changed params of {title}", *(f"  {line}" for line in lines)])
    blocks = [[cut(line, WIDTH) for line in block] for block in blocks]
    blocks.append([fill(f"[{i}] {note}", WIDTH, subsequent_indent="    ") for i, note in enumerate(shown.notes, 1)])
    return "\n".join("\n".join([*block, ""]) for block in blocks if block)


def _without_references(shown: Table) -> dict[str, list[str]]:
    """Names and differences of all that is compared with another."""
    columns = {title: cells for title, cells in shown.scores.items() if title in ("experiment", "revision")}
    columns |= shown.differences
    compared = [REFERENCE not in row for row in zip(*columns.values(), strict=True)]
    return {title: [*compress(cells, compared)] for title, cells in columns.items()}


def _aligned(columns: Mapping[str, list[str]]) -> Iterator[str]:
    """The lines of a table, with names shortened so far as it needs."""
    widths = {title: max(map(len, [title, *cells])) for title, cells in columns.items()}
    while sum(widths.values()) + 2 * (len(widths) - 1) > WIDTH:
        widest = max((title for title in widths if title in NAMES), key=lambda title: widths[title])
        if widths[widest] <= max(NARROWEST, len(widest)):
            break
        widths[widest] -= 1
    for line in zip(*([title, *cells] for title, cells in columns.items()), strict=True):
        cells = (cut(cell, width).ljust(width) for cell, width in zip(line, widths.values(), strict=True))
        yield "  ".join(cells).rstrip()


def markdown(rows: Rows, chosen: Reference) -> str:
    """A table of Markdown, with what was changed and the notes below."""
    shown = table(rows, chosen)
    columns = _columns(shown)
    lines = [escaped(_about(shown)), "", *markdown_table([*columns], [*zip(*columns.values(), strict=True)])]
    for title, changes in shown.changes.items():
        lines += ["", f"Changed params of {escaped(title)}:", "", *(f"- {escaped(line)}" for line in changes)]
    lines += ["", *(f"[{i}] {escaped(note)}.  " for i, note in enumerate(shown.notes, 1))] if shown.notes else []
    return "\n".join([*lines, ""])


def _about(shown: Table) -> str:
    """What the figures of a single table are."""
    against = f"Differences are to {shown.against}." if shown.differences else ""
    return " ".join(filter(None, [shown.heading, against, TESTS if "p" in shown.differences else ""]))


def _columns(shown: Table) -> dict[str, list[str]]:
    """All columns in one table, notes last."""
    scores = {title: cells for title, cells in shown.scores.items() if title != "notes"}
    notes = {title: cells for title, cells in shown.scores.items() if title == "notes"}
    return {**scores, **shown.differences, **notes}


def latex(rows: Rows, chosen: Reference) -> str:
    """A table environment of LaTeX with booktabs, with what was changed as comments."""
    shown = table(rows, chosen)
    columns = _columns(shown)
    lines = ["% needs \\usepackage{booktabs}"]
    for title, changes in shown.changes.items():
        lines += [f"% changed params of {title}:", *(f"%   {line}" for line in changes)]
    lines += [r"\begin{table}", r"\centering", f"\\caption{{{_latex(_about(shown))}}}"]
    lines += [f"\\begin{{tabular}}{{{'l' * len(columns)}}}", r"\toprule"]
    head, *body = (f"{' & '.join(map(_latex, row))} \\\\" for row in zip(*_with_titles(columns), strict=True))
    lines += [head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]
    notes = [f"[{i}] {_latex(note)}." for i, note in enumerate(shown.notes, 1)]  # \\ before [ would take it for its own
    lines += [r"\begin{flushleft}", r"\footnotesize", "\n\n".join(notes), r"\end{flushleft}"] if notes else []
    return "\n".join([*lines, r"\end{table}", ""])


def _with_titles(columns: Mapping[str, list[str]]) -> list[list[str]]:
    return [[title, *cells] for title, cells in columns.items()]


def _latex(text: str) -> str:
    """Text with LaTeX's signs escaped; one of a difference is a minus, and no hyphen."""
    escaped = "".join(LATEX.get(sign, sign) for sign in text)
    return re.sub(r"(?<![\w.}])([-+])(?=\d)", r"$\1$", escaped)


def as_csv(rows: Rows, chosen: Reference) -> str:
    """A row of figures for each, in full precision; what has no value is empty."""
    records = [{**_figures(row), **_texts(row)} for row in rows]
    return csv_text([*records[0]], ([_cell(value) for value in record.values()] for record in records))


def as_json(rows: Rows, chosen: Reference) -> str:
    """The same as JSON, with changed params and notes as lists."""
    return json.dumps([{**_figures(row), **_lists(row)} for row in rows], indent=2, default=str) + "\n"


def _figures(row: Compared) -> dict[str, Any]:
    """What both have: scores and differences from 0 to 1."""
    one, difference = row.candidate, row.difference
    ends = difference.interval if difference else None
    record: dict[str, Any] = {"revision": one.revision.name, "commit": one.revision.commit, "experiment": one.name}
    record |= {"corpus": one.corpus, "protocol": one.protocol.get("scheme", ""), "utterances": one.utterances}
    for measure in MEASURES:
        low, high = one.interval(measure) or (None, None)
        record |= {measure: one.score(measure), f"{measure}_low": low, f"{measure}_high": high}
    return {
        **record,
        "confidence": one.scoring.confidence,
        "against": row.reference.label if row.reference else "",
        "UA_difference": difference and difference.value,
        "difference_low": ends and ends[0],
        "difference_high": ends and ends[1],
        "p": difference and difference.p,
        "p_holm": difference and difference.p_holm,
        "p_mcnemar": difference and difference.p_mcnemar,
    }


def _texts(row: Compared) -> dict[str, str]:
    """Published figures, changed params and notes, each in one cell."""
    changes = "; ".join(map(changed, row.changes))
    return {"published": published_text(row.candidate.published), "changed": changes, "notes": "; ".join(row.notes)}


def _lists(row: Compared) -> dict[str, Any]:
    """The same as lists and mappings; a value that is not there is left out."""
    changes = [{"key": one.key, "before": one.before, "after": one.after} for one in row.changes]
    return {
        "published": dict(row.candidate.published),
        "changed": [{key: value for key, value in one.items() if value is not NOT_THERE} for one in changes],
        "notes": row.notes,
    }


def _cell(value: Any) -> str:
    return "" if value is None else printable(str(value))


FORMATS: dict[str, Callable[[Rows, Reference], str]] = {
    "table": terminal,
    "csv": as_csv,
    "json": as_json,
    "markdown": markdown,
    "latex": latex,
}
"""the value of `--format` -> how it is written"""
