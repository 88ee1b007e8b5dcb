"""A params.yaml of one's own, for presets to be put into."""

from click.testing import CliRunner

from pipeline.cli import main
from pipeline.papers.preset import load

OWN = """\
# Mine; all of it stays.
seed: 3
demo: {toy: {voices: 2, sentences: 1}, other: {voices: 2, sentences: 1}}
corpora:
  toy: {reader: demo, root: data/raw/toy}   # aligned
  other:
    reader: demo
    root: data/raw/other # the last one

# What is extracted.
features: {}
embeddings: {tiny: {model: tiny, layers: [1, 9]}, short: {model: tiny, layers: [1]}}
# Who is tested.
protocols:
  speakers: {scheme: grouped_kfold, folds: 2}
experiments: {}

scoring:
    bootstrap: 100
# The end.
"""


def ser_preset(*arguments):
    """Run `ser preset`."""
    return CliRunner().invoke(main, ["preset", *map(str, arguments)])


def apply(name, *options):
    """What `ser preset apply` prints when it succeeds."""
    result = ser_preset("apply", name, *options)
    assert result.exit_code == 0, result.output
    return result.output


def replacements(name):
    """The options that put the corpus `toy`, for targets `other`, and the embedding `tiny` in the place of all."""
    preset = load(name)
    targets = {entry["corpus"] for entry in preset.transfers.values()}
    corpora = [f"--corpus={corpus}={'other' if corpus in targets else 'toy'}" for corpus in preset.corpora]
    return [*corpora, *(f"--embedding={embedding}=tiny" for embedding in preset.embeddings)]
