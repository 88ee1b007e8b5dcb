"""What a preset file holds, and how it is found: one YAML file in this folder for each table of a paper.

Adding a file adds a preset; nothing else lists it.
"""

from importlib.resources import files
from typing import Any

from pydantic import Field

from pipeline.config.strict_yaml import parse
from pipeline.errors import ParamsError, nearest
from pipeline.features.presets import resolve
from pipeline.strict import Strict, validate

Entries = dict[str, dict[str, Any]]
"""name -> an entry as params.yaml would have it"""


class Preset(Strict):
    """The experiments of one table of a paper, in the words of params.yaml.

    Experiments name corpora and embeddings by the names the paper's would have here; `Choices` may put others in
    their place. Where a paper takes only some of a corpus's labels, or merges some, its experiments have the class set.
    """

    title: str
    paper: str = Field(description="authors, year, where it appeared, and which table")
    link: str = Field("", description="DOI or address of the paper, where it has one")
    notes: list[str] = Field(
        description="what to know before comparing: what the paper really did, what its figures are"
    )
    differences: list[str] = Field(
        min_length=1, description="what is done here otherwise than in the paper, or is not in it and chosen here"
    )
    corpora: dict[str, str] = Field(min_length=1, description="corpus -> what of it the paper used")
    common: dict[str, Any] = Field({}, description="what rows share, for YAML's anchors")
    features: Entries = {}
    embeddings: Entries = {}
    protocols: Entries = {}
    copies: Entries = Field({}, description="without `source`, which is the corpus of the experiment that names them")
    experiments: Entries
    transfers: Entries = Field({}, description="of experiments to other corpora")
    fusions: Entries = {}

    def embedding(self, name: str) -> dict[str, Any]:
        """The params of one of its embeddings, written out."""
        return resolve("ssl", self.embeddings[name], f"embeddings.{name}")

    @property
    def count(self) -> int:
        """How many experiments, transfers and fusions it has."""
        return len(self.experiments) + len(self.transfers) + len(self.fusions)


def names() -> list[str]:
    """The names of all presets, sorted."""
    file_names = [path.name for path in files(__package__).iterdir()]
    return sorted(name.removesuffix(".yaml") for name in file_names if name.endswith(".yaml"))


def load(name: str) -> Preset:
    """Read a preset.

    Raises:
        ParamsError: there is none of that name; the message lists those there are.
    """
    known = names()
    if name not in known:
        raise ParamsError(f"unknown preset {name!r}{nearest(name, known)}; known: {', '.join(known)}")
    path = files(__package__) / f"{name}.yaml"
    return validate(Preset, parse(path.read_text(encoding="utf-8"), f"{name}.yaml"), f"{name}.yaml")
