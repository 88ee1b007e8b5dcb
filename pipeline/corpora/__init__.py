"""Corpus readers, by name. A new corpus is a module in this folder with a `CorpusReader`; nothing else lists it."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.registry import Registry

if TYPE_CHECKING:
    from pipeline.corpora.base import CorpusReader

READERS = Registry(Path(__file__).parent, __name__, "CorpusReader", "reader", skipped=("synthesis",))
"""name -> entry"""


def find_reader(name: str) -> "CorpusReader":
    """Return the reader of that name.

    Raises:
        ParamsError: there is none; the message lists those there are.
        UserError: a module of this folder is not Python, or two readers have one name.
    """
    reader: CorpusReader = READERS.find(name).load()()
    return reader
