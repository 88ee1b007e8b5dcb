"""What a corpus has, in numbers, as text."""

from collections.abc import Mapping
from typing import Any

from pipeline.storage.source import counted

NAMED = 50
"""speakers, or emotions, above which they are not named one by one"""


def counts_table(corpus: str, counts: Mapping[str, Any]) -> str:
    """Utterances per emotion and per speaker, as plain text; of many speakers, how few and how many of one."""
    known = counted(counts["speakers"], "speaker") if counts["speakers"] else "speakers unknown"
    lines = [f"{corpus}: {counted(counts['utterances'], 'utterance')}, {known}, {counts['seconds']:.0f} s"]
    for title, table in (("emotion", counts["by_emotion"]), ("speaker", counts["by_speaker"])):
        lines.append(f"  by {title}: {_listed(table)}")
    return "\n".join(lines)


def _listed(table: Mapping[str, int]) -> str:
    if len(table) <= NAMED:
        return ", ".join(f"{name} {count}" for name, count in table.items())
    few, many = min(table.values()), max(table.values())
    return f"{few} to {many} each of {len(table)}" if few < many else f"{few} each of {len(table)}"
