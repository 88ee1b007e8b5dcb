"""What the page of `ser report` has beyond the stage's, which is an output of a run: the commit, and what is old."""

from pipeline import paths
from pipeline.config.params import Params
from pipeline.config.scoring import ScoringParams
from pipeline.errors import ParamsError
from pipeline.report.comparison.obtained import ScoreRecord, lines_of
from pipeline.report.comparison.revisions import WorkingFolder
from pipeline.report.page.experiments import Settings
from pipeline.report.page.provenance import History, current_commit
from pipeline.strict import validate


def history(params: Params, settings: Settings) -> History:
    """What is known of the working folder from git and dvc.lock.

    Args:
        params: what params.yaml asks for.
        settings: params.yaml as plain data.
    """
    record = ScoreRecord(WorkingFolder(), settings)
    names = [name for name in (*params.scored, *params.regressed) if paths.details(name).exists()]
    found = {name: record.of(name) for name in names}
    files = [*map(paths.manifest, params.corpora), *map(paths.predictions, names)]
    return History(
        current_commit(),
        lines_of((name, one.note) for name, one in found.items()),
        {name: one.params for name, one in found.items()},
        frozenset(path for path in files if record.is_changed(path)),
    )


def scored_with(params: Params, known: History) -> Params:
    """Params with the scoring that the scores were obtained with, which the page says the level of intervals by."""
    told = next((settings.get("scoring") for settings in known.settings.values()), None)
    try:
        scoring = validate(ScoringParams, told or {})
    except (ParamsError, TypeError):  # of an older program, or damaged
        return params
    return params.model_copy(update={"scoring": scoring}) if known.settings else params
