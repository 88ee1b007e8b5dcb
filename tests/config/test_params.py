"""Valid params.yaml files: what they mean, what may be left out, and the ways to write a class set."""

from pathlib import Path

import pytest
import yaml
from conftest import PARAMS, REPOSITORY
from params_files import edited, line_of, mistakes, without

from pipeline.config.document import load
from pipeline.config.params import Params
from pipeline.config.system_params import system_params_problems
from pipeline.errors import ParamsError
from pipeline.graph.stages import graph_stages

CLASSES = "experiments.picture.emotions"


@pytest.fixture
def loaded(tmp_path):
    """Load a params.yaml of this text."""

    def loaded(text):
        path = tmp_path / "params.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path)

    return loaded


def test_the_shipped_params_are_valid():
    params = load(REPOSITORY / "params.yaml")
    assert system_params_problems(params) == []
    assert params.experiments["caf_en"].inputs == {"logmel": "logmel_224", "ssl": "tiny"}


@pytest.mark.parametrize(
    ("own", "held_out", "problem"),
    [
        ({"epochs": 1}, 0, "patience 25 needs a validation part, and protocol 'dealt' has none; set patience: 0, or "),
        ({"epochs": 1, "patience": 0}, 0, ""),
        ({"epochs": 1, "stop": False}, 0, ""),
        ({"epochs": 1, "stop": False}, 1, ""),
        ({"stop": False, "patience": 3}, 1, "patience is of no use where stop is false, which runs all epochs; leave "),
        ({"stop": False, "monitor": "valid_acc"}, 1, "monitor is of no use where stop is false, which runs all epochs"),
    ],
)
def test_what_training_wants_of_a_validation_part_is_there(loaded, own, held_out, problem):
    text = edited("protocols.dealt", {"scheme": "grouped_kfold", "folds": 3, "validation_speakers": held_out})
    data = yaml.safe_load(text)
    data["experiments"]["picture"]["params"] = own
    problems = system_params_problems(loaded(yaml.safe_dump(data)))
    assert len(problems) == bool(problem)
    assert all(each.startswith(f"experiments.picture.params: {problem}") for each in problems)


def test_values_and_defaults(loaded):
    params = loaded(PARAMS)
    assert (params.scoring.bootstrap, params.scoring.confidence) == (100, 0.95)
    assert params.storage.compression is None
    kind, cepstra = params.feature("cepstra")
    assert (kind.name, cepstra.n_mfcc, cepstra.clip) == ("mfcc", 12, None)
    kind, tiny = params.feature("tiny")
    assert (kind.name, tiny.model, tiny.layers) == ("ssl", "tiny", (1,))
    picture = params.experiments["picture"]
    assert (picture.inputs, picture.copies, picture.emotions) == ({"logmel": "mel"}, "loud", None)
    assert params.experiments["statistics"].copies == ""
    assert params.fusions["both"].of == ["statistics", "again"]
    assert params.fusions["both"].method == "logistic_regression"


def test_a_weighted_average_is_fitted_on_the_validation_part_where_nothing_is_said(loaded):
    assert (
        loaded(edited("fusions.both", {"of": ["statistics", "again"], "method": "weighted_average"}))
        .fusions["both"]
        .fit_on
        == "validation"
    )


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n", "---\n", "{}\n", "seed: 0\n"])
def test_an_empty_file_asks_for_nothing(loaded, text):
    params = loaded(text)
    assert params.model_dump() == Params().model_dump()
    assert graph_stages(params, {}) == []


@pytest.mark.parametrize("section", [name for name in Params.model_fields if name in yaml.safe_load(PARAMS)])
def test_a_section_can_be_left_out_where_nothing_refers_to_it(loaded, section):
    """A file with this section alone, or, where it refers to others, with those."""
    data = yaml.safe_load(PARAMS)
    needed = {"copies": ["corpora"], "experiments": ["corpora", "copies", "features", "protocols"]}
    needed["fusions"] = ["experiments", *needed["experiments"]]
    kept = {section, *needed.get(section, [])}
    params = loaded(yaml.safe_dump({name: value for name, value in data.items() if name in kept}))
    full = loaded(PARAMS)
    for name in Params.model_fields:
        assert getattr(params, name) == getattr(full if name in kept else Params(), name)


@pytest.mark.parametrize("section", ["seed", "demo", "embeddings", "fusions", "scoring"])
def test_a_section_that_nothing_reads_can_go(loaded, section):
    assert getattr(loaded(without(section)), section) == getattr(Params(), section)


def test_what_is_kept_is_named_by_corpus_or_copies(loaded):
    params = loaded(PARAMS + "keep: {mine: [tiny, mel], loud: [melody]}\n")
    assert params.keep == {"mine": ["tiny", "mel"], "loud": ["melody"]}


def test_an_extractor_follows_from_a_preset(loaded):
    kind, params = loaded(edited("features.mel", {"preset": "caf_logmel"})).feature("mel")
    assert (kind.name, params.n_mels) == ("logmel", 224)


def test_a_merged_key_may_be_given_anew(loaded):
    text = PARAMS.replace("mel: {extractor", "mel: &mel {extractor")
    text = text.replace("  cepstra:", "  wide: {<<: *mel, n_mels: 40}\n  cepstra:")
    _, wide = loaded(text).feature("wide")
    assert (wide.n_fft, wide.n_mels) == (512, 40)


