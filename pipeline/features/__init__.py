"""Feature extractors, by name. A new feature is a module in this folder with an `Extractor`; nothing else lists it."""

from importlib import import_module
from pathlib import Path
from typing import Any

from pipeline.errors import ParamsError, nearest
from pipeline.features.base import Extractor
from pipeline.registry import Discovered

EXTRACTORS = Discovered(Path(__file__).parent, __name__, "Extractor")
"""name -> (module, class)"""


def find_extractor(name: str) -> type[Extractor[Any]]:
    """Return the extractor of that name.

    Raises:
        ParamsError: there is none; the message lists those there are.
        UserError: a module of this folder is not Python, or two extractors have one name.
    """
    if name not in EXTRACTORS:
        raise ParamsError(f"unknown extractor {name!r}{nearest(name, EXTRACTORS)}; known: {', '.join(EXTRACTORS)}")
    module, symbol = EXTRACTORS[name]
    extractor: type[Extractor[Any]] = getattr(import_module(module), symbol)
    return extractor
