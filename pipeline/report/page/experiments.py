"""All that there is of one experiment or fusion, part by part; what has no file is no part."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline import paths
from pipeline.config.class_sets import SECTION, class_set_name
from pipeline.config.params import Params
from pipeline.evaluation.mistakes import MISTAKES
from pipeline.report.choices import choices_text
from pipeline.report.page.charts import LayerCurve, Reliability, layer_curve, reliability
from pipeline.report.page.scored import Scored
from pipeline.report.page.tables import Row, read_table
from pipeline.report.pictures.pictures import tested_on
from pipeline.storage.qualified import Place

SMALLEST = 5
"""tests of a group that is called the worst or the best"""

Settings = Mapping[str, Any]
"""params.yaml as plain data"""


@dataclass(frozen=True)
class Matrix:
    """A confusion matrix: classes, and of each actual class how often it was taken for which (count, share)."""

    classes: Sequence[str]
    rows: Sequence[tuple[str, int, Sequence[tuple[int, float]]]]


@dataclass(frozen=True)
class Weights:
    """What each branch's probability counts, by class or for all: (class, the branches' weights), and the largest."""

    branches: Sequence[str]
    rows: Sequence[tuple[str, Sequence[Row | None]]]
    largest: float


@dataclass(frozen=True)
class Grouping:
    """Figures of each speaker, gender, language or text."""

    name: str
    rows: Sequence[Row]

    @property
    def worst(self) -> Row:
        """The first of those with the lowest UA, of those with some tests."""
        return min(self._large(), key=lambda row: row["UA"])

    @property
    def best(self) -> Row:
        """The first of those with the highest UA, of those with some tests."""
        return max(self._large(), key=lambda row: row["UA"])

    def _large(self) -> Sequence[Row]:
        return [row for row in self.rows if (row.get("n") or 0) >= SMALLEST] or self.rows


@dataclass(frozen=True)
class Experiment:
    """The parts of an experiment's section; None, or nothing in it, is a part that is not there."""

    scored: Scored
    about: str
    choices: str
    matrix: Matrix
    curves: str | None
    layers: LayerCurve | None
    calibration: Reliability | None
    groups: Sequence[Grouping]
    weights: Weights | None
    mistakes: Sequence[Row]
    settings: str


def experiment(one: Scored, mistakes: Sequence[Row], settings: Settings) -> Experiment:
    """The section of what was scored.

    Args:
        one: what was scored.
        mistakes: those that are listed.
        settings: params.yaml as plain data.

    Raises:
        UserError: a file of metrics/ is damaged.
    """
    name = one.name
    return Experiment(
        one,
        tested_on(one.predictions),
        choices_text(one.predictions),
        _matrix(one),
        picture(paths.PLOTS / "curves" / f"{name}.svg"),
        layer_curve(_table("layers", name, LAYERS, LAYERS[1:])),
        reliability(_table("calibration", name, ("n", "confidence", "accuracy"), CALIBRATION)),
        _groups(_table("groups", name, ("group", "value", "UA"), ("n", "WA", "UA", "low", "high"))),
        _weights(_table("weights", name, WEIGHTS, ("weight", "std"))),
        mistakes,
        yaml.safe_dump(_settings(name, settings), sort_keys=False, allow_unicode=True, width=100),
    )


LAYERS = ("layer", "UA", "UA_low", "UA_high", "chosen_in_folds")
CALIBRATION = ("n", "confidence", "accuracy", "low", "high")
WEIGHTS = ("class", "branch", "probability_of", "weight", "std")


def _table(folder: str, name: str, columns: Sequence[str], numbers: Sequence[str]) -> list[Row]:
    return read_table(paths.METRICS / folder / f"{name}.csv", columns, numbers)


def mistakes_of(one: Scored, params: Params, texts: Mapping[Place, str]) -> list[Row]:
    """The surest mistakes of an experiment, as many as params allow, with what was spoken where that is known.

    Args:
        one: the experiment, scored.
        params: of the project.
        texts: corpus and key -> what was spoken.

    Raises:
        UserError: the table is damaged.
    """
    rows = read_table(paths.MISTAKES / f"{one.name}.csv", MISTAKES, ("p_predicted", "p_emotion"))
    return [{**row, "text": texts.get(one.place(row["key"]), "")} for row in rows[: params.report.mistakes]]


def picture(path: Path) -> str | None:
    """An SVG file as a `data:` address, which no script in it can leave; None where there is none."""
    if not path.is_file():
        return None
    return f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _matrix(one: Scored) -> Matrix:
    classes, rows = one.predictions.classes, []
    for actual, counts in zip(classes, one.details.confusion, strict=False):
        total = sum(counts)
        rows.append((actual, total, [(count, count / total if total else 0.0) for count in counts]))
    return Matrix(classes, rows)


def _groups(rows: Sequence[Row]) -> list[Grouping]:
    known = [row for row in rows if row["UA"] is not None]
    names = dict.fromkeys(row["group"] for row in known)
    return [Grouping(name, [row for row in known if row["group"] == name]) for name in names]


def _weights(rows: Sequence[Row]) -> Weights | None:
    """Of each class, what each branch's probability of that class itself counts."""
    own = {(row["class"], row["branch"]): row for row in rows if row["class"] == row["probability_of"]}
    if not own:
        return None
    classes, branches = (list(dict.fromkeys(key[i] for key in own)) for i in range(2))
    table = [(name or "all classes", [own.get((name, branch)) for branch in branches]) for name in classes]
    return Weights(branches, table, max(abs(row["weight"] or 0) for row in own.values()) or 1)


PLACES = ("model", "folder", "file")
"""keys of entries that may be paths"""


def _settings(name: str, settings: Settings) -> dict[str, Any]:
    """The entries of params.yaml that an experiment or a fusion is made of."""
    for section in ("fusions", "transfers", "experiments"):
        if name in (settings.get(section) or {}):
            entry = settings[section][name]
            break
    else:
        return {}
    own = {**entry, "params": _without_folder(entry["params"])} if "params" in entry else entry
    shown: dict[str, Any] = {section: {name: own}}
    if section == "transfers":
        source = str(entry.get("source"))
        return shown | _settings(source, {key: table for key, table in settings.items() if key != "transfers"})
    protocols = settings.get("protocols") or {}
    if (protocol := entry.get("protocol")) in protocols:
        shown["protocols"] = {protocol: _without_folder(protocols[protocol])}
    sets = settings.get(SECTION) or {}
    if (named := class_set_name(entry)) in sets:
        shown[SECTION] = {named: sets[named]}
    for section in ("features", "embeddings"):
        table = settings.get(section) or {}
        if used := {value: table[value] for value in entry.values() if isinstance(value, str) and value in table}:
            shown[section] = {feature: _without_folder(values) for feature, values in used.items()}
    return shown


def _without_folder(values: Any) -> Any:
    """An entry, with the own name of what lies elsewhere on the disk: where that is is not for all to see."""
    if not isinstance(values, Mapping):
        return values
    elsewhere = {key for key in PLACES if key in values and Path(str(values[key])).expanduser().is_absolute()}
    return {key: Path(str(value)).name if key in elsewhere else value for key, value in values.items()}
