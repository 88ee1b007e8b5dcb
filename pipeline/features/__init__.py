"""Feature extractors, by name. A new feature is a module with an `Extractor`, and a line here."""

from importlib import import_module
from typing import Any

from pipeline.errors import ParamsError, nearest
from pipeline.features.base import Extractor

EXTRACTORS = {
    "logmel": ("pipeline.features.logmel", "LogMel"),
    "mfcc": ("pipeline.features.mfcc", "MFCC"),
    "prosody": ("pipeline.features.prosody", "Prosody"),
    "ssl": ("pipeline.features.ssl", "SSL"),
}


def find_extractor(name: str) -> type[Extractor[Any]]:
    """Return the extractor of that name.

    Raises:
        ParamsError: there is none; the message lists those there are.
    """
    if name not in EXTRACTORS:
        raise ParamsError(f"unknown extractor {name!r}{nearest(name, EXTRACTORS)}; known: {', '.join(EXTRACTORS)}")
    module, symbol = EXTRACTORS[name]
    extractor: type[Extractor[Any]] = getattr(import_module(module), symbol)
    return extractor
