from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from conftest import PARAMS, REPOSITORY

from pipeline.cli import main
from pipeline.config.document import load

FILE = "my params.yaml"


@pytest.fixture
def check(tmp_path, monkeypatch):
    """Run `ser check` on a file of this text; returns the exit code and what it says."""
    monkeypatch.chdir(tmp_path)

    def check(text=None):
        if text is not None:
            Path(FILE).write_bytes(text if isinstance(text, bytes) else text.encode())
        result = CliRunner().invoke(main, ["check", FILE])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result

    return check


@pytest.fixture
def mistakes(check):
    """What `ser check` has to say of a wrong file: one line for each mistake, and nothing else."""

    def mistakes(text=None):
        result = check(text)
        assert (result.exit_code, result.stdout) == (2, "")
        lines = result.stderr.splitlines()
        for line in lines:
            assert line.startswith(f"error: {FILE}: ")
        return [line.removeprefix(f"error: {FILE}: ") for line in lines]

    return mistakes


def edited(key, value=None, name=None):
    """PARAMS with the dotted `key` set to a value, or renamed (the last part only)."""
    data = yaml.safe_load(PARAMS)
    *parents, last = key.split(".")
    table = data
    for parent in parents:
        table = table.setdefault(parent, {})
    if name is None:
        table[last] = value
    else:
        table[name] = table.pop(last)
    return yaml.safe_dump(data, sort_keys=False)


def without(key):
    data = yaml.safe_load(PARAMS)
    *parents, last = key.split(".")
    table = data
    for parent in parents:
        table = table[parent]
    del table[last]
    return yaml.safe_dump(data, sort_keys=False)


def test_the_shipped_params_are_valid():
    result = CliRunner().invoke(main, ["check", str(REPOSITORY / "params.yaml")])
    assert (result.exit_code, result.stderr) == (0, "")
    assert "params.yaml is valid: " in result.stdout


def test_these_params_are_valid(check):
    result = check(PARAMS)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{FILE} is valid: 1 corpora, 3 experiments, 1 fusions\n"


def test_defaults_are_filled_in(check):
    check(PARAMS)
    settings = load(Path(FILE))
    assert settings.scoring.confidence == 0.95
    assert settings.feature("cepstra")[1].clip is None
    assert settings.experiment("picture")[1].inputs() == {"logmel": "mel"}


@pytest.mark.parametrize(
    ("key", "wrong"),
    [
        ("seed", "sead"),
        ("corpora", "corpra"),
        ("scoring", "scorings"),
        ("demo.spoken.voices", "voicse"),
        ("corpora.mine.root", "rot"),
        ("corpora.mine.speaker_pattern", "speaker_patern"),
        ("copies.loud.snr", "snrs"),
        ("copied.logmel", "logmell"),
        ("features.mfcc.cepstra.n_mfcc", "n_mfc"),
        ("features.logmel.mel.n_mels", "n_mel"),
        ("embeddings.tiny.layers", "layer"),
        ("protocols.dealt.folds", "fold"),
        ("protocols.mixed.test", "tests"),
        ("experiments.pooled.statistics.protocol", "protokol"),
        ("experiments.spectrogram.picture.copies", "copyes"),
        ("experiments.spectrogram.picture.params.epochs", "epoch"),
        ("fusions.both.fit_on", "fiton"),
        ("scoring.bootstrap", "bootstraps"),
    ],
)
def test_a_misspelt_key_is_named_with_what_was_meant(mistakes, key, wrong):
    (line,) = mistakes(edited(key, name=wrong))
    *parents, right = key.split(".")
    assert line.startswith(f"{'.'.join([*parents, wrong])}: unknown key (did you mean {right!r}?); known: ")


