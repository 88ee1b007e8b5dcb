"""Whether the disk has what params.yaml asks for, before anything runs: folders, layers, emotions, speakers."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.config.experiments import ExperimentParams
from pipeline.config.params import Params
from pipeline.config.protocols import has_validation, without_validation
from pipeline.config.system_params import impatient, system_params
from pipeline.config.targets import target_problems
from pipeline.config.transfers import TransferParams
from pipeline.corpora import READERS, find_reader
from pipeline.corpora.base import CorpusParams
from pipeline.errors import ParamsError, UserError
from pipeline.experiments.draws import draws
from pipeline.experiments.feasibility import (
    ListedRow,
    joint_listings,
    listed_rows,
    protocol_problem,
    too_many_held_out,
)
from pipeline.experiments.protocols import is_validated
from pipeline.experiments.selection import chosen, selected
from pipeline.experiments.target import target_rows
from pipeline.experiments.targets import chosen_with_targets
from pipeline.experiments.votes import votes_problem
from pipeline.features.ssl.loading import known_block_count, known_family
from pipeline.graph import dvc_lock
from pipeline.graph.unhashed import unhashed
from pipeline.graph.wanted import held_out
from pipeline.systems import find_system, systems


def readiness_problems(params: Params) -> list[str]:
    """What is missing on the disk, as `key: problem`."""
    problems = [*_roots(params)]
    missing = {problem.split(".")[1] for problem in problems}
    problems += _unhashed(params)
    problems += [*_layers(params), *_contexts(params)]
    listings: dict[str, list[ListedRow]] = {}
    for name in dict.fromkeys(corpus for corpus, _ in params.corpora_tested):
        corpus = params.corpora.get(name)
        if corpus and name not in missing and corpus.reader in READERS and Path(corpus.root).is_dir():
            try:
                listings[name] = listed(name, corpus)
            except UserError as error:
                problems.append(f"corpora.{name}: {error}")
    for key, experiment in params.experiments.items():
        if {*experiment.corpora} <= {*listings}:
            problems += _experiment(params, key, joint_listings([listings[name] for name in experiment.corpora]))
    for key, transfer in params.transfers.items():
        if transfer.corpus in listings:
            problems += _transfer(params, key, transfer, listings)
    return problems


def _roots(params: Params) -> Iterator[str]:
    made = {paths.raw(demo) for demo in params.demo}
    for name, corpus in params.corpora.items():
        if corpus.root in made or Path(corpus.root).is_dir() or _is_listed(name):
            continue
        what = "is no folder" if Path(corpus.root).exists() else "does not exist"
        yield f"corpora.{name}.root: {str(corpus.root)!r} {what}"


def _unhashed(params: Params) -> Iterator[str]:
    """What DVC cannot read in the folders of corpora."""
    for name, corpus in params.corpora.items():
        if Path(corpus.root).is_dir() and not _is_listed(name) and (problem := unhashed(Path(corpus.root))):
            yield f"corpora.{name}.root: {problem}"


def _layers(params: Params) -> Iterator[str]:
    """Layers of embeddings that their models do not have, where these are here."""
    for name in params.embeddings.keys() & params._features.keys():
        embedding: Any = params.feature(name)[1]
        depth = None if embedding.layers == "all" else known_block_count(embedding.model)
        if depth is not None and max(embedding.layers) > depth:
            beyond = next(layer for layer in embedding.layers if layer > depth)
            yield f"embeddings.{name}.layers: {embedding.model!r} has no layer {beyond}, but layers 0 to {depth}"


def _contexts(params: Params) -> Iterator[str]:
    """Contexts of embeddings that only Whisper has, of other models, where these are here."""
    for name in params.embeddings.keys() & params._features.keys():
        embedding: Any = params.feature(name)[1]
        family = known_family(embedding.model) if embedding.context == "exact" else None
        if family is not None and family != "whisper":
            yield (
                f"embeddings.{name}.context: exact is for Whisper; {embedding.model!r} is a {family!r} model, which "
                "sees the utterance alone, so leave it out"
            )


def _is_listed(corpus: str) -> bool:
    """Whether a corpus was listed before, here or where dvc.lock comes from: its recordings may be elsewhere."""
    lock = dvc_lock.FILE.read_text(encoding="utf-8") if dvc_lock.FILE.is_file() else ""
    return paths.manifest(corpus).is_file() or f"\n  manifest-{corpus}:\n" in lock


def _experiment(params: Params, key: str, rows: list[ListedRow]) -> Iterator[str]:
    """What stands against an experiment on these recordings."""
    experiment, needed = params.experiments[key], held_out(params)
    if any(target_problems(params, key, experiment)):  # which `reference_problems` says
        return
    try:
        selected(rows, experiment.only)
    except UserError as error:
        yield f"experiments.{key}.only: {error}"
        return
    try:
        if experiment.targets:
            own, others = chosen_with_targets(rows, experiment.only, experiment.targets)
        else:
            own, others = chosen(rows, experiment.only, experiment.emotions)
    except UserError as error:
        yield f"experiments.{key}.{'targets' if experiment.targets else 'emotions'}: {error}"
        return
    if experiment.labels == "votes" and (problem := votes_problem(own)):
        yield f"experiments.{key}.labels: {problem}"
    protocol = params.protocols.get(experiment.protocol)
    if protocol and key not in needed and not uses_validation(experiment):
        if problem := too_many_held_out(own, protocol):
            yield f"experiments.{key}.protocol: {problem}"
            return
        protocol = without_validation(protocol)
    if protocol and (problem := protocol_problem(own, protocol, params.seed, others)):
        yield f"experiments.{key}.protocol: {problem}"
    elif protocol and has_validation(protocol) and not is_validated(own, protocol, params.seed, others):
        yield from _unvalidated(key, experiment, needed)


def _transfer(
    params: Params, name: str, transfer: TransferParams, listings: Mapping[str, list[ListedRow]]
) -> Iterator[str]:
    """What a target's recordings cannot give; the source's classes are known where its corpora or class set are."""
    source, rows = params.experiments.get(transfer.source), listings[transfer.corpus]
    if source is None or any(target_problems(params, name, source)):  # which `reference_problems` says
        return
    classes = [] if source.targets else _classes(source, listings)
    if classes is None:
        return
    try:
        selected(rows, transfer.only)
    except UserError as error:
        yield f"transfers.{name}.only: {error}"
        return
    try:
        if source.targets:
            own, _ = chosen_with_targets(rows, transfer.only, source.targets)
        else:
            own, _ = target_rows(rows, transfer.only, source.emotions, classes)
    except UserError as error:
        yield f"transfers.{name}.corpus: {error}"
        return
    if source.labels == "votes" and transfer.share and (problem := votes_problem(own)):
        yield f"transfers.{name}.corpus: {problem}; {transfer.source} is trained on votes; take share: 0"
    try:
        draws(own, transfer, params.seed)
    except UserError as error:
        yield f"transfers.{name}.share: {error}"


def _classes(experiment: ExperimentParams, listings: Mapping[str, list[ListedRow]]) -> list[str] | None:
    """The classes that an experiment tells apart; None where its recordings are not here, or cannot be listed."""
    if experiment.emotions is not None:
        return sorted(experiment.emotions)
    if not {*experiment.corpora} <= {*listings}:
        return None
    try:
        rows = joint_listings([listings[name] for name in experiment.corpora])
        return sorted({row.emotion for row in selected(rows, experiment.only)})
    except UserError:  # which is said of the experiment itself
        return None


def _unvalidated(name: str, experiment: ExperimentParams, needed: set[str]) -> Iterator[str]:
    """What an experiment wants of a validation part that its lists, or the corpus's own parts, do not have."""
    if name in needed:
        yield (
            f"experiments.{name}.protocol: a fusion reads the validation part, and {experiment.protocol!r} has none on "
            f"corpus {' + '.join(experiment.corpora)}; give the protocol a share as `validation`, or the fusion "
            "another fit_on"
        )
    if experiment.system in systems():
        try:
            own = system_params(name, experiment)
        except ParamsError:  # which `system_params_problems` says
            return
        if getattr(own, "stop", True) and (patience := getattr(own, "patience", 0)):
            yield f"experiments.{name}.params: {impatient(patience, experiment.protocol)}"


def uses_validation(experiment: ExperimentParams) -> bool:
    """Whether a validation part is held out for an experiment's system itself; an unknown one is taken to want it."""
    return experiment.system not in systems() or find_system(experiment.system).uses_validation


def listed(name: str, corpus: CorpusParams) -> list[ListedRow]:
    """A corpus's recordings as its reader lists them, sorted by key.

    Raises:
        UserError: the folder does not follow the reader's rules, or an emotion code is not known.
    """
    reader = find_reader(corpus.reader)
    there = (utterance for utterance in reader.read(corpus.root, corpus) if not utterance.absent)
    rows = listed_rows(name, there, {**reader.emotions, **corpus.emotions})
    return [row for row in rows if not corpus.keep or row.emotion in corpus.keep]
