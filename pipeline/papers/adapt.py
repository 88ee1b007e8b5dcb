"""A preset as the entries of one params.yaml: its own corpora, embeddings and protocol may stand in for the paper's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.errors import ParamsError, nearest
from pipeline.papers.preset import Entries, Preset
from pipeline.systems import ROLES

ORDER = ("corpus", "copies", "protocol", *ROLES, "params", "published")
"""of an experiment's keys"""


@dataclass(frozen=True)
class Choices:
    """What to put in the place of the paper's own.

    Attributes:
        corpora: the preset's corpus -> an entry of `corpora`.
        embeddings: the preset's embedding -> an entry of `embeddings`.
        protocol: an entry of `protocols`; "" for the paper's own.
        only: the preset's corpora whose experiments are wanted; none for all.
    """

    corpora: Mapping[str, str] = field(default_factory=dict)
    embeddings: Mapping[str, str] = field(default_factory=dict)
    protocol: str = ""
    only: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """Entries that params.yaml is to have.

    Attributes:
        sections: path of a mapping, such as ("experiments", "caf") -> its entries.
        copied: role -> features that are to be extracted from copies.
        named: path of a mapping -> names that it must have already, being the user's.
        corpora: name in params.yaml -> name in the preset.
    """

    sections: dict[tuple[str, ...], Entries]
    copied: dict[str, list[str]]
    named: dict[tuple[str, ...], list[str]]
    corpora: dict[str, str]


def adapt(preset: Preset, choices: Choices) -> Wanted:
    """The entries of a preset with the choices in their places, and those that nothing refers to left out.

    What is chosen is appended to an experiment's name, so that it can stand beside the paper's own.

    Raises:
        ParamsError: a choice is for a corpus or embedding that the preset has not.
    """
    for option, given, known in (
        ("--corpus", choices.corpora, preset.corpora),
        ("--only", choices.only, preset.corpora),
        ("--embedding", choices.embeddings, preset.embeddings),
    ):
        _check(option, given, known)
    return _Adapted(preset, choices).wanted()


def _check(option: str, given: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for name in given:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise ParamsError(f"{option} {name}: the preset has no {name!r}{nearest(name, known)}; it has: {listed}")


class _Adapted:
    def __init__(self, preset: Preset, choices: Choices) -> None:
        self.preset = preset
        self.choices = choices
        self.sections: dict[tuple[str, ...], Entries] = {}
        self.copied: dict[str, dict[str, None]] = {}
        self.named: dict[tuple[str, ...], list[str]] = {}
        self.corpora: dict[str, str] = {}
        self.renamed: dict[str, str] = {}
        self.branches: dict[str, dict[str, Any]] = {}

    def wanted(self) -> Wanted:
        self.named[("protocols",)] = [self.choices.protocol] if self.choices.protocol else []
        self.named[("embeddings",)] = list(dict.fromkeys(self.choices.embeddings.values()))
        for system, group in self.preset.experiments.items():
            for name, entry in group.items():
                if not self.choices.only or entry["corpus"] in self.choices.only:
                    self.experiment(system, name, entry)
        for name, entry in self.preset.fusions.items():
            if all(branch in self.renamed for branch in entry["of"]):
                self.fusion(name, entry)
        copied = {role: list(names) for role, names in self.copied.items()}
        return Wanted(self.sections, copied, self.named, self.corpora)

    def add(self, path: tuple[str, ...], name: str, entry: dict[str, Any]) -> None:
        self.sections.setdefault(path, {})[name] = entry

    def suffixed(self, name: str, corpus: str, embeddings: Iterable[str], protocol: str) -> str:
        """The name with what was chosen in the place of its corpus, embeddings and protocol at its end."""
        given = [(corpus, self.choices.corpora), *((embedding, self.choices.embeddings) for embedding in embeddings)]
        chosen = [table[own] for own, table in given if table.get(own, own) != own]
        return "_".join([name, *dict.fromkeys([*chosen, *filter(None, [protocol])])])

    def embeddings(self, entry: Mapping[str, Any]) -> list[str]:
        """The preset's embeddings that an experiment takes, or whose model it trains itself."""
        if "ssl" in entry:
            return [entry["ssl"]]
        model = entry.get("params", {}).get("model")
        return [name for name in self.preset.embeddings if model and self.preset.embedding(name)["model"] == model][:1]

    def fusion(self, name: str, entry: dict[str, Any]) -> None:
        branches = [self.branches[branch] for branch in entry["of"]]
        embeddings = [name for branch in branches for name in self.embeddings(branch)]
        self.add(
            ("fusions",),
            self.suffixed(name, branches[0]["corpus"], embeddings, self.choices.protocol),
            {**entry, "of": [self.renamed[branch] for branch in entry["of"]]},
        )

    def experiment(self, system: str, name: str, entry: dict[str, Any]) -> None:
        self.branches[name] = entry
        self.renamed[name] = self.suffixed(name, entry["corpus"], self.embeddings(entry), self.choices.protocol)
        entry = dict(entry)
        corpus = self.choices.corpora.get(entry["corpus"], entry["corpus"])
        self.corpora[corpus] = entry["corpus"]
        entry["protocol"] = self.choices.protocol or self.own("protocols", entry["protocol"])
        entry["copies"] = self.copies(entry, corpus)
        for role in ROLES:
            if role in entry:
                entry[role] = self.feature(role, entry[role])
                if entry["copies"] != corpus:
                    self.copied.setdefault(role, {})[entry[role]] = None
        entry["corpus"] = corpus
        ordered = {key: entry[key] for key in (*ORDER, *entry) if key in entry}
        self.add(("experiments", system), self.renamed[name], ordered)

    def own(self, section: str, name: str) -> str:
        """An entry of the preset's own, which is wanted now."""
        self.add((section,), name, getattr(self.preset, section)[name])
        return name

    def copies(self, entry: Mapping[str, Any], corpus: str) -> str:
        if entry["copies"] == entry["corpus"]:
            return corpus
        name = self.suffixed(entry["copies"], entry["corpus"], [], "")
        self.add(("copies",), name, {"source": corpus, **self.preset.copies[entry["copies"]]})
        return name

    def feature(self, role: str, name: str) -> str:
        if role == "ssl":
            return self.choices.embeddings.get(name) or self.own("embeddings", name)
        kind = next(kind for kind, entries in self.preset.features.items() if name in entries)
        self.add(("features", kind), name, self.preset.features[kind][name])
        return name
