"""Stage `evaluate`: check for leaks, score every experiment and fusion, and write metrics/."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.corpora import manifest
from pipeline.corpora.left_out import bad_audio_count
from pipeline.evaluation.comparison import compare, write_comparisons
from pipeline.evaluation.conditions import write_conditions
from pipeline.evaluation.evaluation import evaluate, write_details, write_scores
from pipeline.evaluation.layers import layer_tables, write_layers
from pipeline.evaluation.mistakes import write_mistakes
from pipeline.evaluation.weights import copy_weights
from pipeline.experiments.predictions import Predictions
from pipeline.graph.current import params_for
from pipeline.graph.wanted import skipping, tested
from pipeline.report.pictures.pictures import write_pictures
from pipeline.report.summary import write_summary
from pipeline.storage.sole_writer import sole_writer

WHERE = """\
Scores:         metrics/summary.md, metrics/scores.json (`dvc metrics show --md`), metrics/details/
Plots:          metrics/plots/: scores.svg, confusion/, calibration/, curves/; `dvc plots show` puts them on one page
Mistakes:       data/mistakes/EXPERIMENT.csv, the surest first
Probabilities:  data/predictions/EXPERIMENT/probabilities.csv, of every utterance out of fold
Models:         data/models/EXPERIMENT/   Features: data/features/, data/embeddings/
Next:           change params.yaml, run `ser graph` and `dvc repro`; README.md says how to bring a corpus"""


@click.command(cls=Command, help=__doc__)
def main() -> None:
    """Score everything, and say where to look."""
    params = params_for("evaluate")
    predictions = {name: Predictions.read(paths.predictions(name)) for name in (*params.experiments, *params.fusions)}
    corpora = dict.fromkeys(experiment.corpus for experiment in params.experiments.values())
    rows = [row for corpus in corpora for row in manifest.read(paths.manifest(corpus))]
    altered = {name: Predictions.read(paths.tested(name)) for name in tested(params)}
    results = evaluate(predictions, rows, params.scoring, params.seed, altered)
    layers = layer_tables(predictions, rows, params.scoring, params.seed)
    with sole_writer(paths.DATA / "evaluate"):
        write_scores(results, paths.SCORES)
        write_details(results, predictions, paths.METRICS)
        write_comparisons(compare(predictions, params.scoring, params.seed), paths.METRICS / "comparisons.csv")
        write_conditions(results, paths.METRICS / "conditions.csv")
        write_layers(layers, paths.METRICS / "layers")
        copy_weights(params.fusions, paths.METRICS / "weights")
        write_mistakes(predictions, rows, paths.MISTAKES)
        synthetic = {name for name, corpus in params.corpora.items() if corpus.reader == "demo"}
        published = {name: entry.published for name, entry in (params.experiments | params.fusions).items()}
        write_pictures(paths.PLOTS, results, predictions, synthetic, params.scoring.confidence, layers)
        summary = paths.METRICS / "summary.md"
        left_out = {name: bad_audio_count(paths.corpus_report(name)) for name in skipping(params)}
        write_summary(summary, results, predictions, synthetic, params.scoring.confidence, published, left_out)
    click.echo(summary.read_text(encoding="utf-8"))
    click.echo(WHERE)


if __name__ == "__main__":
    main()