def test_values_at_the_limits(loaded):
    assert loaded(edited("seed", 2**32 - 1)).seed == 2**32 - 1
    assert loaded(edited("corpora.mine.root", ".")).corpora["mine"].root == Path()


def test_a_root_in_the_home_folder(loaded, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert loaded(edited("corpora.mine.root", "~/data")).corpora["mine"].root == tmp_path / "data"


@pytest.mark.parametrize("name", ["a", "0", "_", "a-b", "A_1", "x" * 100, "null_", "e-1"])
def test_names_that_are_right(loaded, name):
    params = loaded(
        edited("corpora.mine", name=name)
        .replace("corpus: mine", f"corpus: {name!r}")
        .replace("source: mine", f"source: {name!r}")
    )
    assert list(params.corpora) == [name]
    assert params.experiments["picture"].corpus == name


def test_what_there_is_not(loaded):
    params = loaded(PARAMS)
    with pytest.raises(ParamsError, match=r"^corpora has no entry 'mein' \(did you mean 'mine'\?\); known: mine$"):
        params.entry("corpora", "mein")
    with pytest.raises(ParamsError, match=r"^no feature or embedding 'mell' \(did you mean 'mel'\?\); known: mel, "):
        params.feature("mell")
    with pytest.raises(ParamsError, match=r"^fusions has no entry 'x'; known: none$"):
        loaded("").entry("fusions", "x")


# --- class sets ---


@pytest.mark.parametrize(
    ("written", "classes"),
    [
        (["angry", "sad"], {"angry": ["angry"], "sad": ["sad"]}),
        (["sad", {"happy": ["happy", "excited"]}], {"sad": ["sad"], "happy": ["happy", "excited"]}),
        (["sad", {"joy": "happy"}], {"sad": ["sad"], "joy": ["happy"]}),
        ([{"a": ["angry"], "b": ["sad", "bored"]}], {"a": ["angry"], "b": ["sad", "bored"]}),
        ({"angry": "angry", "happy": ["happy", "excited"]}, {"angry": ["angry"], "happy": ["happy", "excited"]}),
        ({"not_angry": ["happy", "sad"], "Angry2": ["angry"]}, {"not_angry": ["happy", "sad"], "Angry2": ["angry"]}),
        ({"sad": "happy", "happy": "sad"}, {"sad": ["happy"], "happy": ["sad"]}),
        (None, None),
    ],
)
def test_class_sets(loaded, written, classes):
    found = loaded(edited(CLASSES, written)).experiments["picture"].emotions
    assert found == classes
    assert found is None or list(found) == list(classes)


SHAPE = "should be a list of labels and of mappings that merge them, as [sad, {happy: [happy, excited]}]; it is "


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ([], "no class leaves nothing to tell apart; it is []"),
        ({}, "no class leaves nothing to tell apart"),
        (["angry"], "one class, 'angry', leaves nothing to tell apart; it is ['angry']"),
        ({"all": ["angry", "sad"]}, "one class, 'all', leaves nothing to tell apart"),
        (["angry", "sad", "angry"], "the class 'angry' stands twice; it is ['angry', 'sad', 'angry']"),
        (["angry", {"angry": ["sad"]}], "the class 'angry' stands twice"),
        (["angry", {"cross": ["angry", "sad"]}], "the label 'angry' is in the classes 'angry' and 'cross'"),
        ({"happy": ["happy", "happy"], "sad": "sad"}, "the label 'happy' is in 'happy' twice"),
        (["angry", "sadd"], "'sadd' is no label (did you mean 'sad'?); labels are angry, happy, sad, neutral, calm, "),
        (["angry", {"joy": ["hapy"]}], "'hapy' is no label (did you mean 'happy'?); labels are "),
        ({"angry": [], "sad": "sad"}, "the class 'angry' has no labels"),
        ({"a-b": "angry", "sad": "sad"}, "the class 'a-b' may hold only letters, digits and '_'"),
        ({"wütend": "angry", "sad": "sad"}, "the class 'wütend' may hold only letters, digits and '_'"),
        ({"": "angry", "sad": "sad"}, "the class '' may hold only letters, digits and '_'"),
        ("angry", "'angry' is not in class_sets; known: none; or list the classes, as [angry, {happy: "),
        (True, f"{SHAPE}True"),
        (["angry", 3], f"{SHAPE}['angry', 3]"),
        (["angry", None], f"{SHAPE}['angry', None]"),
        ([["angry", "sad"]], f"{SHAPE}[['angry', 'sad']]"),
    ],
)
def test_class_sets_with_a_mistake(tmp_path, written, problem):
    text = edited(CLASSES, written)
    ((line, said),) = mistakes(tmp_path / "params.yaml", text)
    assert line == line_of(text, CLASSES)
    assert said.startswith(f"{CLASSES}: {problem}")


def test_labels_that_are_no_text(tmp_path):
    text = edited(CLASSES, {"angry": 3, "sad": ["sad", 4]})
    assert mistakes(tmp_path / "params.yaml", text) == [
        (line_of(text, f"{CLASSES}.angry"), f"{CLASSES}.angry: input should be a valid list; it is 3"),
        (line_of(text, f"{CLASSES}.sad"), f"{CLASSES}.sad.1: input should be a valid string; it is 4"),
    ]


def test_a_section_whose_entries_are_all_commented_out_is_left_out(loaded):
    assert loaded(PARAMS.partition("fusions:")[0] + "fusions:\n  # both: {of: [statistics, again]}\n").fusions == {}
