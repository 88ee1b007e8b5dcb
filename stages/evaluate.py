"""Stage `evaluate`: check for leaks, score every experiment and fusion, and write metrics/."""

import click

from pipeline import paths
from pipeline.commands.command import Command
from pipeline.config import params
from pipeline.corpora import manifest
from pipeline.evaluation.evaluation import MISTAKES, evaluate, mistakes
from pipeline.experiments.predictions import Predictions, write_csv


@click.command(cls=Command, help=__doc__)
def main() -> None:
    """Score everything, and say where to look."""
    settings = params.load()
    published = {name: e.published for group in settings.experiments.values() for name, e in group.items()}
    published |= {name: fusion.published for name, fusion in settings.fusions.items()}
    rows = [row for corpus in settings.corpora for row in manifest.read(paths.manifest(corpus))]
    found = {name: Predictions.read(paths.predictions(name)) for name in published}
    evaluate(
        found,
        rows,
        {name for name, corpus in settings.corpora.items() if corpus.reader == "demo"},
        settings.scoring,
        settings.seed,
        paths.METRICS,
        published,
    )
    for name, predictions in found.items():
        write_csv(paths.DATA / "mistakes" / f"{name}.csv", MISTAKES, mistakes(predictions, rows))
    click.echo((paths.METRICS / "summary.md").read_text(encoding="utf-8"))
    click.echo(
        "Scores:         metrics/summary.md, metrics/scores/ (`dvc metrics show`), metrics/details.json\n"
        "Plots:          `dvc plots show` draws the confusion matrices and training curves\n"
        "Mistakes:       data/mistakes/EXPERIMENT.csv, the surest first\n"
        "Probabilities:  data/predictions/EXPERIMENT/probabilities.csv, of every utterance out of fold\n"
        "Models:         data/models/EXPERIMENT/   Features: data/features/, data/embeddings/\n"
        "Next:           change params.yaml and run `dvc repro` again; README.md says how to bring a corpus"
    )


if __name__ == "__main__":
    main()
