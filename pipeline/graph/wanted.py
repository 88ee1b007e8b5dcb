"""What experiments, fusions and `keep` ask for: corpora, copies, their features, and the audio those are made from."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import product

from pipeline import paths
from pipeline.audio.samples import RATES
from pipeline.config.experiments import ExperimentParams
from pipeline.config.params import Params
from pipeline.config.protocols import LeaveOneCorpusOut

COPIED_RATE = "48k"
"""of the audio that copies, and recordings under a condition, are made from"""


@dataclass
class Wanted:
    """Names in the order in which params.yaml asks for them.

    Attributes:
        corpora: corpora whose recordings are listed.
        copies: copies that are made.
        conditions: a corpus under a condition, see `paths.condition` -> the two.
        features: corpus, copies or corpus under a condition -> its features, each once.
        rates: corpus, copies or corpus under a condition -> the names of the rates its audio is needed at.
    """

    corpora: dict[str, None] = field(default_factory=dict)
    copies: dict[str, None] = field(default_factory=dict)
    conditions: dict[str, tuple[str, str]] = field(default_factory=dict)
    features: dict[str, dict[str, None]] = field(default_factory=dict)
    rates: dict[str, set[str]] = field(default_factory=dict)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """Each (corpus or copies, feature)."""
        yield from ((corpus, feature) for corpus, features in self.features.items() for feature in features)


def wanted(params: Params) -> Wanted:
    """Work out what is needed, and nothing else."""
    needs = Wanted()
    for experiment in params.experiments.values():
        for corpus in _sources(experiment):
            _want(needs, params, corpus, list(experiment.inputs.values()))
        for corpus, condition in product(experiment.corpora, experiment.test_on):
            altered = paths.condition(corpus, condition)
            needs.conditions[altered] = corpus, condition
            _want_features(needs, params, altered, list(experiment.inputs.values()))
    for transfer in params.transfers.values():
        _want(needs, params, transfer.corpus, list(params.experiments[transfer.source].inputs.values()))
    for corpus, features in params.keep.items():
        _want(needs, params, corpus, features)
    copied = (params.copies[name].source for name in needs.copies)
    for corpus in (*copied, *(corpus for corpus, _ in needs.conditions.values())):
        needs.rates.setdefault(corpus, set()).add(COPIED_RATE)
    return needs


def conditions_of(params: Params, name: str) -> list[str]:
    """The conditions that an experiment is tested under; of a fusion, those that all its branches are."""
    if name in params.transfers:
        return []
    if name in params.experiments:
        return params.experiments[name].test_on
    first, *others = (conditions_of(params, branch) for branch in params.fusions[name].of)
    return [condition for condition in first if all(condition in other for other in others)]


def tested(params: Params) -> list[str]:
    """The experiments and fusions that are tested under conditions."""
    return [name for name in params.scored if conditions_of(params, name)]


def skipping(params: Params) -> list[str]:
    """The corpora of experiments and transfers that leave out recordings which cannot be used."""
    corpora = dict.fromkeys(corpus for corpus, _ in params.corpora_tested)
    return [corpus for corpus in corpora if params.corpora[corpus].on_bad_audio == "skip"]


def has_matrix(params: Params, among: Collection[str]) -> bool:
    """Whether models of some experiments are tested on corpora that they were not trained on: by transfers, or where
    one is left out."""
    protocols = {experiment.protocol for name, experiment in params.experiments.items() if name in among}
    left_out = any(isinstance(params.protocols[name], LeaveOneCorpusOut) for name in protocols)
    return left_out or any(transfer.source in among for transfer in params.transfers.values())


def held_out(params: Params) -> set[str]:
    """The experiments whose validation parts a fusion reads, directly or through other fusions."""
    ahead = [branch for fusion in params.fusions.values() if fusion.reads_validation for branch in fusion.of]
    seen: set[str] = set()
    while ahead:
        branch = ahead.pop()
        if branch not in seen:
            seen.add(branch)
            ahead += params.fusions[branch].of if branch in params.fusions else []
    return seen & params.experiments.keys()


def _sources(experiment: ExperimentParams) -> list[str]:
    return [*experiment.corpora, *experiment.copy_sets]


def _want(needs: Wanted, params: Params, corpus: str, features: list[str]) -> None:
    if corpus in params.copies:
        needs.copies[corpus] = None
        needs.corpora[params.copies[corpus].source] = None
    else:
        needs.corpora[corpus] = None
    _want_features(needs, params, corpus, features)


def _want_features(needs: Wanted, params: Params, corpus: str, features: list[str]) -> None:
    rate_names = {rate: name for name, rate in RATES.items()}
    for feature in features:
        needs.features.setdefault(corpus, {})[feature] = None
        rate = rate_names[params.feature(feature)[1].sample_rate]
        needs.rates.setdefault(corpus, set()).add(rate)
