"""Stage `evaluate`: check for leaks, score every experiment, transfer and fusion, and write metrics/."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.corpora import manifest
from pipeline.corpora.left_out import bad_audio_count
from pipeline.evaluation.dimensions import evaluate_values
from pipeline.evaluation.evaluation import evaluate
from pipeline.evaluation.layers import layer_tables
from pipeline.evaluation.metrics_folder import write_tables
from pipeline.experiments.predictions import Predictions
from pipeline.experiments.values import Values
from pipeline.graph.current import params_for
from pipeline.graph.wanted import skipping, tested
from pipeline.report.pictures.pictures import write_pictures
from pipeline.report.pictures.scatter import write_scatters
from pipeline.report.summary import write_summary
from pipeline.report.where import WHERE
from pipeline.storage.sole_writer import sole_writer


@click.command(cls=Command, help=__doc__)
def main() -> None:
    """Score everything, and say where to look."""
    params = params_for("evaluate")
    predictions = {name: Predictions.read(paths.predictions(name)) for name in params.scored}
    values = {name: Values.read(paths.predictions(name)) for name in params.regressed}
    corpora = dict.fromkeys(corpus for corpus, _ in params.corpora_tested)
    rows = [row for corpus in corpora for row in manifest.read(paths.manifest(corpus))]
    altered = {name: Predictions.read(paths.tested(name)) for name in tested(params)}
    results = evaluate(predictions, rows, params.scoring, params.seed, altered)
    numbers = evaluate_values(values, rows, params.scoring, params.seed)
    layers = layer_tables(predictions, rows, params.scoring, params.seed)
    with sole_writer(paths.DATA / "evaluate"):
        write_tables(params, results, predictions, rows, layers, numbers, values)
        synthetic = {name for name, corpus in params.corpora.items() if corpus.reader == "demo"}
        published = {name: entry.published for name, entry in (params.experiments | params.scored).items()}
        write_pictures(paths.PLOTS, results, predictions, synthetic, params.scoring.confidence, layers)
        write_scatters(paths.PLOTS, numbers, values, synthetic, params.scoring.confidence)
        summary = paths.METRICS / "summary.md"
        left_out = {name: bad_audio_count(paths.corpus_report(name)) for name in skipping(params)}
        scored = summary, results, predictions, synthetic, params.scoring.confidence
        write_summary(*scored, published, left_out, numbers, values)
    click.echo(f"{summary.read_text(encoding='utf-8')}\n{WHERE}")


if __name__ == "__main__":
    main()