@pytest.mark.parametrize(
    ("key", "name", "message"),
    [
        ("features.mfcc", "mfc", "features.mfc: 'mfc' is not in the feature extractors (did you mean 'mfcc'?)"),
        ("features.mfcc", "ssl", "features.ssl: self-supervised models have their own section"),
        ("experiments.pooled", "poled", "experiments.poled: 'poled' is not in the systems (did you mean 'pooled'?)"),
        ("protocols.loso.scheme", "scheem", "protocols.loso.scheme: is missing"),
    ],
)
def test_a_misspelt_kind(mistakes, key, name, message):
    (line,) = mistakes(edited(key, name=name))
    assert line.startswith(message)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("seed", "zero", "valid integer"),
        ("seed", -1, "greater than or equal to 0; it is -1"),
        ("seed", 2**32, "less than or equal to 4294967295; it is 4294967296"),
        ("corpora", ["mine"], "valid dictionary"),
        ("corpora", None, "valid dictionary; it is None"),
        ("corpora.mine.root", "", "corpora.mine.root: should be the corpus folder, as /path/to/recordings; it is ''"),
        ("corpora.mine.root", " ", "should be the corpus folder"),
        ("corpora.mine.root", 3, "corpora.mine.root: "),
        ("corpora.mine.language", False, "valid string; it is False"),
        ("corpora.mine.speaker_pattern", "(a", "is no regular expression"),
        ("corpora.mine.speaker_pattern", "a+", "needs a group"),
        ("copies.loud", {"source": "mine"}, "has none of snr, speed and semitones"),
        ("copies.loud.snr", [".nan"], "valid number"),
        ("copies.loud.snr", [float("nan")], "finite number"),
        ("features.mfcc.cepstra", 3, "valid dictionary; it is 3"),
        ("features.mfcc.cepstra.n_mels", "many", "valid integer"),
        ("features.mfcc.cepstra.sample_rate", 8000, "16000 or 48000; it is 8000"),
        ("features.mfcc.cepstra.clip", 0, "greater than 0"),
        ("features.mfcc.cepstra.clip", 3601, "less than or equal to 3600; it is 3601"),
        ("features.mfcc.cepstra.pad_to", 1e9, "less than or equal to 3600; it is 1000000000.0"),
        ("features.mfcc.cepstra.n_fft", 10**9, "at most 65536 samples; it is 1000000000"),
        ("features.mfcc.cepstra.hop_length", 10**9, "at most 65536 samples; it is 1000000000"),
        ("features.lpcc", {"x": {"n_fft": 10**9}}, "features.lpcc.x.n_fft: should be at most 65536 samples"),
        ("features.mfcc.cepstra.pad", "loop", "'zero' or 'repeat'; it is 'loop'"),
        ("embeddings.tiny.layers", "all", "it is 'all'"),
        ("protocols.dealt.folds", 1, "greater than or equal to 2; it is 1"),
        ("protocols.dealt.folds", "two", "valid integer"),
        ("protocols.mixed.test", 1.5, "less than 1"),
        ("protocols.loso.scheme", "loso", "'loso' is not known; known: leave_one_speaker_out"),
        ("protocols.loso.scheme", "grouped_kfol", "'grouped_kfol' is not known (did you mean 'grouped_kfold'?)"),
        ("experiments.spectrogram.picture.params", [1], "valid dictionary"),
        ("experiments.spectrogram.picture.params.epochs", "ten", "valid integer"),
        ("fusions.both.method", "mean", "'weighted_average' or 'gated'; it is 'mean'"),
        ("scoring.confidence", 95, "less than 1; it is 95"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_right(mistakes, key, value, expected):
    (line,) = mistakes(edited(key, value))
    assert line.startswith(key)
    assert expected in line


@pytest.mark.parametrize(
    "key",
    [
        "seed",
        "features",
        "corpora.mine.root",
        "copies.loud.source",
        "protocols.loso.scheme",
        "experiments.pooled.statistics.corpus",
        "fusions.both.of",
    ],
)
def test_a_missing_key(mistakes, key):
    assert mistakes(without(key)) == [f"{key}: is missing"]


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("corpora.mine.reader", "foldr", "'foldr' is not in the corpus readers (did you mean 'folder'?)"),
        ("corpora.mine.emotions", {"x": "sadd"}, "'x' maps to 'sadd' (did you mean 'sad'?)"),
        ("corpora.loud", {"reader": "folder", "root": "x"}, "copies.loud: is the name of a corpus too"),
        ("copies.loud.source", "min", "'min' is not in corpora (did you mean 'mine'?)"),
        ("copied.logmel", ["mell"], "'mell' is not in features.logmel (did you mean 'mel'?)"),
        ("copied.ssl", ["tinny"], "'tinny' is not in embeddings (did you mean 'tiny'?)"),
        ("embeddings.mel", {"model": "tiny"}, "the name is used twice"),
        ("experiments.pooled.statistics.corpus", "yours", "'yours' is not in corpora; known: mine"),
        ("experiments.pooled.statistics.protocol", "lso", "'lso' is not in protocols (did you mean 'loso'?)"),
        ("experiments.pooled.statistics.mfcc", "mel", "'mel' is not in features.mfcc; known: cepstra"),
        ("experiments.spectrogram.picture.logmel", "", "is missing; spectrogram takes logmel"),
        (
            "experiments.pooled.statistics.waveform",
            "tiny",
            "is not taken by pooled; it takes logmel, mfcc, prosody, ssl",
        ),
        (
            "experiments.pooled.statistics",
            {"corpus": "mine", "copies": "mine", "protocol": "loso"},
            "reads no feature; pooled takes any of logmel, mfcc, prosody, ssl",
        ),
        ("experiments.pooled.statistics.copies", "loud", "'cepstra' is not extracted from copies; add it to copied."),
        (
            "experiments.pooled.picture",
            {"corpus": "mine", "copies": "mine", "protocol": "loso"}
            | {"logmel": "mel", "mfcc": "cepstra", "prosody": "melody"},
            "experiments.spectrogram.picture: the name is used twice",
        ),
        ("experiments.spectrogram.picture.copies", "", "'' is not in copies; known: loud"),
        ("experiments.spectrogram.picture.copies", "loude", "'loude' is not in copies (did you mean 'loud'?)"),
        ("copied.logmel", [], "'mel' is not extracted from copies; add it to copied.logmel"),
        (
            "fusions.both.of",
            ["statistics", "agaain"],
            "'agaain' is not in experiments or fusions (did you mean 'again'?)",
        ),
        (
            "fusions.both.of",
            ["statistics", "picture"],
            "fusions.both: its branches have not one corpus and one protocol",
        ),
        ("fusions.both.of", ["statistics", "both"], "a fusion cannot rest on itself: both of both"),
        ("fusions.again", {"of": ["again", "statistics"]}, "is the name of an experiment too"),
        ("corpora.my corpus", {"reader": "folder", "root": "x"}, "name 'my corpus' may hold only"),
        ("features.mfcc.a/b", {}, "name 'a/b' may hold only"),
        ("experiments.pooled.ä", {"corpus": "mine", "copies": "mine", "protocol": "loso"}, "name 'ä' may hold only"),
        ("features.mfcc.cepstra.n_mfcc", 30, "n_mfcc 30 is more than n_mels 20"),
        ("features.mfcc.cepstra.win_length", 10**9, "win_length 1000000000 is longer than n_fft"),
        ("features.mfcc.cepstra.n_mels", 1026, "n_mels 1026 is more than the 1025 frequencies of n_fft 2048"),
    ],
)
def test_sections_must_fit_each_other(mistakes, key, value, message):
    (line,) = mistakes(edited(key, value))
    assert message in line
    section = message.split(":")[0] if message.startswith(("copies", "fusions", "experiments")) else key.split(".")[0]
    assert line.startswith(section) or key == "copied.logmel"


