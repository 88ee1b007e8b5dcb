"""The page: everything that was measured as one HTML file that loads nothing, the same bytes on every run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.atomic import atomic_path
from pipeline.config.params import Params
from pipeline.config.report import Audio
from pipeline.errors import UserError
from pipeline.evaluation.cost import is_fusion
from pipeline.evaluation.transfer_matrix import COLUMNS as TRANSFER_COLUMNS
from pipeline.evaluation.transfer_matrix import NUMBERS as TRANSFER_NUMBERS
from pipeline.evaluation.transfer_matrix import matrices_of
from pipeline.evaluation.value_matrix import COLUMNS as VALUE_COLUMNS
from pipeline.evaluation.value_matrix import NUMBERS as VALUE_NUMBERS
from pipeline.evaluation.value_matrix import value_matrices_of
from pipeline.graph.report_inputs import is_played
from pipeline.report.cost import TEXT as COST_TEXT
from pipeline.report.cost import TITLES as COST_TITLES
from pipeline.report.cost import cost_table
from pipeline.report.dimensions import TEXT as DIMENSIONS_TEXT
from pipeline.report.marks import NOTES, short_note
from pipeline.report.page.clips import LONGEST, clips
from pipeline.report.page.corpora import corpora
from pipeline.report.page.dimensions import dimensions
from pipeline.report.page.experiments import Settings, experiment, mistakes_of
from pipeline.report.page.headline import headlines
from pipeline.report.page.projection import COLOURS, MOST, SHAPES, projection
from pipeline.report.page.provenance import History, provenance
from pipeline.report.page.scored import Scored, by_group, scored
from pipeline.report.page.tables import Row, read_table
from pipeline.report.summary import OPTIONAL, score_cells
from pipeline.report.votes import TEXT as VOTES_TEXT
from pipeline.report.votes import TITLES as VOTES_TITLES
from pipeline.report.votes import vote_rows
from pipeline.storage.source import counted

COMPARISON_NUMBERS = ("utterances", "p_mcnemar", "UA_difference", "low", "high", "p", "p_holm")
CONDITION_NUMBERS = ("n", "WA", "UA", "low", "high", "difference", "difference_low", "difference_high")

NOTHING = History()
"""what is known in a run, whose outputs depend on nothing but its inputs"""


def write_report(
    path: Path, params: Params, settings: Settings, known: History = NOTHING, audio: Audio | None = None
) -> None:
    """Write the page of the project in the working folder.

    Args:
        path: the file.
        params: what params.yaml asks for.
        settings: params.yaml as plain data.
        known: what is known beside the files.
        audio: whose recordings it plays, in the place of what params say.

    Raises:
        UserError: nothing was scored yet, or a file of the project is missing or damaged.
    """
    if audio is not None:
        params = params.model_copy(update={"report": params.report.model_copy(update={"audio": audio})})
    text = render(context(params, settings, known))
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def render(values: Mapping[str, Any]) -> str:
    """The page of what `context` gives; every text in it is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("pipeline.report.page", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(values) + "\n"


def context(params: Params, settings: Settings, history: History) -> dict[str, Any]:
    """What the templates show, by name.

    Raises:
        UserError: nothing was scored yet, or a file of the project is missing or damaged.
    """
    found, numbers = scored(params), dimensions(params)
    if not found and numbers is None:
        raise UserError(f"{paths.METRICS / 'details'}: nothing was scored yet; run `dvc repro evaluate` first")
    own = [corpus for one in found for corpus in one.corpora]
    used = corpora(params, list(dict.fromkeys([*own, *(numbers.corpora if numbers else [])])))
    texts = {(corpus.name, row.key): row.text for corpus in used for row in corpus.rows}
    mistakes = {one.name: mistakes_of(one, params, texts) for one in found}
    compared = read_table(paths.METRICS / "comparisons.csv", ("first", "second", "p_mcnemar"), COMPARISON_NUMBERS)
    known = {one.name for one in found} | {*(numbers.names if numbers else [])}
    comparisons = [row for row in compared if {row["first"], row["second"]} <= known]
    pictures = [projection(params, corpus.name, corpus.rows) for corpus in used]
    return {
        "measured": _measured(found, [*numbers.names] if numbers else [], params),
        "dimensions": numbers,
        "dimensions_text": DIMENSIONS_TEXT,
        "headlines": headlines(found, comparisons),
        "groups": by_group(found),
        "scores": _score_table(found, params.scoring.confidence),
        "confidence": f"{params.scoring.confidence:.0%}",
        "comparisons": comparisons,
        "corpora": used,
        "experiments": [experiment(one, mistakes[one.name], history.settings.get(one.name, settings)) for one in found],
        "older": history.notes,
        "missing": [name for name in [*params.scored, *params.regressed] if name not in known],
        "clips": clips(params, found, mistakes),
        "silent": [corpus for corpus in used if not is_played(params, corpus.name)],
        "longest": LONGEST,
        "conditions": _conditions(found),
        "matrices": matrices_of(read_table(paths.METRICS / "transfers.csv", TRANSFER_COLUMNS, TRANSFER_NUMBERS)),
        "value_matrices": value_matrices_of(
            read_table(paths.METRICS / "dimension_transfers.csv", VALUE_COLUMNS, VALUE_NUMBERS)
        ),
        "projections": [picture for picture in pictures if picture is not None],
        "most_dots": MOST,
        "shapes": SHAPES,
        "colours": COLOURS,
        "costs": _cost_table(found),
        "costs_text": COST_TEXT,
        "votes": _vote_table(found),
        "votes_text": VOTES_TEXT,
        "marks": {mark: (short_note(mark), NOTES[mark]) for mark in NOTES if any(mark in one.marks for one in found)},
        "provenance": provenance(found, history, numbers.names if numbers else []),
    }


Table = tuple[list[str], list[list[str]]]
"""titles and rows; the first cell of a row is its header"""


def _score_table(found: list[Scored], confidence: float) -> Table:
    """The columns of the summary, but for its notes."""
    interval = f"[{confidence:.0%} interval]"
    rows = [score_cells(one.name, one.details.model_dump(exclude_unset=True), one.card, interval) for one in found]
    titles = [title for title in (rows[0] if rows else []) if title not in OPTIONAL or any(row[title] for row in rows)]
    return titles, [[row[title] for title in titles] for row in rows]


def _vote_table(found: list[Scored]) -> Table | None:
    rows = vote_rows({one.name: one.details.model_dump(exclude_unset=True) for one in found})
    return ([*VOTES_TITLES], rows) if rows else None


def _cost_table(found: list[Scored]) -> Table | None:
    cards = {one.name: one.card for one in found}
    whole = {name: card for name, card in cards.items() if not is_fusion(card) or {*card["inputs"]} <= {*cards}}
    rows = cost_table(whole, {one.name: one.details.model_dump(exclude_unset=True) for one in found})
    return ([*COST_TITLES], rows) if rows else None


def _measured(found: list[Scored], others: list[str], params: Params) -> str:
    """How many experiments there are, and how many transfers and fusions of them; `others` predict numbers."""
    names = [*(one.name for one in found), *others]
    transfers, fusions = sum(name in params.transfers for name in names), sum(one.is_fusion for one in found)
    counts = {"experiment": len(names) - transfers - fusions, "transfer": transfers, "fusion": fusions}
    *first, last = [counted(count, what) for what, count in counts.items() if count]
    return f"{', '.join(first)} and {last}" if first else last


def _conditions(found: list[Scored]) -> dict[str, list[Row]]:
    """Experiment -> its rows of metrics/conditions.csv."""
    path = paths.METRICS / "conditions.csv"
    rows = read_table(path, ("experiment", "condition", "UA", "difference"), CONDITION_NUMBERS)
    tables = {one.name: [row for row in rows if row["experiment"] == one.name] for one in found}
    return {name: table for name, table in tables.items() if table}
