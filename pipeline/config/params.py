"""params.yaml as typed, validated objects. A mistake is an error that names the key, the value and what was meant."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from pipeline.audio.copies import CopiesParams
from pipeline.config.fusions import FusionParams
from pipeline.config.protocols import ProtocolParams
from pipeline.config.scoring import Published, ScoringParams
from pipeline.config.strict_yaml import parse
from pipeline.corpora import READERS, CorpusParams
from pipeline.corpora.synthesis.speech import DemoParams
from pipeline.errors import ParamsError, nearest
from pipeline.features import EXTRACTORS, find_extractor
from pipeline.features.base import Extractor, FeatureParams
from pipeline.features.presets import resolve
from pipeline.strict import Strict, validate
from pipeline.systems import ROLES, find_system, systems

FILE = Path("params.yaml")


class CopiedParams(Strict):
    """What is extracted from copies, so that experiments can train on them."""

    logmel: list[str] = Field([], description="entries of features.logmel")
    mfcc: list[str] = Field([], description="entries of features.mfcc")
    prosody: list[str] = Field([], description="entries of features.prosody")
    waveform: list[str] = Field([], description="entries of features.waveform")
    ssl: list[str] = Field([], description="entries of embeddings")


class StorageParams(Strict):
    """How feature files are stored."""

    compression: Literal["gzip", "lzf"] | None = Field(
        None, description="HDF5 filter of the streams: smaller, but read as a whole and not through a memory map"
    )


class ExperimentParams(Strict):
    """One system trained and tested on one corpus under one protocol."""

    corpus: str
    protocol: str
    copies: str = Field(description="copies that join the training part (entry of copies); the corpus itself for none")
    logmel: str = ""
    mfcc: str = ""
    prosody: str = ""
    ssl: str = ""
    waveform: str = ""
    params: dict[str, Any] = Field({}, description="the system's own params")
    published: Published = Field({}, description="what the paper reports (%), for the tables")

    def inputs(self) -> dict[str, str]:
        """Role -> name of the feature or embedding that fills it."""
        return {role: getattr(self, role) for role in ROLES if getattr(self, role)}


def _root_is_given(values: Any) -> Any:
    """Refuse an empty root, which would become the working folder."""
    root = values.get("root") if isinstance(values, Mapping) else None
    if isinstance(root, str) and not root.strip():
        problem = PydanticCustomError("empty", "should be the corpus folder, as /path/to/recordings")
        details = InitErrorDetails(type=problem, loc=("root",), input=root)
        raise ValidationError.from_exception_data("CorpusParams", [details])
    return values


class Params(Strict):
    """The whole of params.yaml."""

    seed: int = Field(ge=0, le=2**32 - 1)  # what numpy and scikit-learn take
    demo: dict[str, DemoParams] = {}
    corpora: dict[str, Annotated[CorpusParams, BeforeValidator(_root_is_given)]]
    copies: dict[str, CopiesParams] = {}
    copied: CopiedParams = CopiedParams()
    storage: StorageParams = StorageParams()
    features: dict[str, dict[str, dict[str, Any]]]
    embeddings: dict[str, dict[str, Any]]
    protocols: dict[str, ProtocolParams]
    experiments: dict[str, dict[str, ExperimentParams]]
    fusions: dict[str, FusionParams] = {}
    scoring: ScoringParams = ScoringParams()

    _features: dict[str, tuple[type[Extractor[Any]], FeatureParams]] = PrivateAttr(default_factory=dict)

    @field_validator("demo", "corpora", "copies", "protocols", "fusions")
    @classmethod
    def _plain_names(cls, entries: dict[str, Any]) -> dict[str, Any]:
        for name in entries:
            check_name(name)
        return entries

    @model_validator(mode="after")
    def _references(self) -> "Params":
        _Check(self).all()
        return self

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

    def feature(self, name: str) -> tuple[type[Extractor[Any]], FeatureParams]:
        """The extractor class and validated params of one entry of `features` or `embeddings`.

        Raises:
            ParamsError: there is no entry of that name.
        """
        if name not in self._features:
            known = ", ".join(self._features)
            raise ParamsError(f"no feature or embedding {name!r}{nearest(name, self._features)}; known: {known}")
        return self._features[name]

    def experiment(self, name: str) -> tuple[str, ExperimentParams]:
        """The system's name and the params of one experiment."""
        for system, experiments in self.experiments.items():
            if name in experiments:
                return system, experiments[name]
        known = [name for experiments in self.experiments.values() for name in experiments]
        raise ParamsError(f"unknown experiment {name!r}{nearest(name, known)}; known: {', '.join(known)}")


def check_name(name: str) -> None:
    """Refuse a name that could not be a file name and a DVC stage name at once.

    Raises:
        ValueError: it has other characters than letters, digits, `_` and `-`.
    """
    if not name or not all(c.isascii() and (c.isalnum() or c in "_-") for c in name):
        raise ValueError(f"name {name!r} may hold only letters, digits, '_' and '-'")


