"""Every source corpus by every target: what a system trained on one gives on another, and within each on the diagonal.

A matrix is of one system with its inputs, params and classes, and of one way to bring it to the target: zero-shot,
tuned on a share, or fitted again, with params of its own. Its diagonal is of experiments within a corpus, its other
cells of transfers; an experiment that leaves one corpus out at a time gives a row of its own, whose source is all the
others.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.evaluation.cost import is_fusion
from pipeline.evaluation.transfer_setting import (
    ZERO_SHOT,
    origin_of,
    recipe_of,
    setting_key,
    setting_of,
    titles_of,
    told_apart,
)
from pipeline.experiments.joint_corpora import corpora_of
from pipeline.experiments.predictions import Predictions, write_csv
from pipeline.storage.identity import canonical_json
from pipeline.storage.qualified import place_of

OTHERS = "all others"
"""the source where one corpus of several is left out"""

NUMBERS = ("utterances", "UA", "low", "high", "std_over_draws")
COLUMNS = ("system", "setting", "source", "target", "name", *NUMBERS, "transductive")
"""of metrics/transfers.csv; scores from 0 to 1; how many different `utterances` were tested; `transductive` 1 or 0"""


@dataclass(frozen=True)
class Cell:
    """What models trained on a source give on a target.

    Attributes:
        name: the transfer or the experiment.
        ua: UA, from 0 to 1.
        low, high: the ends of its interval over speakers; None where there is none.
        std: its standard deviation over draws; None for one draw.
        utterances: how many different ones were tested, in any fold or draw.
        is_within: whether source and target are one corpus.
        is_transductive: whether unlabelled recordings of the target were used.
    """

    name: str
    ua: float
    low: float | None
    high: float | None
    std: float | None
    utterances: int
    is_within: bool = False
    is_transductive: bool = False


@dataclass(frozen=True)
class Matrix:
    """One system, brought to each target in one way.

    Attributes:
        system: its name, with its inputs and classes.
        setting: how it was brought there, as `zero-shot`.
        cells: source and target -> the cells, several where experiments differ in their protocols only.
    """

    system: str
    setting: str
    cells: dict[tuple[str, str], list[Cell]] = field(default_factory=dict)

    @property
    def sources(self) -> list[str]:
        """In the order in which they came; those left out one at a time last."""
        names = dict.fromkeys(source for source, _ in self.cells)
        return [*(name for name in names if name != OTHERS), *(name for name in names if name == OTHERS)]

    @property
    def targets(self) -> list[str]:
        """In the order of the sources, as far as they are such, so that the diagonal is one."""
        tested = dict.fromkeys(target for _, target in self.cells)
        return [*(name for name in self.sources if name in tested), *(n for n in tested if n not in self.sources)]


def transfer_matrices(predictions: Mapping[str, Predictions], results: Mapping[str, Mapping[str, Any]]) -> list[Matrix]:
    """The matrices of all transfers, in the order in which their sources and settings come.

    Args:
        predictions: of all experiments and transfers.
        results: of each, see `evaluation.score`.
    """
    recipes = {name: recipe_of(one) for name, one in predictions.items() if _is_trained(one)}
    transfers = {name: one for name, one in predictions.items() if origin_of(one)}
    groups: dict[tuple[str, str], list[str]] = {}
    for name, one in transfers.items():
        source = origin_of(one)["source"]
        if source in recipes:
            groups.setdefault((recipes[source], setting_key(one, predictions[source])), []).append(name)
    left_out = {name: recipe for name, recipe in recipes.items() if _leaves_out(predictions[name])}
    for recipe in left_out.values():
        groups.setdefault((recipe, PLAIN), [])
    examples = {recipe: predictions[name] for name, recipe in reversed(recipes.items())}
    titles = titles_of({recipe: examples[recipe] for recipe in dict.fromkeys(recipe for recipe, _ in groups)})
    settings = _settings(groups, predictions)
    matrices = []
    for (recipe, key), names in groups.items():
        alike = [name for name, own in recipes.items() if own == recipe]
        matrix = Matrix(titles[recipe], settings[recipe, key])
        _fill_within(matrix, alike, names, predictions, results)
        for name in names:
            pair = origin_of(predictions[name])["corpus"], predictions[name].card["corpus"]
            matrix.cells.setdefault(pair, []).append(_cell(name, predictions[name], results[name]))
        for name in (name for name in alike if name in left_out and key == PLAIN):
            for corpus, cell in _of_others(name, predictions[name], results[name]):
                matrix.cells.setdefault((OTHERS, corpus), []).append(cell)
        matrices.append(matrix)
    return matrices


PLAIN = canonical_json([ZERO_SHOT, {}])
"""the key of the setting of models that are tested as they are"""


def _settings(
    groups: Mapping[tuple[str, str], Sequence[str]], predictions: Mapping[str, Predictions]
) -> dict[tuple[str, str], str]:
    """Recipe and setting's key -> the setting in words, no two of a recipe alike."""
    settings: dict[tuple[str, str], str] = {}
    for recipe in dict.fromkeys(recipe for recipe, _ in groups):
        own = {key: names[0] for (other, key), names in groups.items() if other == recipe and names}
        texts = {
            key: setting_of(predictions[name], predictions[origin_of(predictions[name])["source"]])
            for key, name in own.items()
        }
        settings |= {(recipe, key): text for key, text in told_apart(texts, own).items()}
    return {group: settings.get(group, ZERO_SHOT) for group in groups}


