"""What is said of a params.yaml with mistakes: each with its line, all at once, and none hidden by another."""

from pathlib import Path

import pytest
import yaml
from conftest import PARAMS
from params_files import edited, line_of, mistakes, without

FILE = Path("my params.yaml")
"""names with blanks are names too"""


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def one(text, key):
    """The only problem of a file in block style, which must have the line of `key`."""
    ((line, problem),) = mistakes(FILE, text)
    assert line == line_of(text, key)
    return problem


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("seed", "sead"),
        ("corpora", "corpra"),
        ("protocols", "protocls"),
        ("experiments", "experiment"),
        ("scoring", "scorings"),
        ("demo.spoken.voices", "voicse"),
        ("corpora.mine.root", "rot"),
        ("corpora.mine.speaker_pattern", "speaker_patern"),
        ("copies.loud.snr", "snrs"),
        ("features.cepstra.n_mfcc", "n_mfc"),
        ("features.mel.n_mels", "n_mel"),
        ("embeddings.tiny.layers", "layer"),
        ("protocols.dealt.folds", "fold"),
        ("protocols.mixed.test", "tests"),
        ("experiments.statistics.protocol", "protokol"),
        ("experiments.statistics.logmel", "log_mel"),
        ("experiments.picture.copies", "copyes"),
        ("experiments.picture.system", "sistem"),
        ("fusions.both.of", "oof"),
        ("fusions.both.fit_on", "fiton"),
        ("scoring.bootstrap", "bootstraps"),
    ],
)
def test_a_misspelt_key_is_named_with_what_was_meant(key, wrong):
    """It is one mistake: what it leaves missing, and what refers to a misspelt section, are no others."""
    *parents, right = key.split(".")
    named = ".".join([*parents, wrong])
    problem = one(edited(key, name=wrong), named)
    assert problem.startswith(f"{named}: unknown key (did you mean {right!r}?); known: ")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("seed", "zero", "valid integer"),
        ("seed", -1, "greater than or equal to 0; it is -1"),
        ("seed", 2**32, "less than or equal to 4294967295; it is 4294967296"),
        ("seed", None, "valid integer; it is None"),
        ("storage.compression", "zip", "'gzip' or 'lzf'; it is 'zip'"),
        ("corpora.mine.root", "", "corpora.mine.root: should be the corpus folder, as /path/to/recordings; it is ''"),
        ("corpora.mine.root", " ", "should be the corpus folder"),
        ("corpora.mine.root", 3, "corpora.mine.root: "),
        ("corpora.mine.root", "~no-such-user/x", "'~no-such-user' is no user's home folder"),
        ("corpora.mine.language", False, "valid string; it is False"),
        ("corpora.mine.speaker_pattern", "(a", "is no regular expression"),
        ("corpora.mine.speaker_pattern", "a+", "needs a group"),
        ("corpora.mine.emotions", {"x": "sadd"}, "'x' maps to 'sadd' (did you mean 'sad'?)"),
        ("corpora.mine.keep", ["sadd"], "'sadd' is no label (did you mean 'sad'?)"),
        ("copies.loud", {"source": "mine"}, "has none of snr, speed and semitones"),
        ("copies.loud.snr", [".nan"], "valid number"),
        ("copies.loud.snr", [float("nan")], "finite number"),
        ("features.cepstra", 3, "valid dictionary; it is 3"),
        ("features.cepstra", None, "valid dictionary; it is None"),
        ("features.cepstra.n_mels", "many", "valid integer"),
        ("features.cepstra.sample_rate", 8000, "16000 or 48000; it is 8000"),
        ("features.cepstra.clip", 0, "greater than 0"),
        ("features.cepstra.clip", 3601, "less than or equal to 3600; it is 3601"),
        ("features.cepstra.pad_to", 1e9, "less than or equal to 3600; it is 1000000000.0"),
        ("features.cepstra.n_fft", 10**9, "at most 65536 samples; it is 1000000000"),
        ("features.cepstra.hop_length", 10**9, "at most 65536 samples; it is 1000000000"),
        ("features.cepstra.pad", "loop", "'zero' or 'repeat'; it is 'loop'"),
        ("features.cepstra.n_mfcc", 30, "n_mfcc 30 is more than n_mels 20"),
        ("features.cepstra.win_length", 10**9, "win_length 1000000000 is longer than n_fft"),
        ("features.mel.n_mels", 1026, "n_mels 1026 is more than the 257 frequencies of n_fft 512"),
        ("embeddings.tiny.layers", "any", "it is 'any'"),
        ("protocols.dealt.folds", 1, "greater than or equal to 2; it is 1"),
        ("protocols.dealt.folds", "two", "valid integer"),
        ("protocols.dealt.inner_folds", 1, "one fold leaves nothing to fit on; 0 for none, or 2 and more"),
        ("protocols.mixed.test", 1.5, "less than 1"),
        ("protocols.mixed.validation", 0.9, "validation 0.9 and test 0.2 leave nothing to train on"),
        ("protocols.loso.scheme", "loso", "'loso' is not known; known: leave_one_speaker_out"),
        ("protocols.loso.scheme", "grouped_kfol", "'grouped_kfol' is not known (did you mean 'grouped_kfold'?)"),
        ("experiments.picture.params", [1], "valid dictionary"),
        ("experiments.picture.published.UAR", 1.0, "input should be 'WA', 'UA', 'macro_precision', 'macro_F1', "),
        ("fusions.both.of", "statistics", "valid list; it is 'statistics'"),
        ("fusions.both.of", ["statistics"], "a fusion has two branches or more; it is ['statistics']"),
        ("fusions.both.method", "mean", "'weighted_average', 'gated' or 'stacking'; it is 'mean'"),
        ("fusions.both.c", 0, "greater than 0; it is 0"),
        ("scoring.confidence", 95, "less than 1; it is 95"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_right(key, value, expected):
    ((line, problem),) = mistakes(FILE, text := edited(key, value))
    named = max((key[:i] for i in (key.rfind("."), len(key)) if i > 0 and problem.startswith(key[:i])), key=len)
    assert line == line_of(text, named)
    assert expected in problem


@pytest.mark.parametrize(
    ("key", "value", "problem"),
    [
        ("experiments.statistics.corpus", ["mine", "mine"], "names 'mine' twice; take one out; it is ['mine', 'mine']"),
        ("experiments.statistics.corpus", [], "should be a name, or a list of names, and names none; it is []"),
        ("experiments.statistics.corpus", 3, "should be a name, or a list of names; it is 3"),
        ("experiments.picture.copies", ["loud", 3], "should be a name, or a list of names; it is ['loud', 3]"),
        *(
            ("transfers", {"t": {"source": "picture", "corpus": "mine", "share": 0.2, "weights": value}}, problem)
            for value, problem in (
                (-1, "should be folds, fresh, or the number of a fold, 0 or more; it is -1"),
                ("fresch", "should be folds, fresh, or the number of a fold, 0 or more; it is 'fresch'"),
                (True, "should be folds, fresh, or the number of a fold, 0 or more; it is True"),
            )
        ),
    ],
)
def test_a_value_that_may_be_of_two_types_has_one_line(key, value, problem):
    named = "transfers.t.weights" if key == "transfers" else key
    assert one(edited(key, value), named) == f"{named}: {problem}"


@pytest.mark.parametrize(
    ("section", "sets", "key"),
    [
        ("class_sets", {"four": []}, "class_sets.four"),
        ("class_sets", {"four": ["sad"]}, "class_sets.four"),
        ("class_sets", {"four": "sad"}, "class_sets.four"),
        ("class_sets", [], "class_sets"),
        ("class_sts", {"four": ["sad", "happy"]}, "class_sts"),
    ],
)
def test_a_mistake_in_a_class_set_is_not_said_of_experiments_too(section, sets, key):
    data = yaml.safe_load(edited("experiments.statistics.emotions", "four"))
    assert one(yaml.safe_dump({**data, section: sets}, sort_keys=False), key).startswith(f"{key}: ")


@pytest.mark.parametrize("section", ["corpora", "features", "protocols", "experiments", "fusions", "copies"])
@pytest.mark.parametrize("value", [3, True, "text"])
def test_a_section_that_is_no_mapping(section, value):
    said = mistakes(FILE, text := edited(section, value))
    assert (line_of(text, section), f"{section}: input should be a valid dictionary; it is {value!r}") in said


def test_a_section_that_is_a_list_of_names_is_one_mistake():
    assert one(edited("corpora", ["mine"]), "corpora") == "corpora: input should be a valid dictionary; it is ['mine']"


@pytest.mark.parametrize(
    "key",
    [
        "corpora.mine.root",
        "corpora.mine.reader",
        "copies.loud.source",
        "protocols.loso.scheme",
        "experiments.statistics.corpus",
        "experiments.picture.system",
        "fusions.both.of",
    ],
)
def test_a_missing_key_has_the_line_of_its_entry(key):
    assert one(without(key), key.rpartition(".")[0]) == f"{key}: is missing"


def test_an_unknown_key_beside_a_missing_one_are_two_mistakes():
    text = PARAMS.replace("system: spectrogram, ", "colour: red, ")
    first, second = mistakes(FILE, text)
    assert first == (21, "experiments.picture.system: is missing")
    assert second[1].startswith("experiments.picture.colour: unknown key; known: system, ")


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"n_mfcc": 12}, "features.cepstra.extractor: is missing; known: logmel, "),
        (
            {"extractor": "mfc"},
            "features.cepstra.extractor: 'mfc' is not known (did you mean 'mfcc'?); known: ",
        ),
        ({"extractor": 3}, "features.cepstra.extractor: 3 is not known"),
        ({"extractor": ["mfcc"]}, "features.cepstra.extractor: ['mfcc'] is not known"),
        ({"extractor": "ssl"}, "features.cepstra.extractor: self-supervised models have their own section, embeddings"),
        ({"preset": "hump_cat"}, "features.cepstra.preset: 'hump_cat' is not known"),
        ({"extractor": "mfcc", "preset": "hump_cat"}, "features.cepstra.preset: 'hump_cat' is not known"),
        ({"extractor": "mfcc", "preset": "caf_logmel"}, "features.cepstra.preset: 'caf_logmel' is of logmel, not mfcc"),
    ],
)
def test_entries_of_features_name_their_extractor(entry, problem):
    ((line, said),) = mistakes(FILE, text := edited("features.cepstra", entry))
    assert said.startswith(problem)
    key = problem.partition(":")[0]
    assert line == line_of(text, key if key.rpartition(".")[2] in entry else "features.cepstra")


