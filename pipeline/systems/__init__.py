"""Systems, by name. A new system is a module with its params and classifier, a line here, and a stage in dvc.yaml."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from pipeline.errors import ParamsError, nearest


@dataclass(frozen=True)
class Entry:
    """Where a system is and what it reads."""

    module: str
    symbol: str
    inputs: tuple[str, ...]
    """roles it takes: logmel, mfcc, prosody, ssl"""
    copies: bool = False
    """whether noisy copies may join its training part"""

    def load(self) -> Any:
        """Import the system's classifier class."""
        return getattr(import_module(self.module), self.symbol)


SYSTEMS = {
    "caf": Entry("pipeline.systems.caf", "CAF", ("logmel", "ssl")),
    "pooled": Entry("pipeline.systems.pooled", "Pooled", ("logmel", "mfcc", "prosody")),
    "spectrogram": Entry("pipeline.systems.spectrogram", "SpectrogramBranch", ("logmel",), copies=True),
    "wav2vec": Entry("pipeline.systems.wav2vec", "Wav2vecBranch", ("ssl",), copies=True),
}


def find_system(name: str) -> Entry:
    """Return the entry of that name.

    Raises:
        ParamsError: there is none; the message lists those there are.
    """
    if name not in SYSTEMS:
        raise ParamsError(f"unknown system {name!r}{nearest(name, SYSTEMS)}; known: {', '.join(SYSTEMS)}")
    return SYSTEMS[name]
