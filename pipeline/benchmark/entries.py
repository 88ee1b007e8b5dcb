"""What `ser benchmark` asks of params.yaml: the preset `benchmark` for each corpus, model and kind of folds."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.benchmark.folds import Folds, classes_of
from pipeline.config.strict_yaml import parse
from pipeline.errors import ParamsError
from pipeline.graph.first_params import Corpus
from pipeline.papers.adaptation import Sections
from pipeline.papers.change import edited
from pipeline.papers.preset import Preset, load

PRESET = "benchmark"
MARK = "# A benchmark: `ser benchmark` wrote this file, and adds to it; entries that are there stay as they are."
HEAD = f"{MARK}\n\nseed: 0 # of splits and training\n"


@dataclass(frozen=True)
class Wanted:
    """What is to be measured.

    Attributes:
        corpora: the corpora, as they were found.
        folds: corpus -> what it is measured on.
        models: name -> hub name or folder of a self-supervised model.
    """

    corpora: Sequence[Corpus] = ()
    folds: Mapping[str, Sequence[Folds]] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)


def sections(wanted: Wanted) -> Sections:
    """The entries of params.yaml, by section; none where no corpus is wanted.

    Raises:
        ParamsError: a model has the name of a feature.
    """
    if not wanted.corpora:
        return {}
    preset, merged = load(PRESET), Sections()
    for name in wanted.models:
        if name in preset.features:
            raise ParamsError(f"--model {name}: is the name of a feature that is measured too; give it another")
    for part in _parts(wanted, preset):
        for section, entries in part.items():
            merged.setdefault(section, {}).update(entries)
    return merged


def _parts(wanted: Wanted, preset: Preset) -> Iterator[Sections]:
    """The entries in the order of params.yaml."""
    (states,) = preset.embeddings.values()
    yield {"corpora": {corpus.name: _corpus(corpus) for corpus in wanted.corpora}}
    yield {"features": {name: {**entry} for name, entry in preset.features.items()}}
    if wanted.models:
        yield {"embeddings": {name: {**states, "model": source} for name, source in wanted.models.items()}}
    for corpus in wanted.corpora:
        for folds in wanted.folds[corpus.name]:
            yield {"protocols": folds.entries()}
            yield _measured(preset, corpus, folds, wanted.models)


def _corpus(corpus: Corpus) -> dict[str, Any]:
    reader, *others = corpus.recognition.params.items()
    return dict([reader, ("root", corpus.root.as_posix()), *others])


def _measured(preset: Preset, corpus: Corpus, folds: Folds, models: Mapping[str, str]) -> Sections:
    """The preset's experiments and fusions on a corpus, those on hidden states for each model."""
    experiments, fusions = {}, {}
    for model in models or [""]:
        names = {
            name: "_".join([name, corpus.name, *([model] if "ssl" in entry else []), folds.label])
            for name, entry in preset.experiments.items()
            if _can_be_had(entry, corpus, model)
        }
        for name, new_name in names.items():
            experiments[new_name] = _experiment(preset.experiments[name], corpus, folds, model)
        for name, entry in preset.fusions.items():
            if folds.inner_folds and all(branch in names for branch in entry["of"]):
                new_name = "_".join([name, corpus.name, model, folds.label])
                fusions[new_name] = {**entry, "of": [names[branch] for branch in entry["of"]]}
    return {"experiments": experiments, "fusions": fusions}


def _can_be_had(entry: Mapping[str, Any], corpus: Corpus, model: str) -> bool:
    """Whether there is a model for an experiment, and speakers that it is standardised by."""
    by_speaker = entry.get("params", {}).get("normalisation") == "per_speaker"
    return bool(model or "ssl" not in entry) and bool(corpus.recognition.speakers or not by_speaker)


def _experiment(entry: Mapping[str, Any], corpus: Corpus, folds: Folds, model: str) -> dict[str, Any]:
    inner = entry["protocol"].endswith("_inner")
    order = {"system": entry["system"], "corpus": corpus.name, "protocol": folds.inner if inner else folds.name}
    inputs = {key: value for key, value in entry.items() if key not in order}
    return {**order, **classes_of(corpus), **inputs, **({"ssl": model} if "ssl" in entry else {})}


def present_protocols(text: str | None, path: Path) -> dict[str, dict[str, Any]]:
    """The protocols of a params.yaml, name -> params; none where there is no file."""
    return {**((parse(text, str(path)) or {}).get("protocols") or {})} if text else {}


def with_entries(text: str, wanted: Sections, path: Path) -> str:
    """The text of a params.yaml with what it lacks of these entries.

    Raises:
        ParamsError: it has an entry of the same name with other contents: a line for each.
        UserError: it is written in a way that entries cannot be added to.
    """
    present = parse(text, str(path)) or {}
    problems, lacking = [], Sections()
    for section, entries in wanted.items():
        own = present.get(section) or {}
        problems += [
            f"{path}: {section}.{name} is there already, and is not what is asked for; take another name, or make the "
            "benchmark in another folder"
            for name, entry in entries.items()
            if name in own and own[name] != entry
        ]
        if new := {name: entry for name, entry in entries.items() if name not in own}:
            lacking[section] = new
    if problems:
        raise ParamsError("\n".join(problems))
    return edited(text, lacking, present, "", path) if lacking else text