class _MistakeError(ParamsError):
    """A mistake at a key inside params.yaml."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"{key}: {problem}")


class _Check:
    """Checks across sections: every name refers to something, every experiment has the inputs its system takes."""

    def __init__(self, params: Params) -> None:
        self.params = params

    def all(self) -> None:
        self.corpora()
        self.extractors()
        self.experiments()
        self.fusions()

    def refer(self, key: str, name: str, table: Mapping[str, Any], section: str) -> None:
        if name not in table:
            known = ", ".join(table) or "none"
            raise _MistakeError(key, f"{name!r} is not in {section}{nearest(name, table)}; known: {known}")

    def corpora(self) -> None:
        params = self.params
        for name, corpus in params.corpora.items():
            self.refer(f"corpora.{name}.reader", corpus.reader, READERS, "the corpus readers")
        for name, copies in params.copies.items():
            if name in params.corpora:
                raise _MistakeError(f"copies.{name}", "is the name of a corpus too; choose another")
            self.refer(f"copies.{name}.source", copies.source, params.corpora, "corpora")
        for role in ROLES:
            for feature in getattr(params.copied, role):
                self.refer(f"copied.{role}", feature, self.table(role), self.section(role))

    def table(self, role: str) -> Mapping[str, Any]:
        return self.params.embeddings if role == "ssl" else self.params.features.get(role, {})

    def section(self, role: str) -> str:
        return "embeddings" if role == "ssl" else f"features.{role}"

    def extractors(self) -> None:
        params = self.params
        for kind in params.features:
            if kind == "ssl":
                raise _MistakeError("features.ssl", "self-supervised models have their own section, embeddings")
            self.refer(f"features.{kind}", kind, EXTRACTORS, "the feature extractors")
        for kind in (*params.features, "ssl"):
            extractor = find_extractor(kind)
            for name, entry in self.table(kind).items():
                key = f"{self.section(kind)}.{name}"
                self.plain(key, name)
                if name in params._features:
                    raise _MistakeError(key, "the name is used twice; features and embeddings share their names")
                params._features[name] = (extractor, validate(extractor.Params, resolve(kind, entry, key), key))

    def plain(self, key: str, name: str) -> None:
        try:
            check_name(name)
        except ValueError as error:
            raise _MistakeError(key, str(error)) from error

    def experiments(self) -> None:
        seen: set[str] = set()
        for system, experiments in self.params.experiments.items():
            self.refer(f"experiments.{system}", system, systems(), "the systems")
            for name, experiment in experiments.items():
                key = f"experiments.{system}.{name}"
                self.plain(key, name)
                if name in seen:
                    raise _MistakeError(key, "the name is used twice; names are shared by all systems and fusions")
                seen.add(name)
                self.experiment(key, system, experiment)

    def experiment(self, key: str, system: str, experiment: ExperimentParams) -> None:
        params = self.params
        self.refer(f"{key}.corpus", experiment.corpus, params.corpora, "corpora")
        self.refer(f"{key}.protocol", experiment.protocol, params.protocols, "protocols")
        entry = find_system(system)
        given = experiment.inputs()
        for role in entry.roles:
            if role not in given:
                raise _MistakeError(f"{key}.{role}", f"is missing; {system} takes {', '.join(entry.roles)}")
        for role, feature in given.items():
            if role not in entry.roles:
                raise _MistakeError(f"{key}.{role}", f"is not taken by {system}; it takes {', '.join(entry.roles)}")
            extractors = entry.extractors(role)
            table = {name: value for extractor in extractors for name, value in self.table(extractor).items()}
            self.refer(f"{key}.{role}", feature, table, " or ".join(self.section(e) for e in extractors))
        self.copies(key, experiment)

    def copies(self, key: str, experiment: ExperimentParams) -> None:
        params = self.params
        if experiment.copies == experiment.corpus:
            return
        self.refer(f"{key}.copies", experiment.copies, params.copies, "copies")
        if params.copies[experiment.copies].source != experiment.corpus:
            raise _MistakeError(f"{key}.copies", f"{experiment.copies!r} are copies of another corpus")
        for role, feature in experiment.inputs().items():
            if feature not in getattr(params.copied, role):
                problem = f"{feature!r} is not extracted from copies; add it to copied.{role}"
                raise _MistakeError(f"{key}.copies", problem)

    def fusions(self) -> None:
        params = self.params
        experiments = {name: e for group in params.experiments.values() for name, e in group.items()}
        for name, fusion in params.fusions.items():
            if name in experiments:
                raise _MistakeError(f"fusions.{name}", "is the name of an experiment too; choose another")
            branches = (("first", fusion.first), ("second", fusion.second))
            for role, branch in branches:
                self.refer(f"fusions.{name}.{role}", branch, experiments, "experiments")
            if fusion.first == fusion.second:
                problem = f"{fusion.second!r} is the first branch too; expected another experiment"
                raise _MistakeError(f"fusions.{name}.second", problem)
            first, second = (experiments[branch] for _, branch in branches)
            if (first.corpus, first.protocol) != (second.corpus, second.protocol):
                raise _MistakeError(f"fusions.{name}", "its branches have not one corpus and one protocol")


def load(path: Path = FILE) -> Params:
    """Read and validate params.yaml.

    Raises:
        ParamsError: the file is missing, is not YAML, or holds a mistake.
    """
    try:
        data = parse(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError as error:
        raise ParamsError(f"{path}: not found; run the command in the project's folder") from error
    except OSError as error:
        if path.is_dir():
            raise ParamsError(f"{path}: is a folder; expected a file, as {path / FILE.name}") from error
        raise ParamsError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise ParamsError(f"{path}: not UTF-8 text; save it as UTF-8") from error
    if not isinstance(data, dict):
        raise ParamsError(f"{path}: must be a mapping of sections")
    try:
        return validate(Params, data)
    except ParamsError as error:
        raise ParamsError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from error
