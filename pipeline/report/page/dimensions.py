"""Experiments with targets, as the page shows them: their figures as one table, and a picture of each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pipeline import paths
from pipeline.config.params import Params
from pipeline.experiments.joint_corpora import corpora_of
from pipeline.experiments.values import Values
from pipeline.report.dimensions import dimensions_table
from pipeline.report.page.experiments import picture
from pipeline.report.page.tables import read_json
from pipeline.report.pictures.scatter import FOLDER


class Spread(BaseModel):
    """Of CCC over folds."""

    model_config = ConfigDict(allow_inf_nan=False)

    mean_over_folds: float
    std_over_folds: float | None = None


class TargetFigures(Spread):
    """Figures of a target."""

    CCC: float
    interval: tuple[float, float]
    Pearson: float
    MSE: float


class MeanFigures(BaseModel):
    """The mean over targets."""

    CCC: float
    Pearson: float


class MeanInterval(BaseModel):
    """The ends of its interval."""

    CCC: tuple[float, float]


class ValueDetails(Spread):
    """What metrics/details/NAME.json of an experiment with targets must have; it may have more."""

    scores: MeanFigures
    interval: MeanInterval
    targets: dict[str, TargetFigures] = Field(min_length=1)
    utterances: int
    folds: int = Field(ge=1)
    without_targets: int = 0


@dataclass(frozen=True)
class Dimensions:
    """What the page has of experiments with targets.

    Attributes:
        titles, rows: of the table.
        pictures: experiment -> its picture, as an address of data.
        corpora: whose recordings were tested.
        names: of the experiments.
    """

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    pictures: Mapping[str, str]
    corpora: Sequence[str]
    names: Sequence[str]


def dimensions(params: Params) -> Dimensions | None:
    """All that metrics/details/ has of experiments with targets; None where it has nothing.

    Raises:
        UserError: a file is damaged, or predictions of what was scored are missing.
    """
    names = [name for name in params.regressed if paths.details(name).exists()]
    if not names:
        return None
    details: dict[str, Any] = {
        name: read_json(paths.details(name), ValueDetails, "evaluate").model_dump(exclude_unset=True) for name in names
    }
    cards = {name: Values.read(paths.predictions(name)).card for name in names}
    synthetic = {name for name, corpus in params.corpora.items() if corpus.reader == "demo"}
    titles, rows = dimensions_table(details, cards, synthetic, params.scoring.confidence)
    found = {name: picture(paths.PLOTS / FOLDER / f"{name}.svg") for name in names}
    pictures = {name: address for name, address in found.items() if address}
    return Dimensions(titles, rows, pictures, [corpus for card in cards.values() for corpus in corpora_of(card)], names)
