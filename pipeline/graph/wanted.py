"""What experiments, fusions and `keep` ask for: corpora, copies, their features, and the audio those are made from."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.audio.samples import RATES
from pipeline.config.experiments import ExperimentParams
from pipeline.config.params import Params

COPIED_RATE = "48k"
"""of the audio that copies are made from"""


@dataclass
class Wanted:
    """Names in the order in which params.yaml asks for them.

    Attributes:
        corpora: corpora whose recordings are listed.
        copies: copies that are made.
        features: corpus or copies -> its features, each once.
        rates: corpus or copies -> the names of the rates its audio is needed at.
    """

    corpora: dict[str, None] = field(default_factory=dict)
    copies: dict[str, None] = field(default_factory=dict)
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
    for corpus, features in params.keep.items():
        _want(needs, params, corpus, features)
    for copies in needs.copies:
        needs.rates.setdefault(params.copies[copies].source, set()).add(COPIED_RATE)
    return needs


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
    return [experiment.corpus, *([experiment.copies] if experiment.copies else [])]


def _want(needs: Wanted, params: Params, corpus: str, features: list[str]) -> None:
    if corpus in params.copies:
        needs.copies[corpus] = None
        needs.corpora[params.copies[corpus].source] = None
    else:
        needs.corpora[corpus] = None
    rate_names = {rate: name for name, rate in RATES.items()}
    for feature in features:
        needs.features.setdefault(corpus, {})[feature] = None
        rate = rate_names[params.feature(feature)[1].sample_rate]
        needs.rates.setdefault(corpus, set()).add(rate)
