"""`ser export --models refitted`: which recordings the one model is of, and what may not have changed since."""

import json
from pathlib import Path

import pytest
from in_process import ser, stage

LISTED = ("anna_1", "ben_1")


def refitted(name, code=0):
    done = ser("export", name, "--models", "refitted", "--to", f"exports/{name}")
    assert done.exit_code == code, done.output
    return done


def trained(*experiments, corpora=("mine",)):
    steps = [
        step
        for corpus in corpora
        for step in (("manifest", corpus), ("audio", corpus, "16k"), ("features", corpus, "mel"))
    ]
    for name, *arguments in (*steps, *(("train", name) for name in experiments)):
        done = stage(name, *arguments)
        assert done.exit_code == 0, done.output


@pytest.mark.parametrize("column", ["fold", "part"])
def test_what_no_list_names_is_not_trained_on(project, column):
    """A model of a whole corpus is that of the listed recordings alone."""
    values = {"fold": ("0", "1"), "part": ("train", "test")}[column]
    lines = [
        f"{emotion}/{speaker},{value}"
        for emotion in ("angry", "happy", "sad")
        for speaker, value in zip(LISTED, values, strict=True)
    ]
    Path("lists.csv").write_text("\n".join([f"key,{column}", *lines]) + "\n")
    for path in project.recordings:
        if path.stem in LISTED:
            copy = Path("few") / path.relative_to(project.folder / "recordings")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    project.edit("copies:\n", "  few: {reader: folder, root: few, speaker_pattern: '/([a-z]+)_'}\ncopies:\n")
    project.edit("protocols:\n", "protocols:\n  listed: {scheme: predefined, file: lists.csv, missing: leave_out}\n")
    entries = "".join(
        f"  {name}: {{system: pooled, corpus: {corpus}, protocol: listed, logmel: mel}}\n"
        for name, corpus in (("all", "mine"), ("some", "few"))
    )
    project.edit("experiments:\n", f"experiments:\n{entries}")
    trained("all", "some", corpora=("mine", "few"))
    for name in ("all", "some"):
        refitted(name)
        assert json.loads(Path(f"exports/{name}/model.json").read_text())["utterances"] == len(lines)
    model, of_listed = (Path(f"exports/{name}/fold_00.safetensors").read_bytes() for name in ("all", "some"))
    assert model == of_listed