def test_every_mistake_has_its_line(mistakes):
    text = PARAMS.replace("seed: 0", "sed: 0").replace("bootstrap: 100", "bootstrap: few").replace("fit_on", "fit_at")
    assert [line.split(":")[0] for line in mistakes(text)] == ["fusions.both.fit_at", "scoring.bootstrap", "sed"]


def test_an_unknown_key_beside_a_missing_one_are_two_mistakes(mistakes):
    first, second = mistakes(without("seed") + "colour: red\n")
    assert first == "seed: is missing"
    assert second.startswith("colour: unknown key; known: seed, ")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: [", "not valid YAML: "),
        ("seed: 0\n\tcorpora: 1", "not valid YAML: "),
        ("a: b: c", "not valid YAML: "),
        ("a: \0", "not valid YAML: "),
        ("", "must be a mapping of sections"),
        ("[1, 2]", "must be a mapping of sections"),
        ("seed: 0 # fröhlich".encode("latin-1"), "not UTF-8 text"),
        (PARAMS + "1: 2\n", "1: keys should be strings; it is 1"),
    ],
)
def test_a_file_that_is_no_mapping(mistakes, text, message):
    (line,) = mistakes(text)
    assert line.startswith(message)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("2024-99-99", "'2024-99-99' is no valid timestamp (text can stand in quotes)"),
        ("2024-01-01 25:00:00", "'2024-01-01 25:00:00' is no valid timestamp"),
        ("!!timestamp x", "'x' is no valid timestamp"),
        ("!!int foo", "'foo' is no valid int"),
        ("!!int ''", "'' is no valid int"),
        ("!!float abc", "'abc' is no valid float"),
        ("!!bool perhaps", "'perhaps' is no valid bool"),
        ("!!map [a]", "this is no valid map"),
        ("9" * 5000, f"'{'9' * 56}... is no valid int"),
        ("[" * 3000, "more than 50 levels of nesting"),
        ("{a: " * 3000, "more than 50 levels of nesting"),
        ("[" * 51 + "]" * 51, "more than 50 levels of nesting"),
        ("&a {b: *a}", "unconstructable recursive node"),
    ],
)
def test_a_value_that_yaml_cannot_give(mistakes, value, says):
    (line,) = mistakes(f"corpora: {{}}\nseed: {value}\n")
    assert line.startswith("not valid YAML: ")
    assert says in line
    assert f'in "{FILE}", line 2, column ' in line


