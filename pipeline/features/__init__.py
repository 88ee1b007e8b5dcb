"""Feature extractors, by name. A new feature is a module in this folder with an `Extractor`; nothing else lists it."""

from pathlib import Path
from typing import Any

from pipeline.features.base import Extractor
from pipeline.registry import Registry

EXTRACTORS = Registry(Path(__file__).parent, __name__, "Extractor", "extractor")
"""name -> entry"""


def find_extractor(name: str) -> type[Extractor[Any]]:
    """Return the extractor of that name.

    Raises:
        ParamsError: there is none; the message lists those there are.
        UserError: a module of this folder is not Python, or two extractors have one name.
    """
    extractor: type[Extractor[Any]] = EXTRACTORS.find(name).load()
    return extractor
