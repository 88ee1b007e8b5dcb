"""Conditions that no system can be tested under, through `ser graph`."""

from pathlib import Path

from bad_inputs.registry import bad_input
from conftest import PARAMS

TESTED = "logmel: mel, mfcc: cepstra, prosody: melody, test_on: [telephone]}"


def _graph(folder: Path, conditions: str) -> list[str]:
    for emotion in ("angry", "happy", "sad"):
        (folder / "recordings" / emotion).mkdir(parents=True)
        for speaker in ("anna", "ben", "cleo"):
            (folder / "recordings" / emotion / f"{speaker}_1.wav").touch()
    params = PARAMS.replace("logmel: mel, mfcc: cepstra, prosody: melody}", TESTED, 1)
    (folder / "params.yaml").write_text(f"{params}conditions:\n  {conditions}\n", encoding="utf-8")
    return ["graph"]


@bad_input("conditions: a name that is none's", says="'telephone' is not in conditions (did you mean", code=2)
def misspelt(folder: Path) -> list[str]:
    """The entry has another name than the experiment's."""
    return _graph(folder, "telefone: {band: [300, 3400]}")


@bad_input("conditions: a band that is none", says="conditions.telephone: band must be two frequencies", code=2)
def upside_down(folder: Path) -> list[str]:
    """The upper frequency comes first."""
    return _graph(folder, "telephone: {band: [3400, 300]}")


@bad_input("conditions: copies of training as a test", says="'telephone' is not in conditions; known: none", code=2)
def copies_as_condition(folder: Path) -> list[str]:
    """An entry of copies has the name, which is for training parts."""
    _graph(folder, "")
    path = folder / "params.yaml"
    text = path.read_text(encoding="utf-8").replace("conditions:\n", "").replace("loud", "telephone")
    path.write_text(text, encoding="utf-8")
    return ["graph"]
