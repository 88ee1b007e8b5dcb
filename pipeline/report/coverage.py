"""What corpora there are readers of, and what of a corpus is there, as text and as JSON values."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pipeline.corpora.base import CorpusReader
from pipeline.corpora.coverage import Coverage
from pipeline.corpora.unread import left_out_line
from pipeline.storage.source import counted

SHOWN = 5
"""names in a line, at most"""

HINT = "`ser fetch READER` gets a corpus, or says how; `ser corpora READER FOLDER` says what of it is there"

TITLES = ("reader", "languages", "recordings", "speakers", "emotions", "to be had", "shareable", "licence", "title")


def reader_values(reader: CorpusReader) -> dict[str, Any]:
    """What a reader says of its corpus."""
    return {
        "reader": reader.name,
        "title": reader.title,
        "languages": [*reader.languages],
        "emotions": _emotions(reader),
        "recordings": reader.published.recordings or None,
        "speakers": reader.published.speakers or None,
        "labels": dict(reader.published.labels),
        "licence": reader.licence,
        "shareable": reader.shareable,
        "gated": reader.gated,
        "source": reader.source,
        "citation": reader.citation,
        "remark": reader.remark,
    }


def reader_table(readers: Iterable[CorpusReader]) -> list[str]:
    """A line of each reader, below one of titles."""
    lines = [TITLES, *map(_reader_cells, readers)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return [*rows, "", HINT]


def _reader_cells(reader: CorpusReader) -> tuple[str, ...]:
    published = reader.published
    return (
        reader.name,
        " ".join(reader.languages) or "-",
        str(published.recordings or "-"),
        str(published.speakers or "-"),
        " ".join(_emotions(reader)) or "any",
        "on request" if reader.gated else "openly" if published.recordings else "-",
        "yes" if reader.shareable else "no",
        reader.licence,
        reader.title,
    )


def _emotions(reader: CorpusReader) -> list[str]:
    return sorted(reader.published.labels or {*reader.emotions.values()})


def reader_lines(reader: CorpusReader) -> list[str]:
    """What a reader says of its corpus, a line each."""
    published = reader.published
    labels = ", ".join(f"{label} {count}" for label, count in published.labels.items())
    facts = {
        "licence": reader.licence,
        "shareable": "a report may play a few recordings" if reader.shareable else "no",
        "citation": reader.citation,
        "source": f"{reader.source}{' (on request)' if reader.gated else ''}",
        "languages": ", ".join(reader.languages),
        "recordings": str(published.recordings or ""),
        "speakers": str(published.speakers or ""),
        "labels": labels or ", ".join(_emotions(reader)),
        "remark": reader.remark,
    }
    return [f"{reader.name}: {reader.title}", *_facts(facts)]


def coverage_values(name: str, coverage: Coverage) -> dict[str, Any]:
    """What of a corpus is there, with all names."""
    return {
        "corpus": name,
        **asdict(coverage),
        "missing_speakers": [*coverage.missing_speakers],
        "complete": coverage.is_complete,
    }


def coverage_lines(name: str, coverage: Coverage, reader: CorpusReader) -> list[str]:
    """What of a corpus is there, a line each."""
    published = coverage.published
    facts = {
        "licence": reader.licence,
        "citation": reader.citation,
        "source": f"{reader.source}{' (on request)' if reader.gated else ''}",
        "folder": coverage.root,
        "recordings": _of(coverage.recordings, coverage.expected),
        "speakers": _of(len(coverage.speakers), published.speakers),
        "labels": ", ".join(f"{label} {count}" for label, count in _labels(coverage).items()),
        "numbers": ", ".join(f"{name} {count}" for name, count in coverage.dimensions.items()),
        "votes": str(coverage.voted or ""),
        "missing": _missing(coverage),
        "unexpected": _unexpected(coverage),
        "hollow": _hollow(coverage),
        "unlisted": _unlisted(coverage),
        "copies": f"{counted(coverage.copies, 'file')} equal to one of its name" if coverage.copies else "",
        "not read": left_out_line(coverage.unread).removeprefix("left out: ") if coverage.unread else "",
        "others": ", ".join(f"{count} {suffix}" for suffix, count in coverage.others.items()),
    }
    notes = [line for note in coverage.notes for line in _facts({"note": note})]
    return [f"{name}: {reader.title}: {_verdict(coverage)}", *_facts(facts), *notes, *_facts({"remark": reader.remark})]


def _verdict(coverage: Coverage) -> str:
    if not coverage.is_complete:
        return "not as published"
    return "complete" if coverage.expected else "read; nothing says how much there should be"


def _facts(facts: Mapping[str, str]) -> list[str]:
    return [f"  {name:<11} {line}" for name, text in facts.items() for line in text.splitlines()]


def _of(count: int, published: int) -> str:
    """`12 of 24`, or the count alone where no number is published."""
    return f"{count} of {published}" if published else str(count)


def _labels(coverage: Coverage) -> dict[str, str]:
    published = coverage.published.labels
    return {
        label: _of(coverage.labels.get(label, 0), published.get(label, 0))
        for label in dict.fromkeys([*published, *coverage.labels])
    }


def _missing(coverage: Coverage) -> str:
    speakers = [f"speakers {_shown(coverage.missing_speakers)}"] if coverage.missing_speakers else []
    names = f" ({_shown(coverage.missing)})" if coverage.missing else ""
    return "; ".join([*([f"{coverage.lacking}{names}"] if coverage.lacking else []), *speakers])


def _unexpected(coverage: Coverage) -> str:
    files = [f"{len(coverage.unexpected)} ({_shown(coverage.unexpected)})"] if coverage.unexpected else []
    return "; ".join([*files, *([f"{coverage.surplus} more than are published"] if coverage.surplus else [])])


def _hollow(coverage: Coverage) -> str:
    names = coverage.hollow
    what = f"{counted(len(names), 'file')} with no recording ({_shown(names)}); the first {coverage.hollow_reason}"
    return what if names else ""


def _unlisted(coverage: Coverage) -> str:
    names = coverage.unlisted
    return f"{counted(len(names), 'audio file')} that the table does not list ({_shown(names)})" if names else ""


def _shown(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
