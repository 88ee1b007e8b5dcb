"""Corpus readers, by name. A new corpus is a module with `read(root, params)` and `EMOTIONS`, and a line here."""

from importlib import import_module

from pipeline.corpora.base import CorpusParams, Reader
from pipeline.errors import ParamsError, nearest

READERS = {
    "crema_d": "pipeline.corpora.crema_d",
    "demo": "pipeline.corpora.demo",
    "emodb": "pipeline.corpora.emodb",
    "emovo": "pipeline.corpora.emovo",
    "esd": "pipeline.corpora.esd",
    "folder": "pipeline.corpora.folder",
    "iemocap": "pipeline.corpora.iemocap",
    "mesd": "pipeline.corpora.mesd",
    "ravdess": "pipeline.corpora.ravdess",
    "savee": "pipeline.corpora.savee",
    "tess": "pipeline.corpora.tess",
}


def find_reader(name: str) -> tuple[Reader, dict[str, str]]:
    """Return the reader of that name and its table emotion code -> label.

    Raises:
        ParamsError: there is none; the message lists those there are.
    """
    if name not in READERS:
        raise ParamsError(f"unknown reader {name!r}{nearest(name, READERS)}; known: {', '.join(READERS)}")
    module = import_module(READERS[name])
    return module.read, getattr(module, "EMOTIONS", {})


__all__ = ["READERS", "CorpusParams", "find_reader"]
