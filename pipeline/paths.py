"""Where every stage's outputs lie, relative to the project's folder. dvc.yaml declares the same places."""

from pathlib import Path

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
