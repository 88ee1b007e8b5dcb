"""Revisions and metrics that `ser compare` cannot read."""

import subprocess
from pathlib import Path

from bad_inputs.registry import bad_input

SCORES = '{"plain": {"UA": 0.5, "UA_low": 0.4, "UA_high": 0.6, "WA": 0.5, "macro_F1": 0.5}}'


def measured(folder: Path, scores: str | bytes, *arguments: str, git: bool = False) -> list[str]:
    """A folder with these scores, in git or not; the comparison of it."""
    path = folder / "metrics/scores.json"
    path.parent.mkdir()
    path.write_bytes(scores.encode() if isinstance(scores, str) else scores)
    if git:
        author = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        for command in (("init", "-q"), ("add", "-A"), (*author, "commit", "-qm", "all")):
            subprocess.run(["git", *command], cwd=folder, check=True)
    return ["compare", *arguments]


@bad_input("compare: a folder without metrics", says="workspace: has no metrics/scores.json")
def no_metrics(folder):
    return ["compare"]


@bad_input("compare: a commit of a folder without git", says="HEAD: git has no revisions here")
def no_git(folder):
    return measured(folder, SCORES, "HEAD")


@bad_input("compare: a commit that there is not", says="HEAD~7: no commit", code=2)
def no_commit(folder):
    return measured(folder, SCORES, "HEAD~7", git=True)


@bad_input("compare: a revision that is an option of git's", says="--output=x: no commit", code=2)
def an_option(folder):
    return measured(folder, SCORES, "--", "--output=x", git=True)


@bad_input("compare: an experiment that there is not", says="did you mean 'plain'", code=2)
def no_experiment(folder):
    return measured(folder, SCORES, "--experiment", "plane")


@bad_input("compare: a reference that there is not", says="--against plane: is none", code=2)
def no_reference(folder):
    return measured(folder, SCORES, "--against", "plane")


@bad_input("compare: scores that are no JSON", says="metrics/scores.json: no JSON")
def no_json(folder):
    return measured(folder, b"\xff\xfe{")


@bad_input("compare: scores nested a hundred thousand levels deep", says="metrics/scores.json: no JSON")
def deep(folder):
    return measured(folder, "[" * 100_000)


@bad_input("compare: scores that are no numbers", says="plain has no UA")
def no_numbers(folder):
    return measured(folder, '{"plain": {"UA": NaN}}')


@bad_input("compare: an output that is a folder", says="--out metrics: is a folder")
def out_is_a_folder(folder):
    return measured(folder, SCORES, "--out", "metrics")
