"""Segments of long files, in tables and manifests: what is wrong with a start or an end."""

from pathlib import Path

from bad_inputs.csv_table import listed
from bad_inputs.manifest import listed as listed_in_manifest
from bad_inputs.registry import Make, bad_input

GOOD = "path,emotion,start,end\nb.wav,sad,0,0.25\n"

TABLES = {
    "an end that is no number": ("a.wav,happy,0,0:10", "line 3: end must be a number of seconds, as 12.34"),
    "a start that is NaN": ("a.wav,happy,nan,", "line 3: start must be seconds from the beginning of the file"),
    "an end before the start": ("a.wav,happy,0.3,0.2", "line 3: end must be after start; it is 0.2, and start is 0.3"),
    "an end after the file's": ("a.wav,happy,0.3,2", "the file has 0.5 s; mend labels.csv, line 3"),
    "a segment twice": ("b.wav,happy,,0.25", "lists b.wav from 0 to 0.25 s as line 2 does, as 'sad' and as 'happy'"),
}


def _case(row: str) -> Make:
    def make(folder: Path) -> list[str]:
        return listed(folder, f"{GOOD}{row}\n")

    make.__module__ = __name__
    return make


for name, (row, says) in TABLES.items():
    bad_input(f"segments: {name}", says=says)(_case(row))

listed_in_manifest("a start below 0", "start must be seconds from the beginning", start=-1.0)
listed_in_manifest("an end that is text", "'end' must be a number", end="1")
listed_in_manifest("a segment after the file's end", "000.wav from 5 to 6 s: the file has", start=5, end=6)
