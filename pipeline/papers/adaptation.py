"""A preset's entries for one params.yaml: its own corpora, embeddings and protocol may stand in for the paper's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pipeline.config.experiments import ExperimentParams
from pipeline.config.params import Params
from pipeline.errors import ParamsError, nearest
from pipeline.papers.preset import Entries, Preset
from pipeline.systems import ROLES

Sections = dict[str, Entries]
"""section of params.yaml -> entries"""


@dataclass(frozen=True)
class Choices:
    """What to put in the place of the paper's own.

    Attributes:
        corpora: the preset's corpus -> an entry of `corpora`.
        embeddings: the preset's embedding -> an entry of `embeddings`.
        protocol: an entry of `protocols`; "" for the paper's own.
        only: the preset's corpora whose experiments and transfers are wanted; none for all.
    """

    corpora: Mapping[str, str] = field(default_factory=dict)
    embeddings: Mapping[str, str] = field(default_factory=dict)
    protocol: str = ""
    only: tuple[str, ...] = ()

    def check(self, preset: Preset) -> None:
        """Refuse choices for what the preset has not.

        Raises:
            ParamsError: a corpus or an embedding is not the preset's; those it has are listed.
        """
        _check("--corpus", self.corpora, preset.corpora)
        _check("--only", self.only, preset.corpora)
        _check("--embedding", self.embeddings, preset.embeddings)

    def takes(self, corpus: str) -> bool:
        """Whether the experiments on one of the preset's corpora are wanted."""
        return not self.only or corpus in self.only

    def transfers(self, preset: Preset) -> Entries:
        """The transfers to the corpora that are wanted."""
        return {name: entry for name, entry in preset.transfers.items() if self.takes(entry["corpus"])}

    def experiments(self, preset: Preset) -> Entries:
        """The experiments on the corpora that are wanted, and the sources of the transfers that are."""
        sources = {entry["source"] for entry in self.transfers(preset).values()}
        return {n: entry for n, entry in preset.experiments.items() if n in sources or self.takes(entry["corpus"])}

    def needed_corpora(self, preset: Preset) -> list[str]:
        """The preset's corpora that what is wanted is on."""
        wanted = (*self.experiments(preset).values(), *self.transfers(preset).values())
        return [own for own in preset.corpora if own in {entry["corpus"] for entry in wanted}]

    def models(self, preset: Preset, params: Params) -> dict[str, str]:
        """Model of an embedding of the preset -> model of the embedding in its place."""
        return {
            preset.embedding(name)["model"]: params.feature(chosen)[1].model_dump()["model"]
            for name, chosen in self.embeddings.items()
        }


