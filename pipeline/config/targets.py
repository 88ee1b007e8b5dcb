"""Whether experiments with targets have a corpus with such numbers, and a system that predicts them."""

from collections.abc import Iterator

from pipeline.config.experiments import ExperimentParams
from pipeline.config.params import Params
from pipeline.config.transfers import TransferParams
from pipeline.corpora import READERS
from pipeline.corpora.base import CorpusParams
from pipeline.corpora.ratings import target_problem
from pipeline.systems import REGISTRY, find_system, systems
from pipeline.systems.regression import takes_targets, target_systems


def target_problems(params: Params, key: str, experiment: ExperimentParams) -> Iterator[str]:
    """What does not fit, as `key: problem`; nothing of an experiment without targets or votes."""
    if experiment.targets and experiment.system in REGISTRY and not takes_targets(experiment.system):
        yield f"{key}.system: {target_systems(experiment.system)}"
    by_votes = experiment.labels == "votes" and experiment.system in REGISTRY
    if by_votes and not find_system(experiment.system).takes_votes:
        takers = [name for name, entry in systems().items() if entry.takes_votes]
        yield f"{key}.labels: {experiment.system} takes no votes; those that do are {', '.join(takers)}"
    for name in experiment.corpora:
        corpus = params.corpora.get(name)
        for target in experiment.targets if corpus and corpus.reader in READERS else ():
            if corpus and (problem := target_problem(target, known_dimensions(corpus), name)):
                yield f"{key}.targets: {problem}"


def moved_target_problems(
    params: Params, key: str, transfer: TransferParams, source: ExperimentParams
) -> Iterator[str]:
    """The targets of a transfer's source that its corpus lacks; nothing where they are wrong of the source itself."""
    corpus = params.corpora.get(transfer.corpus)
    if corpus is None or corpus.reader not in READERS or any(target_problems(params, key, source)):
        return
    for target in source.targets:
        if problem := target_problem(target, known_dimensions(corpus), transfer.corpus):
            yield f"{key}.corpus: {problem}"


def known_dimensions(corpus: CorpusParams) -> list[str]:
    """The numbers that a corpus's recordings may have; of the folder reader, what its table may."""
    if corpus.reader == "folder" and not corpus.table:
        return []
    return [*READERS[corpus.reader].literals.get("dimensions", ()), *corpus.dimensions]
