"""A staged, cached and reproducible pipeline for speech emotion recognition research."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.experiments.corpus_data import load_corpus
    from pipeline.serving.loading import load_model
    from pipeline.storage.source import Arrays
    from pipeline.systems.functionals import Functionals
    from pipeline.systems.view import View

__version__ = "0.1.0"

__all__ = ["Arrays", "Functionals", "View", "load_corpus", "load_model"]

_MODULES = {
    "Arrays": "pipeline.storage.source",
    "Functionals": "pipeline.systems.functionals",
    "View": "pipeline.systems.view",
    "load_corpus": "pipeline.experiments.corpus_data",
    "load_model": "pipeline.serving.loading",
}
"""name -> the module it is imported from when it is first asked for, so that `ser` answers at once"""


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
