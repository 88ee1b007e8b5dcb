"""What can be fetched: one YAML file in `entries/` for each corpus.

Adding a file adds a corpus; nothing else lists it.
"""

from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from pydantic import Field, model_validator

from pipeline.config.strict_yaml import parse
from pipeline.corpora import READERS, find_reader
from pipeline.errors import ParamsError, nearest
from pipeline.strict import Strict, validate


class Archive(Strict):
    """The one file that a corpus is downloaded as, a zip or a tar."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="what it is called here")
    address: str = Field(pattern="^https?://", description="where its host has it")
    size: int | None = Field(None, gt=0, description="bytes, where its host gives them")
    md5: str = Field("", pattern="^([0-9a-f]{32})?$", description="as its host publishes it")
    sha256: str = Field("", pattern="^([0-9a-f]{64})?$", description="as its host publishes it")
    largest: int = Field(2 * 10**10, gt=0, description="bytes that are taken at most, where its size is not known")

    @property
    def published(self) -> dict[str, str]:
        """Algorithm -> digest, of those that its host publishes."""
        return {name: digest for name in ("md5", "sha256") if (digest := getattr(self, name))}


class Download(Strict):
    """One corpus: either an archive that anyone may download, or the steps by which people get it."""

    title: str
    reader: str = Field("", description="the corpus reader that knows it, where there is one")
    licence: str = Field(
        description="terms of use, in a few words, where its reader has none; the corpus's own text is what holds"
    )
    terms: str = Field("", description="address of the licence's text")
    source: str = Field(description="the corpus's page")
    cite: str = Field(description="what to cite")
    archive: Archive | None = None
    inner: list[str] = Field([], description="archives in the archive, to unpack where they lie")
    recordings: int | None = Field(None, gt=0, description="how many it has")
    largest_unpacked: int = Field(2 * 10**10, gt=0, description="bytes that are unpacked at most")
    why: str = Field("", description="why it cannot be fetched by a program")
    steps: list[str] = Field([], description="how to get it; FOLDER is where it should be")
    afterwards: list[str] = Field([], description="what to do with it before it can be read")

    @model_validator(mode="before")
    @classmethod
    def _licence_of_the_reader(cls, given: Any) -> Any:
        """One place says on which terms a corpus is: its reader, where it has one."""
        if isinstance(given, dict) and "licence" not in given and given.get("reader") in READERS:
            return {**given, "licence": find_reader(given["reader"]).licence}
        return given

    @model_validator(mode="after")
    def _one_way(self) -> "Download":
        if (self.archive is None) != bool(self.steps and self.why):
            raise ValueError("has either an archive, or steps and why")
        return self


def names() -> list[str]:
    """The names of all corpora, sorted."""
    return sorted(path.name.removesuffix(".yaml") for path in _entries().iterdir() if path.name.endswith(".yaml"))


def load(name: str) -> Download:
    """Read the entry of a corpus.

    Raises:
        ParamsError: there is none of that name; the message lists those there are.
    """
    known = names()
    if name not in known:
        raise ParamsError(f"unknown corpus {name!r}{nearest(name, known)}; known: {', '.join(known)}")
    text = (_entries() / f"{name}.yaml").read_text(encoding="utf-8")
    return validate(Download, parse(text, f"{name}.yaml"), f"{name}.yaml")


def _entries() -> Traversable:
    return files(__package__) / "entries"