def _is_trained(one: Predictions) -> bool:
    """Whether it is an experiment, and no fusion and no transfer."""
    return "inputs" in one.card and not origin_of(one) and not is_fusion(one.card)


def _leaves_out(one: Predictions) -> bool:
    return one.card["protocol"]["scheme"] == "leave_one_corpus_out"


def _fill_within(
    matrix: Matrix,
    alike: Sequence[str],
    transfers: Sequence[str],
    predictions: Mapping[str, Predictions],
    results: Mapping[str, Mapping[str, Any]],
) -> None:
    """Add the experiments of a recipe on the corpora of its transfers: the diagonal."""
    corpora = {predictions[name].card["corpus"] for name in transfers}
    corpora |= {origin_of(predictions[name])["corpus"] for name in transfers}
    for name in alike:
        corpus = predictions[name].card["corpus"]
        if corpus in corpora and not _leaves_out(predictions[name]):
            cell = _cell(name, predictions[name], results[name], is_within=True)
            matrix.cells.setdefault((corpus, corpus), []).append(cell)


def _cell(name: str, one: Predictions, result: Mapping[str, Any], is_within: bool = False) -> Cell:
    low, high = result["interval"]["UA"]
    spread = result.get("over_splits")
    return Cell(
        name,
        result["scores"]["UA"],
        low,
        high,
        spread["UA"]["std"] if spread and not is_within else None,
        len(_tested(one)),
        is_within,
        bool(one.card.get("transductive")),
    )


def _of_others(name: str, one: Predictions, result: Mapping[str, Any]) -> Iterator[tuple[str, Cell]]:
    """What an experiment that leaves one corpus out gives on each."""
    table = result["groups"].get("corpus", {})
    for corpus in corpora_of(one.card):
        if corpus in table:
            row, transductive = table[corpus], bool(one.card.get("transductive"))
            count = sum(place_of(key)[0] == corpus for key in _tested(one))
            yield corpus, Cell(name, row["UA"], row.get("low"), row.get("high"), None, count, False, transductive)


def _tested(one: Predictions) -> set[str]:
    return {one.keys[i] for i in one.where("test")}


def write_transfers(matrices: Sequence[Matrix], path: Path) -> None:
    """Write metrics/transfers.csv, where there is a matrix: a row for each cell."""
    if matrices:
        write_csv(path, COLUMNS, (row for matrix in matrices for row in _rows(matrix)))


def _rows(matrix: Matrix) -> Iterator[list[str]]:
    for (source, target), cells in matrix.cells.items():
        for cell in cells:
            figures = (cell.ua, cell.low, cell.high, cell.std)
            shares = ("" if value is None else f"{value:.4f}" for value in figures)
            about = matrix.system, matrix.setting, source, target, cell.name, str(cell.utterances)
            yield [*about, *shares, str(int(cell.is_transductive))]


def matrices_of(rows: Iterable[Mapping[str, Any]]) -> list[Matrix]:
    """The matrices that the rows of metrics/transfers.csv are of, with `NUMBERS` as numbers, or None where empty."""
    matrices: dict[tuple[str, str], Matrix] = {}
    for row in rows:
        own = matrices.setdefault((row["system"], row["setting"]), Matrix(row["system"], row["setting"]))
        pair = row["source"], row["target"]
        ends = row["low"], row["high"], row["std_over_draws"]
        about = int(row["utterances"] or 0), pair[0] == pair[1], row["transductive"] == "1"
        own.cells.setdefault(pair, []).append(Cell(row["name"], row["UA"] or 0.0, *ends, *about))
    return [*matrices.values()]
