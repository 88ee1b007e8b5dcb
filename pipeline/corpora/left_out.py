"""What of a corpus folder is no row of its manifest, and why: for the stage's messages and the corpus's report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.corpora.unread import left_out_line
from pipeline.errors import UserError


@dataclass(frozen=True)
class LeftOut:
    """What is left out of a manifest, and what else was noted while the corpus was read."""

    bad_audio: Mapping[str, str] = field(default_factory=dict)
    """path relative to the root -> why the recording cannot be used"""
    copies: int = 0
    """files that are equal to one that is taken, and have its name"""
    other_emotions: int = 0
    """recordings whose label is not to be kept"""
    bad_others: Mapping[str, str] = field(default_factory=dict)
    """of those, path relative to the root -> why the recording cannot be used, so that it is no duplicate's twin"""
    unlisted: int = 0
    """audio files that the table does not list"""
    first_unlisted: str = ""
    """the first of them, by name"""
    unread: Mapping[str, int] = field(default_factory=dict)
    """suffix -> files that are sound or film, and not read"""
    notes: tuple[str, ...] = ()
    """of the reader, a line each"""

    def report(self) -> dict[str, Any]:
        """The part of the corpus's report: `left_out`, where there is anything."""
        bad = {"count": len(self.bad_audio), "recordings": dict(self.bad_audio)} if self.bad_audio else {}
        parts = {"bad_audio": bad, "copies": self.copies, "unlisted": self.unlisted, "unread": dict(self.unread)}
        parts = {name: part for name, part in parts.items() if part}
        return {"left_out": parts} if parts else {}

    def lines(self) -> list[str]:
        """What to say of it, a line each."""
        lines = [*self.notes]
        if self.bad_audio:
            lines.append(f"left out: {_files(len(self.bad_audio))} that cannot be used, as `on_bad_audio` says")
        if self.bad_others:
            path, why = next(iter(self.bad_others.items()))
            files = f"{_files(len(self.bad_others))} of other emotions cannot be used, as {path}: {why}"
            lines.append(f"not compared with the others: {files}")
        if self.copies:
            lines.append(f"left out: {_files(self.copies)} equal to one that is taken, under the same name")
        if self.unlisted:
            lines.append(
                f"left out: {_files(self.unlisted)} of audio that the table does not list, as {self.first_unlisted}"
            )
        if self.unread:
            lines.append(left_out_line(self.unread))
        return lines


def bad_audio_count(report: Path) -> int:
    """How many recordings a corpus's report says were left out because they cannot be used.

    Raises:
        UserError: the report is not there, or is none.
    """
    try:
        values = json.loads(report.read_text(encoding="utf-8"))
        return int(values.get("left_out", {}).get("bad_audio", {}).get("count", 0))
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UserError(f"{report}: is no report of a corpus; `dvc repro` makes it") from error


def _files(count: int) -> str:
    return f"{count} file{'' if count == 1 else 's'}"