def _check(option: str, names: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            listed = ", ".join(known) or "none"
            raise ParamsError(f"{option} {name}: the preset has no {name!r}{nearest(name, known)}; it has: {listed}")


def adapt(preset: Preset, choices: Choices, models: Mapping[str, str]) -> Sections:
    """The entries of a preset with the choices in their places, and without those that nothing refers to.

    What is chosen is appended to an experiment's name, so that it can stand beside the paper's own.

    Args:
        preset: the preset.
        choices: what stands in for what.
        models: model -> the one in its place, for systems that train a model themselves.
    """
    adaptation = _Adaptation(preset, choices, models)
    for name, entry in choices.experiments(preset).items():
        adaptation.add_experiment(name, entry)
    for name, entry in choices.transfers(preset).items():
        adaptation.add_transfer(name, entry)
    for name, entry in preset.fusions.items():
        if all(branch in adaptation.new_names for branch in entry["of"]):
            adaptation.add_fusion(name, entry)
    return adaptation.sections


class _Adaptation:
    """Entries as they are added, the new names of the preset's, and the experiments that each of these is made of."""

    def __init__(self, preset: Preset, choices: Choices, models: Mapping[str, str]) -> None:
        self.preset = preset
        self.choices = choices
        self.models = models
        self.sections: Sections = {}
        self.new_names: dict[str, str] = {}
        self.leaves: dict[str, list[dict[str, Any]]] = {}

    def add_experiment(self, name: str, entry: dict[str, Any]) -> None:
        self.leaves[name] = [entry]
        adapted = {**entry, "corpus": self.corpus(entry["corpus"]), "protocol": self.protocol(entry["protocol"])}
        if "copies" in entry:
            adapted["copies"] = self.copies(entry["copies"], entry["corpus"])
        if (model := self.model(entry)) in self.models:
            adapted["params"] = {**entry["params"], "model": self.models[model]}
        adapted |= {role: self.feature(role, entry[role]) for role in ROLES if role in entry}
        self.new_names[name] = self.add("experiments", self.new_name(name), _ordered(adapted))

    def add_transfer(self, name: str, entry: dict[str, Any]) -> None:
        self.leaves[name] = [{**leaf, "corpora": [entry["corpus"]]} for leaf in self.leaves[entry["source"]]]
        adapted = {**entry, "source": self.new_names[entry["source"]], "corpus": self.corpus(entry["corpus"])}
        self.new_names[name] = self.add("transfers", self.new_name(name), adapted)

    def add_fusion(self, name: str, entry: dict[str, Any]) -> None:
        self.leaves[name] = [leaf for branch in entry["of"] for leaf in self.leaves[branch]]
        branches = [self.new_names[branch] for branch in entry["of"]]
        self.new_names[name] = self.add("fusions", self.new_name(name), {**entry, "of": branches})

    def add(self, section: str, name: str, entry: dict[str, Any]) -> str:
        self.sections.setdefault(section, {})[name] = entry
        return name

    def add_own(self, section: str, name: str) -> str:
        return self.add(section, name, getattr(self.preset, section)[name])

    def new_name(self, name: str) -> str:
        """The name of an experiment or fusion with what was chosen for it at its end, each once."""
        leaves, choices = self.leaves[name], self.choices
        embeddings = [embedding for leaf in leaves for embedding in self.embeddings(leaf)]
        chosen = [
            *_replacements(choices.corpora, [leaves[0]["corpus"], *leaves[0].get("corpora", [])]),
            *_replacements(choices.embeddings, embeddings),
            *([choices.protocol] if choices.protocol else []),
        ]
        return "_".join([name, *dict.fromkeys(chosen)])

    def embeddings(self, entry: Mapping[str, Any]) -> list[str]:
        """The preset's embedding that an experiment reads, or whose model it trains itself."""
        if "ssl" in entry:
            return [entry["ssl"]]
        model = self.model(entry)
        return [name for name in self.preset.embeddings if self.preset.embedding(name)["model"] == model][:1]

    def model(self, entry: Mapping[str, Any]) -> str:
        """The model that an experiment trains itself; "" for none."""
        return str(entry.get("params", {}).get("model", ""))

    def corpus(self, name: str) -> str:
        return self.choices.corpora.get(name, name)

    def protocol(self, name: str) -> str:
        return self.choices.protocol or self.add_own("protocols", name)

    def copies(self, name: str, corpus: str) -> str:
        new_name = "_".join([name, *_replacements(self.choices.corpora, [corpus])])
        return self.add("copies", new_name, {"source": self.corpus(corpus), **self.preset.copies[name]})

    def feature(self, role: str, name: str) -> str:
        if role == "ssl":
            return self.choices.embeddings.get(name) or self.add_own("embeddings", name)
        return self.add_own("features", name)


def _replacements(choices: Mapping[str, str], names: Iterable[str]) -> list[str]:
    """What was chosen in the place of names, where it is another."""
    return [choices[name] for name in names if choices.get(name, name) != name]


def _ordered(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An experiment's entry in the usual order of keys."""
    return {key: entry[key] for key in (*ExperimentParams.model_fields, *entry) if key in entry}
