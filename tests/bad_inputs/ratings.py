"""Numbers and votes in a table of recordings, and experiments that ask for them."""

from pathlib import Path

from bad_inputs.csv_table import MANIFEST, listed
from bad_inputs.registry import bad_input
from rated_project import POOLED, rated_project

TABLES = {
    "text for a number": (
        "path,valence\na.wav,high\n",
        "labels.csv, line 2: its valence is 'high', which is no number",
    ),
    "a number without end": ("path,valence\na.wav,inf\n", "labels.csv, line 2: its valence is 'inf'"),
    "a decimal comma": ("path;valence\na.wav;3,5\n", "labels.csv, line 2: its valence is '3,5'"),
    "votes below 0": ("path,votes_sad\na.wav,-2\n", "labels.csv, line 2: its votes_sad is -2"),
    "votes that are all 0": ("path,votes_sad\na.wav,0\n", "labels.csv, line 2: its votes are all 0"),
    "votes on no emotion": ("path,votes_sda\na.wav,1\n", "column 'votes_sda': unknown emotion code 'sda'"),
}


def _table(name: str, text: str, says: str) -> None:
    def make(folder: Path) -> list[str]:
        listed(folder, text)
        return MANIFEST

    make.__module__ = __name__
    bad_input(f"ratings: {name}", says=says)(make)


def _experiment(name: str, says: str, experiment: str) -> None:
    def make(folder: Path) -> list[str]:
        rated_project(folder, x=experiment)
        return ["graph"]

    make.__module__ = __name__
    bad_input(f"targets: {name}", says=says, code=2)(make)


for case, (text, says) in TABLES.items():
    _table(case, text, says)
_experiment("misspelt", "(did you mean 'arousal'?)", POOLED.replace("arousal", "arousel"))
_experiment(
    "that no recording has", "'dominance' is no dimension of corpus mine", POOLED.replace("arousal", "dominance")
)