# --- several at once ---


def test_every_mistake_is_said_in_the_order_of_lines():
    text = (
        PARAMS.replace("seed: 0", "seed: x")
        .replace("n_mels: 32}", "n_mel: 32}", 1)
        .replace("folds: 3", "folds: 1")
        .replace("again: {system: pooled, corpus: mine", "again: {system: pooled, corpus: yours")
        .replace("params: {epochs: 1}", "params: [1]")
        .replace("[statistics, again]", "[statistics, agin]")
        .replace("scoring:", "scorings:")
    )
    said = mistakes(FILE, text)
    assert [(line, problem.partition(":")[0]) for line, problem in said] == [
        (1, "seed"),
        (9, "features.mel.n_mel"),
        (16, "protocols.dealt.folds"),
        (20, "experiments.again.corpus"),
        (21, "experiments.picture.params"),
        (23, "fusions.both.of"),
        (24, "scorings"),
    ]


def test_a_wrong_entry_hides_neither_another_nor_its_own_name():
    """An experiment that is wrong in itself is still one that fusions can name."""
    text = PARAMS.replace("again: {system: pooled,", "again: {systm: pooled,")
    text = text.replace("logmel: mel, params: {epochs: 1}", "mfcc: mel")
    assert [(line, problem.partition(":")[0]) for line, problem in mistakes(FILE, text)] == [
        (20, "experiments.again.systm"),
        (21, "experiments.picture.logmel"),
        (21, "experiments.picture.mfcc"),
    ]


