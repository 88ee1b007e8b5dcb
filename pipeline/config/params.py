"""params.yaml as typed, validated objects. A mistake is an error that names the key, the value and what was meant."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from pipeline.audio.conditions import ConditionParams
from pipeline.audio.copies import CopiesParams
from pipeline.config.experiments import ClassSet, ExperimentParams
from pipeline.config.fusions import FusionParams
from pipeline.config.protocols import ProtocolParams
from pipeline.config.report import ReportParams
from pipeline.config.scoring import ScoringParams
from pipeline.config.transfers import TransferParams
from pipeline.corpora.base import CorpusParams
from pipeline.corpora.synthesis.speech import DemoParams
from pipeline.errors import ParamsError, nearest
from pipeline.features.base import Extractor, FeatureParams
from pipeline.strict import Strict

FILE = Path("params.yaml")

Feature = tuple[type[Extractor[Any]], FeatureParams]
"""an extractor's class, and its validated params"""


class StorageParams(Strict):
    """How feature files are stored."""

    compression: Literal["gzip", "lzf"] | None = Field(
        None, description="HDF5 filter of the streams: smaller, but read as a whole and not through a memory map"
    )


def _root_is_given(values: Any) -> Any:
    """Refuse an empty root, which would become the working folder."""
    root = values.get("root") if isinstance(values, Mapping) else None
    if isinstance(root, str) and not root.strip():
        problem = PydanticCustomError("empty", "should be the corpus folder, as /path/to/recordings")
        details = InitErrorDetails(type=problem, loc=("root",), input=root)
        raise ValidationError.from_exception_data("CorpusParams", [details])
    return values


class Params(Strict):
    """The whole of params.yaml; every section may be left out."""

    seed: int = Field(0, ge=0, le=2**32 - 1, description="of synthetic speech, copies, splits, weights and training")
    arithmetic: Literal["native", "portable"] = Field(
        "native", description="of the processor's own, or the same on all x86-64 processors with AVX2, which is slower"
    )
    demo: dict[str, DemoParams] = {}
    corpora: dict[str, Annotated[CorpusParams, BeforeValidator(_root_is_given)]] = {}
    copies: dict[str, CopiesParams] = {}
    conditions: dict[str, ConditionParams] = {}
    storage: StorageParams = StorageParams()
    features: dict[str, dict[str, Any]] = {}
    embeddings: dict[str, dict[str, Any]] = {}
    protocols: dict[str, ProtocolParams] = {}
    class_sets: dict[str, ClassSet] = {}
    experiments: dict[str, ExperimentParams] = {}
    transfers: dict[str, TransferParams] = {}
    fusions: dict[str, FusionParams] = {}
    keep: dict[str, list[str]] = Field({}, description="corpus or copies -> features wanted though no experiment reads")
    scoring: ScoringParams = ScoringParams()
    report: ReportParams = ReportParams()

    _features: dict[str, Feature] = PrivateAttr(default_factory=dict)

    @property
    def classified(self) -> dict[str, ExperimentParams]:
        """The experiments that tell classes apart."""
        return {name: experiment for name, experiment in self.experiments.items() if not experiment.targets}

    @property
    def regressed(self) -> dict[str, ExperimentParams | TransferParams]:
        """What predicts numbers and is scored, by name, in the order of tables: experiments, and transfers of them."""
        experiments = {name: experiment for name, experiment in self.experiments.items() if experiment.targets}
        moved = {name: each for name, each in self.transfers.items() if each.source in experiments}
        return {**experiments, **moved}

    @property
    def scored(self) -> dict[str, ExperimentParams | TransferParams | FusionParams]:
        """What tells classes apart and is scored, by name, in the order of tables: experiments, transfers, fusions."""
        numbers = self.regressed
        moved = {name: each for name, each in self.transfers.items() if name not in numbers}
        return {**self.classified, **moved, **self.fusions}

    @property
    def corpora_tested(self) -> list[tuple[str, ExperimentParams]]:
        """Each corpus that is tested on, with the experiment whose features of it are read; transfers' come last."""
        own = [(corpus, each) for each in self.experiments.values() for corpus in each.corpora]
        sources = [(each.corpus, self.experiments.get(each.source)) for each in self.transfers.values()]
        return [*own, *((corpus, source) for corpus, source in sources if source is not None)]

    def entry(self, section: str, name: str) -> Any:
        """The entry `name` of a section.

        Raises:
            ParamsError: the section has none of that name.
        """
        table = getattr(self, section)
        if name not in table:
            raise ParamsError(
                f"{section} has no entry {name!r}{nearest(name, table)}; known: {', '.join(table) or 'none'}"
            )
        return table[name]

    def feature(self, name: str) -> Feature:
        """The extractor class and validated params of one entry of `features` or `embeddings`.

        Raises:
            ParamsError: there is no entry of that name.
        """
        if name not in self._features:
            known = ", ".join(self._features) or "none"
            raise ParamsError(f"no feature or embedding {name!r}{nearest(name, self._features)}; known: {known}")
        return self._features[name]
