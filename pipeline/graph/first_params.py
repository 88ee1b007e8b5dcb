"""A first params.yaml for corpora as they were found: a protocol they can serve, and an experiment to begin with."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.config.flow_yaml import flow
from pipeline.corpora.recognition import Recognition
from pipeline.storage.source import counted

FEW_SPEAKERS = 12
"""up to so many speakers each is left out in turn; more are dealt into folds"""
FOLDS = 6

FOUR_CLASSES = ["angry", {"happy": ["happy", "excited"]}, "neutral", "sad"]
"""the class set that IEMOCAP's papers have"""

HEAD = """\
# What the pipeline does. `ser graph` checks this file and writes dvc.yaml; `dvc repro` runs what a change affects.

seed: 0 # of splits and training
"""

FEATURES = """\
# `ser features` lists the extractors, their params and the papers' presets.
features:
  logmel_224: {extractor: logmel, preset: caf_logmel}
  mfcc_39: {extractor: mfcc, preset: hump_cat_mfcc}
  prosody: {extractor: prosody}
  # egemaps: {extractor: opensmile} # an extra, for non-commercial use; its role is opensmile
"""

DEMO = """\
# Synthetic speech (eSpeak NG), so that everything runs without data. For plumbing only.
demo:
  demo_en: {language: en, voices: 8, sentences: 4}
"""


@dataclass(frozen=True)
class Corpus:
    """A corpus as it was found.

    Attributes:
        name: its name in params.yaml.
        root: its folder.
        recognition: what is in it.
    """

    name: str
    root: Path
    recognition: Recognition


@dataclass(frozen=True)
class Protocol:
    """A protocol as params.yaml has it, and why."""

    name: str
    params: Mapping[str, object]
    reason: str


@dataclass(frozen=True)
class Model:
    """A self-supervised model, and the layers of it that are kept."""

    name: str
    source: str
    layers: list[int]


def protocol_for(found: Recognition) -> Protocol:
    """The protocol that says most of new speakers, of those that a corpus can serve."""
    count = len(found.speakers)
    if count < 3 or found.anonymous or _mostly_lone(found):
        reason = _why_no_speakers(found)
        if {"train", "test"} <= {*found.parts}:
            missing = {"missing": "leave_out"} if "" in found.parts else {}
            return Protocol(
                "own_parts",
                {"scheme": "predefined", **missing},
                f"the corpus's own training and test parts, as {reason}",
            )
        return Protocol(
            "random",
            {"scheme": "stratified_split", "validation": 0, "test": _tested(found)},
            f"random split, as {reason}: scores are too high for new speakers",
        )
    if count <= FEW_SPEAKERS:
        return Protocol(
            "speakers",
            {"scheme": "leave_one_speaker_out", "validation_speakers": 0},
            f"each of {count} speakers is tested by a model that never heard them",
        )
    return Protocol(
        "speaker_folds",
        {"scheme": "grouped_kfold", "folds": FOLDS, "validation_speakers": 0},
        f"{count} speakers in {FOLDS} folds, each tested by a model that never heard them",
    )


def protocols_for(
    corpora: Iterable[Corpus], present: Mapping[str, Mapping[str, object]] | None = None
) -> dict[str, Protocol]:
    """Corpus -> its protocol, by `protocol_for`; named by the corpus too where one of that name has other params.

    Args:
        corpora: the corpora.
        present: name -> params of the protocols that a params.yaml has already.
    """
    protocols: dict[str, Protocol] = {}
    taken = dict(present or {})
    for corpus in corpora:
        own = protocol_for(corpus.recognition)
        same = taken.setdefault(own.name, own.params) == own.params
        protocols[corpus.name] = own if same else replace(own, name=f"{own.name}_{corpus.name}")
    return protocols


def _tested(found: Recognition) -> float:
    """The share of recordings that a random split tests: a fifth, or as many as there are emotions."""
    counts = [count for count in found.emotions.values() if count > 1] or [*found.emotions.values()]
    recordings, emotions = sum(counts), len(counts)
    return max(0.2, math.ceil(100 * emotions / recordings) / 100) if 0 < 2 * emotions <= recordings else 0.2


def _why_no_speakers(found: Recognition) -> str:
    if not found.speakers:
        return "nobody knows who speaks"
    if found.anonymous:
        return f"nobody knows who speaks in {found.anonymous} of {found.recordings} recordings"
    if len(found.speakers) > 2:
        return f"{len(found.lone)} of {len(found.emotions)} emotions are of one speaker each"
    return f"{len(found.speakers)} speakers are too few to hold out"


def _mostly_lone(found: Recognition) -> bool:
    """Whether holding out speakers would leave one emotion at most, of several."""
    return len(found.emotions) > 1 and len(found.emotions) - len(found.lone) < 2