@pytest.mark.parametrize(
    ("written", "key", "problem"),
    [
        ("1: {reader: folder, root: x}", "corpora.1", "input should be a valid string; it is 1"),
        ("a.b: {reader: folder, root: x}", "corpora.a.b", "name 'a.b' may hold only"),
        ("a.b: {reader: folder, rot: x}", "corpora.a.b.rot", "unknown key (did you mean 'root'?)"),
        ("'a: b': {reader: 3, root: x}", "corpora.a: b.reader", "input should be a valid string; it is 3"),
    ],
)
def test_an_entry_with_a_wrong_name_hides_no_other(written, key, problem):
    text = PARAMS.replace("  mine:", f"  {written}\n  mine:").replace("protocol: dealt", "protocol: delt")
    said = mistakes(FILE, text)
    assert (5, key, True) in [(line, found[: len(key)], f"{key}: {problem}" in found) for line, found in said]
    assert said[-1][0] == 22
    assert said[-1][1].startswith("experiments.picture.protocol: 'delt' is not in protocols (did you mean 'dealt'?)")


def test_a_key_that_is_a_number_hides_no_other():
    said = mistakes(FILE, PARAMS.replace("protocol: dealt", "protocol: delt") + "1: 2\n")
    assert [line for line, _ in said] == [21, 26]
    assert said[-1][1] == "1: keys should be strings; it is 1"


