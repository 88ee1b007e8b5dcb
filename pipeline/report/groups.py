"""The table of the groups that are served worst, as Markdown."""

from collections.abc import Mapping
from typing import Any

from pipeline.errors import printable
from pipeline.evaluation.groups import GROUPINGS, SMALLEST
from pipeline.report.markdown import markdown_table

LONGEST = 40
"""characters of a text"""

TEXT = (
    f"The lowest UA (%) of a corpus, speaker, gender, language or text with {SMALLEST} test utterances or more (n), "
    "over the classes that the group has. `groups/` has all groups."
)


def groups_section(results: Mapping[str, Mapping[str, Any]]) -> str:
    """The worst group of each grouping that there is, under a heading; nothing where there is none."""
    used = [grouping for grouping in GROUPINGS if any(grouping in row["worst_groups"] for row in results.values())]
    if not used:
        return ""
    rows = [[name, *(_cell(row, grouping) for grouping in used)] for name, row in results.items()]
    titles = ["experiment", *(f"worst {grouping}" for grouping in used)]
    return "\n".join(["", "## Groups", "", TEXT, "", *markdown_table(titles, rows), ""])


def _cell(row: Mapping[str, Any], grouping: str) -> str:
    if grouping not in row["worst_groups"]:
        return ""
    value = row["worst_groups"][grouping]
    figures = row["groups"][grouping][value]
    return f"{_shown(value)}: {100 * figures['UA']:.1f} (n {figures['n']})"


def _shown(value: str) -> str:
    text = printable(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
