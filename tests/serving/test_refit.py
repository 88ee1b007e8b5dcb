"""`ser export --models refitted`: which recordings the one model is of, and what may not have changed since."""

import json
from pathlib import Path

import pytest
from in_process import ser, stage

from pipeline import paths

LISTED = ("anna_1", "ben_1")
LISTS = "protocols:\n  listed: {scheme: predefined, file: lists.csv, missing: leave_out}\n"


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


def write_list(column, values):
    """A list of two of the three speakers; its lines below the header."""
    lines = [
        f"{emotion}/{speaker},{value}"
        for emotion in ("angry", "happy", "sad")
        for speaker, value in zip(LISTED, values, strict=True)
    ]
    Path("lists.csv").write_text("\n".join([f"key,{column}", *lines]) + "\n")
    return lines


@pytest.mark.parametrize("column", ["fold", "part"])
def test_what_no_list_names_is_not_trained_on(project, column):
    """A model of a whole corpus is that of the listed recordings alone."""
    values = {"fold": ("0", "1"), "part": ("train", "test")}[column]
    lines = write_list(column, values)
    for path in project.recordings:
        if path.stem in LISTED:
            copy = Path("few") / path.relative_to(project.folder / "recordings")
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    project.edit("copies:\n", "  few: {reader: folder, root: few, speaker_pattern: '/([a-z]+)_'}\ncopies:\n")
    project.edit("protocols:\n", LISTS)
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


PLAIN = "plain: {system: pooled, corpus: mine, copies: loud, protocol: loso, logmel: mel"
SET = "emotions: [angry, happy, {sad: [sad, bored]}]"


@pytest.fixture
def plain(project):
    """A project with a trained experiment and a fusion of it."""
    project.edit("experiments:\n", f"experiments:\n  {PLAIN}, {SET}}}\n")
    project.edit("experiments:\n", f"experiments:\n  third: {{params: {{c: 0.1}}, {PLAIN[8:]}, {SET}}}\n")
    project.edit("of: [statistics, again], fit_on: validation", "of: [plain, third], fit_on: other_folds")
    for name, *arguments in (
        ("manifest", "mine"), ("audio", "mine", "16k", "48k"), ("features", "mine", "mel"),
        ("copies", "loud", "16k"), ("features", "loud", "mel"),
        ("train", "plain"), ("train", "third"), ("fuse", "both"),
    ):  # fmt: skip
        done = stage(name, *arguments)
        assert done.exit_code == 0, done.output
    return project


@pytest.mark.parametrize(
    ("name", "old", "new", "what"),
    [
        ("plain", f"{PLAIN}, ", f"{PLAIN}, balance: class, ", "balance"),
        ("plain", "corpus: mine, copies: loud", "corpus: mine, trainings: 2, copies: loud", "trainings"),
        ("plain", "{sad: [sad, bored]}", "{sad: [sad, fearful]}", "emotions"),
        ("plain", "corpus: mine, copies: loud", "corpus: mine", "copies"),
        ("both", "fit_on: other_folds", "fit_on: other_folds, c: 0.0001", "params"),
        ("both", "of: [plain, third]", "of: [third, plain]", "params"),
    ],
)
def test_what_changed_in_params_since_is_not_refitted(plain, name, old, new, what):
    text = plain.params.read_text()
    plain.params.write_text(text.replace(old, new))
    assert text != plain.params.read_text()
    assert f"{name}: its {what} changed since it was trained; run `dvc repro` first" in refitted(name, code=1).stderr
    assert not Path("exports").exists()


def test_a_list_that_grew_since_is_not_refitted_on(project):
    project.edit("protocols:\n", LISTS)
    project.edit(
        "experiments:\n", "experiments:\n  all: {system: pooled, corpus: mine, protocol: listed, logmel: mel}\n"
    )
    lines = write_list("fold", ("0", "1"))
    trained("all")
    refitted("all")
    Path("lists.csv").write_text("\n".join(["key,fold", *lines, "sad/cleo_1,0"]) + "\n")
    assert "all: its recordings changed since it was trained" in refitted("all", code=1).stderr


def test_models_whose_cards_say_less_are_refitted(plain):
    """What has its default is not in them, as in older ones."""
    card = json.loads((paths.models("plain") / "card.json").read_text())
    assert not {"balance", "labels", "trainings"}.intersection(card)
    for name in ("plain", "both"):
        refitted(name)
