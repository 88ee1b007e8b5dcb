"""Corpus readers, by name. A new corpus is a module in this folder with a `CorpusReader`; nothing else lists it."""

from importlib import import_module
from pathlib import Path

from pipeline.corpora.base import CorpusParams, CorpusReader
from pipeline.errors import ParamsError, nearest
from pipeline.registry import Discovered

READERS = Discovered(Path(__file__).parent, __name__, "CorpusReader")
"""name -> (module, class)"""


def find_reader(name: str) -> CorpusReader:
    """Return the reader of that name.

    Raises:
        ParamsError: there is none; the message lists those there are.
        UserError: a module of this folder is not Python, or two readers have one name.
    """
    if name not in READERS:
        raise ParamsError(f"unknown reader {name!r}{nearest(name, READERS)}; known: {', '.join(READERS)}")
    module, symbol = READERS[name]
    reader: CorpusReader = getattr(import_module(module), symbol)()
    return reader


__all__ = ["READERS", "CorpusParams", "CorpusReader", "find_reader"]
