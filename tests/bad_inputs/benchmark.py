"""Folders and lists that `ser benchmark` cannot take."""

from bad_inputs.registry import bad_input
from benchmarks import write_ravdess, write_ravdess_lists

CORPUS = ["benchmark", "--corpus=ravdess=recordings"]


@bad_input("lists of EmoBox: those of recordings that the corpus has not", says="tests none of its recordings", code=2)
def other_lists(folder):
    write_ravdess(folder / "recordings", takes=1)
    write_ravdess_lists(folder / "lists", {actor: [f"03-01-05-01-01-01-{actor}"] for actor in ("20", "21", "22")})
    return [*CORPUS, "--folds=ravdess=lists"]


@bad_input("params.yaml: another project's, to be benchmarked in", says="is of another project", code=2)
def other_project(folder):
    write_ravdess(folder / "recordings", takes=1)
    (folder / "params.yaml").write_text("seed: 1\n")
    return CORPUS


def spoilt(folder, text):
    """Recordings, and beside them a benchmark's params.yaml that goes on like this."""
    from pipeline.benchmark.entries import MARK

    write_ravdess(folder / "recordings", takes=1)
    (folder / "params.yaml").write_text(f"{MARK}\n{text}\n")
    return CORPUS


@bad_input("params.yaml: a benchmark's, spoilt", says="params.yaml", code=2)
def of_no_yaml(folder):
    return spoilt(folder, "corpora: [")


@bad_input("params.yaml: a benchmark's, of a list", says="params.yaml: must be a mapping of sections", code=2)
def of_a_list(folder):
    return spoilt(folder, "- 1")


@bad_input("params.yaml: a benchmark's, of protocols in a list", says="protocols: input should be a valid", code=2)
def of_protocols_in_a_list(folder):
    return spoilt(folder, "protocols: [1]")