def test_what_is_wrong_in_keep_hides_no_other():
    said = mistakes(FILE, PARAMS + "keep:\n  mine: [tinny, 3]\n  yours: [tiny]\n  loud: [mell]\n")
    assert [(line, problem.partition(";")[0]) for line, problem in said] == [
        (27, "keep.mine.1: input should be a valid string"),
        (28, "keep.yours: 'yours' is not in corpora or copies"),
        (29, "keep.loud: 'mell' is not in features or embeddings (did you mean 'mel'?)"),
    ]


def test_items_of_a_list_have_the_line_of_its_key():
    text = PARAMS.replace("snr: [10, 20]}", "snr: [\n    10,\n    loud]}")
    assert mistakes(FILE, text) == [(7, "copies.loud.snr.1: input should be a valid number; it is 'loud'")]


# --- files that are none ---


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[1, 2]", "must be a mapping of sections"),
        ("just text", "must be a mapping of sections"),
        ("3", "must be a mapping of sections"),
        ("seed: 0 # fröhlich".encode("latin-1"), "not UTF-8 text; save it as UTF-8"),
        (None, "not found; run the command in the project's folder, or make a project with `ser init`"),
    ],
)
def test_a_file_that_is_no_mapping(text, problem):
    assert mistakes(FILE, text) == [(0, problem)]


def test_a_folder():
    FILE.mkdir()
    assert mistakes(FILE) == [(0, f"is a folder; expected a file, as {FILE}/params.yaml")]


def test_a_file_below_a_file():
    Path("file").write_text("")
    assert mistakes(Path("file/params.yaml")) == [(0, "cannot be read (Not a directory)")]


def test_a_file_of_an_earlier_version_is_one_mistake():
    text = "copied: {mfcc: []}\nexperiments:\n  pooled:\n    first: {corpus: mine}\n  svm: {}\n"
    problem = "experiments: are grouped by system, as an earlier version had them; see CHANGELOG.md"
    assert mistakes(FILE, text) == [(2, problem)]
