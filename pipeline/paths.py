"""Where every stage's outputs lie, relative to the project's folder. dvc.yaml declares the same places."""

from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryFile

from pipeline.errors import UserError

DATA = Path("data")
METRICS = Path("metrics")


def manifest(corpus: str) -> Path:
    """The manifest of a corpus."""
    return DATA / "manifests" / f"{corpus}.jsonl"


def audio(corpus: str) -> Path:
    """The folder with the audio of a corpus, or of noisy copies, at every rate."""
    return DATA / "audio" / corpus


def features(corpus: str, name: str) -> Path:
    """The feature file of an entry of `features`."""
    return DATA / "features" / corpus / f"{name}.h5"


def embeddings(corpus: str, name: str) -> Path:
    """The feature file of an entry of `embeddings`."""
    return DATA / "embeddings" / corpus / f"{name}.h5"


def predictions(experiment: str) -> Path:
    """The folder with the probabilities of an experiment or a fusion."""
    return DATA / "predictions" / experiment


def models(experiment: str) -> Path:
    """The folder with an experiment's trained weights."""
    return DATA / "models" / experiment


def check_writable(option: str, path: Path, inputs: Iterable[Path] = ()) -> None:
    """Refuse a place for a command's output, before the work whose result would be lost; nothing is left there.

    Args:
        option: what the user gave it with, for the error.
        path: the file to be written; its folder need not exist.
        inputs: files that must not be written over.

    Raises:
        UserError: it is a folder or an input, or its folder cannot be made or written.
    """
    try:
        if path.is_dir():
            raise UserError(f"{option} {path}: is a folder; name a file")
        if path.resolve() in {given.resolve() for given in inputs}:
            raise UserError(f"{option} {path}: is one of the inputs; give another name")
        there = next(folder for folder in path.absolute().parents if folder.exists())
        with TemporaryFile(dir=there):
            pass
    except OSError as error:
        raise UserError(f"{option} {path}: nothing can be written there ({error.strerror}); give another") from error
