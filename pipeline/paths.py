"""Where every stage's outputs lie, relative to the project's folder. dvc.yaml declares the same places."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from pipeline.errors import UserError

DATA = Path("data")
METRICS = Path("metrics")
CODE = DATA / "code"
MISTAKES = DATA / "mistakes"
SCORES = METRICS / "scores.json"
PLOTS = METRICS / "plots"
REPORT = DATA / "report.html"

MOST_TEXT = 1 << 28
"""bytes of a table: some hundred for each of a million recordings"""


def manifest(corpus: str) -> Path:
    """The manifest of a corpus."""
    return DATA / "manifests" / f"{corpus}.jsonl"


def fingerprints(corpus: str) -> Path:
    """What the recordings of a corpus's manifest sound like."""
    return DATA / "manifests" / f"{corpus}.fingerprints.safetensors"


def examined(corpus: str) -> Path:
    """What the recordings of a corpus were found to be, so that they need not be decoded again; of no stage."""
    return DATA / "manifests" / f"{corpus}.examined.safetensors"


def raw(demo: str) -> Path:
    """The folder that a demo corpus is synthesised into."""
    return DATA / "raw" / demo


def corpus_report(corpus: str) -> Path:
    """What a corpus holds, in counts."""
    return METRICS / "corpora" / f"{corpus}.json"


def audio_folder(corpus: str) -> Path:
    """The folder with the audio of a corpus, or of copies."""
    return DATA / "audio" / corpus


def audio(corpus: str, rate: str) -> Path:
    """The audio of a corpus, or of copies, at a rate: 16k or 48k."""
    return audio_folder(corpus) / f"{rate}.h5"


def feature_file(corpus: str, name: str, embedding: bool) -> Path:
    """The feature file of an entry of `features`, or of `embeddings`."""
    return DATA / ("embeddings" if embedding else "features") / corpus / f"{name}.h5"


def predictions(experiment: str) -> Path:
    """The folder with the probabilities of an experiment or a fusion."""
    return DATA / "predictions" / experiment


def condition(corpus: str, name: str) -> str:
    """What stands for a corpus under a condition, where a corpus or copies stand: a folder of audio or of features."""
    return f"{corpus}/{name}"


def tested(experiment: str) -> Path:
    """The folder with the probabilities of an experiment's test parts under other conditions."""
    return DATA / "conditions" / experiment


def details(experiment: str) -> Path:
    """The scores of an experiment or a fusion, all of them."""
    return METRICS / "details" / f"{experiment}.json"


def models(experiment: str) -> Path:
    """The folder with an experiment's trained weights."""
    return DATA / "models" / experiment


def check_regular(path: Path) -> None:
    """Refuse a device or a pipe, which may keep a reader waiting for ever.

    Raises:
        UserError: the path is there, and is neither a file nor a folder.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UserError(f"{path}: is no regular file; remove it, or save the audio to a file")


POINTER = b"version https://git-lfs.github.com/spec/"
"""what a Git LFS pointer begins with, which lies in a file's stead until the file is fetched"""


def read_bounded(path: Path) -> bytes:
    """The bytes of a table, a manifest or a transcript.

    Raises:
        UserError: it is no regular file, or longer than any of these.
        OSError: it cannot be read.
    """
    check_regular(path)
    with path.open("rb") as file:
        data = file.read(MOST_TEXT + 1)
    if len(data) > MOST_TEXT:
        raise UserError(f"{path}: has more than {MOST_TEXT >> 20} MiB, which no table of recordings has; mend it")
    return data


def check_fetched(path: Path) -> None:
    """Refuse a Git LFS pointer.

    Raises:
        UserError: the file is one.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        if file.read(len(POINTER)) == POINTER:
            raise UserError(f"{path}: is a Git LFS pointer, and not the file itself; fetch it with `git lfs pull`")


def check_writable(option: str, path: Path, inputs: Iterable[Path] = (), example: str = "") -> None:
    """Refuse a place for a command's output, before the work whose result would be lost; nothing is left there.

    Args:
        option: what the user gave it with, for the error.
        path: the file to be written; its folder need not exist.
        inputs: files that must not be written over.
        example: a file's name, to be suggested where a folder is given.

    Raises:
        UserError: it is a folder, an input or a file of the project, or its folder cannot be made or written.
    """
    with output_errors(option, path):
        if path.is_dir():
            raise UserError(f"{option} {path}: is a folder; name a file{f', as {path / example}' if example else ''}")
        taken = {os.path.realpath(file) for file in inputs}  # resolve() fails for a link to itself
        if os.path.realpath(path) in taken:
            raise UserError(f"{option} {path}: is one of the inputs; give another name")
        if path.exists() and _is_of_project(Path(os.path.realpath(path))):
            raise UserError(f"{option} {path}: is a file of this project; give another name")
        nearest = next(folder for folder in path.absolute().parents if folder.exists())
        with TemporaryFile(dir=nearest):
            pass


def check_apart(option: str, path: Path, model: Path) -> None:
    """Refuse to write over a trained model, or into its folder.

    Args:
        option: what the user gave the path with, for the error.
        path: the file or folder to be written.
        model: a file or folder.

    Raises:
        UserError: it is the model, or in there.
    """
    if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(model)):
        raise UserError(f"{option} {path}: would change the model {model}; give another name")


def _is_of_project(path: Path) -> bool:
    """Whether a file is what a project in the working folder is made of, or what its stages made."""
    here = Path(os.path.realpath("."))
    own = [here / folder for folder in (DATA, METRICS, ".dvc", ".git")]
    stated = [here / name for name in ("params.yaml", "dvc.yaml", "dvc.lock")]
    is_project = any(name.exists() for name in stated)
    return path in stated or (is_project and any(path.is_relative_to(folder) for folder in own))


@contextmanager
def output_errors(option: str, path: Path) -> Iterator[None]:
    """Say what the system refuses as a mistake of the option that names the output.

    Raises:
        UserError: of an OSError in the block.
    """
    try:
        yield
    except OSError as error:
        raise UserError(f"{option} {path}: nothing can be written there ({error.strerror}); give another") from error