def untested(found: Recognition) -> dict[str, str]:
    """Emotion -> why it cannot be told from others under the protocol of `protocol_for`, and is left out.

    A protocol tests no emotion that a fold has not trained on. None where no two emotions would be left.
    """
    name = protocol_for(found).name
    if name == "own_parts":
        why = dict.fromkeys(found.untrained, "the corpus's own training part has none of it")
    elif name == "random":
        why = {emotion: "of one recording there is none to train on" for emotion, n in found.emotions.items() if n == 1}
    else:
        why = {
            emotion: f"all are of speaker {speaker!r}, without whom there is none to train on"
            for emotion, speaker in found.lone.items()
        }
    return why if len(found.emotions) - len(why) > 1 else {}


def emotions_of(found: Recognition) -> Mapping[str, object]:
    """The class set of an experiment, where that is not all that the corpus has."""
    if found.reader == "iemocap":
        return {"emotions": FOUR_CLASSES}
    out = untested(found)
    return {"emotions": [emotion for emotion in found.emotions if emotion not in out]} if out else {}


def first_params(corpora: list[Corpus], model: Model | None = None) -> str:
    """The text of params.yaml: `pooled` on each corpus, also on the model's hidden states if there is one.

    Without corpora, on a synthetic one.
    """
    parts = [HEAD, *([] if corpora else [DEMO]), _corpora(corpora), FEATURES, *([_embeddings(model)] if model else [])]
    return "\n".join([*parts, _protocols(corpora), _experiments(corpora, model)])


def _corpora(corpora: list[Corpus]) -> str:
    lines = ["corpora:"]
    for corpus in corpora:
        reader, *others = corpus.recognition.params.items()
        entry = dict([reader, ("root", corpus.root.as_posix()), *others])
        lines.append(f"  {flow(corpus.name)}: {flow_mapping(entry)}")
    return "\n".join([*lines, *([] if corpora else ["  demo_en: {reader: demo, root: data/raw/demo_en}"]), ""])


def _embeddings(model: Model) -> str:
    entry = {"model": model.source, "layers": model.layers, "pool": "mean_std"}
    return f"embeddings:\n  {flow(model.name)}: {flow_mapping(entry)}\n"


def _protocols(corpora: list[Corpus]) -> str:
    protocols = {protocol.name: protocol for protocol in protocols_for(corpora).values()}
    lines = ["# validation_speakers: 1 holds one more speaker out, for systems that stop training early.", "protocols:"]
    lines += [f"  {name}: {flow_mapping(dict(protocol.params))}" for name, protocol in protocols.items()]
    if not corpora:
        lines.append("  speakers: {scheme: leave_one_speaker_out, validation_speakers: 0}")
    return "\n".join([*lines, ""])


def _experiments(corpora: list[Corpus], model: Model | None) -> str:
    lines = ["# README.md lists the systems; `ser preset list` the papers' tables.", "experiments:"]
    if not corpora:
        lines += _experiment("demo_en", "speakers", {}, model)
    protocols = protocols_for(corpora)
    for corpus in corpora:
        lines += [f"  # {line}" for line in without_lines(corpus.recognition)]
        lines += _experiment(corpus.name, protocols[corpus.name].name, _asked(corpus.recognition), model)
    return "\n".join([*lines, ""])


def _asked(found: Recognition) -> Mapping[str, object]:
    """What an experiment is to predict: numbers where there are no emotions."""
    return {"targets": found.targets} if found.targets else emotions_of(found)


def without_lines(found: Recognition) -> list[str]:
    """What of a corpus its experiments do without, and why, a line each."""
    out = {} if found.reader == "iemocap" else untested(found)
    return [f"without {name} ({counted(found.emotions[name], 'recording')}): {why}" for name, why in out.items()]


def _experiment(corpus: str, protocol: str, asked: Mapping[str, object], model: Model | None) -> list[str]:
    common = {"system": "pooled", "corpus": corpus, "protocol": protocol, **asked}
    inputs = {f"pooled_{corpus}": {"logmel": "logmel_224", "mfcc": "mfcc_39", "prosody": "prosody"}}
    if model:
        inputs[f"{model.name}_{corpus}"] = {"ssl": model.name}
    lines = []
    for name, features in inputs.items():
        entry = {**common, **features, **({} if "targets" in asked else {"params": {"c": 0.01}})}
        lines += [f"  {flow(name)}:", *(f"    {key}: {flow_value(value)}" for key, value in entry.items())]
    return lines


def flow_value(value: object) -> str:
    """A value on one line."""
    return flow_mapping(value) if isinstance(value, Mapping) else flow(value)


def flow_mapping(entry: Mapping[str, object]) -> str:
    """A mapping on one line."""
    return "{" + ", ".join(f"{flow(key)}: {flow_value(value)}" for key, value in entry.items()) + "}"
