"""What was run on what: each corpus by its report and its manifest, and the terms that its reader knows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from pipeline import paths
from pipeline.config.params import Params
from pipeline.corpora import find_reader
from pipeline.corpora import manifest as manifests
from pipeline.corpora.manifest import Row
from pipeline.report.page.tables import read_json


class Outlier(BaseModel):
    """Recordings that are odd by a rule."""

    rule: str
    count: int
    keys: list[str]


class DuplicateCounts(BaseModel):
    """Recordings that a corpus holds more than once; `groups` has those that are kept."""

    exact: int
    near: int
    groups: list[dict[str, object]] = []


class BadAudio(BaseModel):
    """Recordings that cannot be used: path -> why."""

    count: int
    recordings: dict[str, str]


class LeftOutCounts(BaseModel):
    """What is no part of the corpus."""

    bad_audio: BadAudio | None = None
    copies: int = 0
    unlisted: int = 0
    unread: dict[str, int] = {}


class CorpusReport(BaseModel):
    """What metrics/corpora/NAME.json must have; it may have more."""

    model_config = ConfigDict(allow_inf_nan=False)

    utterances: int
    speakers: int
    seconds: float
    by_emotion: dict[str, int]
    by_speaker: dict[str, int]
    duplicates: DuplicateCounts | None = None
    outliers: dict[str, Outlier] = {}
    left_out: LeftOutCounts = LeftOutCounts()


@dataclass(frozen=True)
class Corpus:
    """A corpus of the page.

    Attributes:
        name: its entry in params.yaml.
        title, licence, source: as its reader says them.
        is_synthetic: whether it is no real speech.
        report: counts.
        rows: its recordings.
    """

    name: str
    title: str
    licence: str
    source: str
    is_synthetic: bool
    report: CorpusReport
    rows: Sequence[Row]

    @property
    def duration(self) -> str:
        """How long all recordings are, as "44 min" or "12.1 h"."""
        minutes = self.report.seconds / 60
        return f"{minutes / 60:.1f} h" if minutes >= 100 else f"{minutes:.0f} min" if minutes >= 1 else "under 1 min"

    @property
    def mean_seconds(self) -> float:
        """Mean duration of a recording (s)."""
        return self.report.seconds / max(1, self.report.utterances)

    @property
    def languages(self) -> str:
        """Its languages, those that are known."""
        return ", ".join(sorted({row.language for row in self.rows} - {""})) or "unknown"

    @property
    def genders(self) -> Mapping[str, int]:
        """Gender -> speakers, of those of whom it is known."""
        genders = {row.speaker: row.gender for row in self.rows if row.gender}
        return dict(sorted(Counter(genders.values()).items()))

    @property
    def twins(self) -> int:
        """How many recordings are another one's, under another name."""
        return sum(bool(row.twin) for row in self.rows)

    @property
    def outliers(self) -> dict[str, Outlier]:
        """Those that there are."""
        return {name: outlier for name, outlier in self.report.outliers.items() if outlier.count}


def corpora(params: Params, names: Sequence[str]) -> list[Corpus]:
    """The corpora of these names.

    Raises:
        UserError: a manifest or a report is missing or damaged.
    """
    return [_corpus(params, name) for name in names if name in params.corpora]


def _corpus(params: Params, name: str) -> Corpus:
    reader_name = params.corpora[name].reader
    reader = find_reader(reader_name)
    report = read_json(paths.corpus_report(name), CorpusReport, f"manifest-{name}")
    rows = manifests.read(paths.manifest(name))
    source = reader.source.rpartition("://")[2]  # a page without a link asks nobody for anything
    return Corpus(name, reader.title, reader.licence, source, reader_name == "demo", report, rows)
