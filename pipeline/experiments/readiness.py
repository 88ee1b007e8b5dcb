"""Whether the disk has what params.yaml asks for, before anything runs: folders, layers, emotions, speakers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.config.experiments import ExperimentParams
from pipeline.config.params import Params
from pipeline.config.protocols import has_validation, without_validation
from pipeline.config.system_params import impatient, system_params
from pipeline.corpora import READERS, find_reader
from pipeline.corpora.base import CorpusParams
from pipeline.errors import ParamsError, UserError
from pipeline.experiments.feasibility import ListedRow, listed_rows, protocol_problem
from pipeline.experiments.protocols import is_validated
from pipeline.experiments.selection import chosen, selected
from pipeline.features.ssl.loading import known_block_count
from pipeline.graph import dvc_lock
from pipeline.graph.wanted import held_out
from pipeline.systems import find_system, systems


def readiness_problems(params: Params) -> list[str]:
    """What is missing on the disk, as `key: problem`."""
    problems = [*_roots(params)]
    missing = {problem.split(".")[1] for problem in problems}
    problems += _layers(params)
    for name, corpus in params.corpora.items():
        experiments = {key: e for key, e in params.experiments.items() if e.corpus == name}
        if name not in missing and experiments and corpus.reader in READERS and Path(corpus.root).is_dir():
            problems += _corpus(params, name, corpus, experiments)
    return problems


def _roots(params: Params) -> Iterator[str]:
    made = {paths.raw(demo) for demo in params.demo}
    for name, corpus in params.corpora.items():
        if corpus.root in made or Path(corpus.root).is_dir() or _is_listed(name):
            continue
        what = "is no folder" if Path(corpus.root).exists() else "does not exist"
        yield f"corpora.{name}.root: {str(corpus.root)!r} {what}"


def _layers(params: Params) -> Iterator[str]:
    """Layers of embeddings that their models do not have, where these are here."""
    for name in params.embeddings.keys() & params._features.keys():
        embedding: Any = params.feature(name)[1]
        depth = None if embedding.layers == "all" else known_block_count(embedding.model)
        if depth is not None and max(embedding.layers) > depth:
            beyond = next(layer for layer in embedding.layers if layer > depth)
            yield f"embeddings.{name}.layers: {embedding.model!r} has no layer {beyond}, but layers 0 to {depth}"


def _is_listed(corpus: str) -> bool:
    """Whether a corpus was listed before, here or where dvc.lock comes from: its recordings may be elsewhere."""
    lock = dvc_lock.FILE.read_text(encoding="utf-8") if dvc_lock.FILE.is_file() else ""
    return paths.manifest(corpus).is_file() or f"\n  manifest-{corpus}:\n" in lock


def _corpus(params: Params, name: str, corpus: CorpusParams, experiments: dict[str, ExperimentParams]) -> Iterator[str]:
    try:
        rows = listed(name, corpus)
    except UserError as error:
        yield f"corpora.{name}: {error}"
        return
    needed = held_out(params)
    for key, experiment in experiments.items():
        try:
            selected(rows, experiment.only)
        except UserError as error:
            yield f"experiments.{key}.only: {error}"
            continue
        try:
            own, others = chosen(rows, experiment.only, experiment.emotions)
        except UserError as error:
            yield f"experiments.{key}.emotions: {error}"
            continue
        protocol = params.protocols.get(experiment.protocol)
        if protocol and key not in needed and not uses_validation(experiment):
            protocol = without_validation(protocol)
        if protocol and (problem := protocol_problem(own, protocol, params.seed, others)):
            yield f"experiments.{key}.protocol: {problem}"
        elif protocol and has_validation(protocol) and not is_validated(own, protocol, params.seed, others):
            yield from _unvalidated(key, experiment, needed)


def _unvalidated(name: str, experiment: ExperimentParams, needed: set[str]) -> Iterator[str]:
    """What an experiment wants of a validation part that its lists, or the corpus's own parts, do not have."""
    if name in needed:
        yield (
            f"experiments.{name}.protocol: a fusion reads the validation part, and {experiment.protocol!r} has none on "
            f"corpus {experiment.corpus}; give the protocol a share as `validation`, or the fusion another fit_on"
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
    rows = listed_rows(name, reader.read(corpus.root, corpus), {**reader.emotions, **corpus.emotions})
    return [row for row in rows if not corpus.keep or row.emotion in corpus.keep]
