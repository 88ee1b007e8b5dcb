"""Which files of a corpus the report reads beside what was measured: a feature to be pictured, and what it plays."""

from pathlib import Path

from pipeline import paths
from pipeline.config.params import Params
from pipeline.corpora import find_reader

UNPICTURED = ("waveform",)
"""extractors whose rows are no description of an utterance"""


def pictured(params: Params, corpus: str) -> str | None:
    """The entry whose pooled values are pictured: the first embedding that an experiment on the corpus reads, else the
    first feature."""
    read = _read(params, corpus)
    names = [name for name in read if params.feature(name)[0].name not in UNPICTURED]
    return min(names, key=lambda name: name not in params.embeddings, default=None)


def _read(params: Params, corpus: str) -> list[str]:
    """The features of a corpus that experiments and transfers read."""
    return [name for tested, entry in params.corpora_tested if tested == corpus for name in entry.inputs.values()]


def pictured_feature(params: Params, corpus: str) -> Path | None:
    """The feature file of that entry."""
    name = pictured(params, corpus)
    return paths.feature_file(corpus, name, embedding=name in params.embeddings) if name else None


def is_played(params: Params, corpus: str) -> bool:
    """Whether recordings of the corpus may be in the report."""
    audio = params.report.audio
    return audio == "all" or (audio == "shareable" and find_reader(params.corpora[corpus].reader).shareable)


def played_audio(params: Params, corpus: str) -> Path | None:
    """The audio that the report takes recordings from, at a rate that a feature reads; None where it may not."""
    rates = {params.feature(name)[1].sample_rate for name in _read(params, corpus)}
    if not rates or not params.report.clips or not is_played(params, corpus):
        return None
    return paths.audio(corpus, "16k" if 16000 in rates else "48k")