def test_values_within_the_limits(check, mistakes):
    nested = "[" * 40 + "]" * 40
    assert mistakes(edited("seed", "quoted").replace("quoted", nested))[0].startswith("seed: input should be a valid ")
    assert mistakes(edited("seed", "quoted").replace("quoted", "2024-12-31"))[0].startswith("seed: input should be")
    (line,) = mistakes(edited("seed", "quoted").replace("quoted", "0x" + "f" * 5000))
    assert line.endswith("; it is too long a number to show")
    assert check(edited("seed", 2**32 - 1)).exit_code == 0
    assert check(edited("corpora.mine.root", ".")).exit_code == 0


@pytest.mark.parametrize(
    ("text", "key", "number"),
    [
        (PARAMS + "seed: 1\n", "seed", len(PARAMS.splitlines()) + 1),
        (PARAMS.replace("  tiny: {model: tiny,", "  tiny: {model: tiny, model: large,"), "model", 18),
        (PARAMS.replace("  melody: {}", "  melody: {}\n    melody: {}"), "melody", 17),
    ],
)
def test_a_key_that_stands_twice(mistakes, text, key, number):
    (line,) = mistakes(text)
    assert f"key {key!r} stands twice" in line
    assert f"line {number}," in line


def test_a_merged_key_may_be_given_anew(check):
    text = PARAMS.replace("mel: {n_fft", "mel: &mel {n_fft")
    text = text.replace("  mfcc:\n", "    wide: {<<: *mel, n_mels: 40}\n  mfcc:\n")
    assert check(text).exit_code == 0
    _, params = load(Path(FILE)).feature("wide")
    assert (params.n_fft, params.n_mels) == (512, 40)


def test_a_missing_file(mistakes):
    assert mistakes() == ["not found; run the command in the project's folder"]


def test_an_empty_root_beside_another_mistake(mistakes):
    lines = mistakes(edited("corpora.mine.root", "").replace("bootstrap: 100", "bootstrap: few"))
    assert [line.split(":")[0] for line in lines] == ["corpora.mine.root", "scoring.bootstrap"]


def test_a_folder(mistakes):
    Path(FILE).mkdir()
    assert mistakes() == [f"is a folder; expected a file, as {FILE}/params.yaml"]


def test_a_file_below_a_file(check):
    Path("file").write_text("")
    result = CliRunner().invoke(main, ["check", "file/params.yaml"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: file/params.yaml: cannot be read (Not a directory)\n"
