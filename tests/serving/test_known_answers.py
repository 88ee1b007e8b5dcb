"""Answers that are known from before: `ser predict` with the cache gives what it gives without, and computes less."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from bad_inputs import export
from click.testing import CliRunner
from conftest import REPOSITORY, tone

from pipeline.arithmetic import VARIABLES
from pipeline.cli import main
from pipeline.serving.answer_cache import AnswerCache, usual_cache
from pipeline.serving.tasks import EmotionTask

PROBABILITIES = EmotionTask(["happy", "sad"]).are_numbers


@pytest.fixture
def ser(tmp_path, monkeypatch):
    """Run `ser predict` with an export of two folds: what it says, and how many of how many were known."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SER_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SER_CACHE_MB", "1")
    export.write(tmp_path)
    for number in range(3):
        soundfile.write(f"{number}.wav", tone(0.5 + 0.2 * number, 200 + 150 * number), 16000)

    def ser(*arguments, code=0):
        done = CliRunner().invoke(main, ["predict", "model", *map(str, arguments)])
        assert done.exit_code == code, done.output
        known = [line for line in done.stderr.splitlines() if line.startswith("known from before: ")]
        return done.stdout, known[0].split(": ")[1].removesuffix(" recordings") if known else ""

    return ser


def files():
    return [path for path in Path("cache/answers").glob("??/*") if path.is_file()]


@pytest.mark.parametrize("windows", [(), ("--window", 0.2, "--hop", 0.1)])
def test_only_what_is_missing_is_computed_and_the_answers_are_the_same_bytes(ser, windows):
    wanted, unknown = ser("0.wav", "1.wav", "2.wav", "--no-cache", *windows)
    assert (unknown, files()) == ("", [])
    assert ser("1.wav", *windows)[1] == "0 of 1"
    assert ser("0.wav", "1.wav", "2.wav", *windows) == (wanted, "1 of 3")
    assert ser("0.wav", "1.wav", "2.wav", *windows) == (wanted, "3 of 3")
    shutil.copy("2.wav", "other.wav")
    assert ser("other.wav", *windows)[1] == "1 of 1"


def test_another_recording_question_or_model_is_not_known(ser):
    assert ser("0.wav")[1] == "0 of 1"
    assert ser("0.wav", "--abstain-below", 1, "--format", "jsonl")[1] == "1 of 1"
    assert ser("0.wav", "--window", 0.2)[1] == "0 of 1"
    assert ser("0.wav", "--window", 0.2, "--hop", 0.1)[1] == "0 of 1"
    Path("part.csv").write_text("path,start,end\n0.wav,0.1,0.4\n")
    assert ser("part.csv")[1] == "0 of 1"
    shutil.copy("1.wav", "0.wav")
    assert ser("0.wav")[1] == "0 of 1"
    export_card = Path("model/model.json")
    export_card.write_text(export_card.read_text().replace('"utterances": 9', '"utterances": 8'))
    assert ser("0.wav")[1] == "0 of 1"


def test_an_answer_of_other_arithmetic_is_not_known(ser, monkeypatch):
    held = ("SER_DEVICE", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in held:
        monkeypatch.setenv(name, VARIABLES[name])
    assert ser("0.wav")[1] == "0 of 1"
    assert ser("0.wav")[1] == "1 of 1"
    for name in {*VARIABLES} - {*held}:  # which libraries that are loaded do not look at any more
        with monkeypatch.context() as patch:
            patch.setenv(name, VARIABLES[name])
            assert ser("0.wav")[1] == "0 of 1", name


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-8]),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\x00"),
        lambda path: path.write_bytes(os.urandom(1000)),
        lambda path: (path.unlink(), os.mkfifo(path)),
        lambda path: (path.unlink(), path.symlink_to("/dev/zero")),
        lambda path: (path.unlink(), path.symlink_to(path)),
    ],
)
def test_a_damaged_answer_is_computed_anew(ser, damage):
    wanted, _ = ser("0.wav")
    (path,) = files()
    damage(path)
    assert ser("0.wav") == (wanted, "0 of 1")
    assert ser("0.wav") == (wanted, "1 of 1")


def test_numbers_that_are_no_answer_are_not_taken(tmp_path):
    cache, key = AnswerCache(tmp_path, 10**6), "ab" * 32
    good = np.array([[0.0, 1.0, 0.6, 0.25, 0.75], [1.0, 2.0, 0.0, np.nan, np.nan]])
    cache.keep({key: good})
    np.testing.assert_array_equal(cache.find(key, 2, PROBABILITIES), good)
    assert cache.find(key, 3, PROBABILITIES) is None
    (tmp_path / "ab" / ("cd" * 31)).write_bytes((tmp_path / "ab" / ("ab" * 31)).read_bytes())
    assert cache.find("ab" + "cd" * 31, 2, PROBABILITIES) is None  # the answer to another question
    sums, negative, ends = [0, 1, 1, 0.5, 0.6], [0, 1, 1, -0.5, 1.5], [1, 0, 1, 0.5, 0.5]
    silence, half, share = [0, 1, 0, 0.5, 0.5], [0, 1, 1, np.nan, 1], [0, 1, 2, 0.5, 0.5]
    for number, row in enumerate((sums, negative, ends, silence, half, share)):
        cache.keep({f"{number}" * 64: np.array([row], float)})
        assert cache.find(f"{number}" * 64, 2, PROBABILITIES) is None


def test_what_was_used_longest_ago_goes_first(tmp_path):
    cache, rows = AnswerCache(tmp_path, 3 * 4096), np.array([[0.0, 0.0, 1.0, 0.5, 0.5]])
    for number in range(3):
        cache.keep({f"{number}" * 64: rows})
        os.utime(tmp_path / f"{number}{number}" / (f"{number}" * 62), (number, number))
    assert cache.find("0" * 64, 2, PROBABILITIES) is not None
    cache.keep({"3" * 64: rows})
    known = [cache.find(f"{number}" * 64, 2, PROBABILITIES) is not None for number in range(4)]
    assert known == [
        True,
        False,
        True,
        True,
    ]


def test_where_the_cache_is_and_how_large(ser, monkeypatch, tmp_path):
    monkeypatch.setenv("SER_CACHE_MB", "")
    assert usual_cache() == AnswerCache(tmp_path / "cache/answers", 200_000_000)
    monkeypatch.delenv("SER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert usual_cache().folder == tmp_path / "xdg/ser/answers"
    monkeypatch.setenv("SER_CACHE_MB", "0")
    assert usual_cache() is None
    monkeypatch.setenv("SER_CACHE_MB", "many")
    ser("0.wav", code=2)


def test_a_place_that_cannot_be_written_is_a_warning(ser, monkeypatch):
    wanted, _ = ser("0.wav", "--no-cache")
    monkeypatch.setenv("SER_CACHE", "0.wav/inside")
    done = CliRunner().invoke(main, ["predict", "model", "0.wav"])
    assert (done.exit_code, done.stdout) == (0, wanted)
    assert "warning: 0.wav/inside/answers: answers cannot be kept there (Not a directory); name another" in done.stderr


def test_a_known_answer_needs_no_weights_and_imports_nothing_heavy(ser):
    wanted, _ = ser("0.wav")
    for path in Path("model").glob("*.safetensors"):
        path.unlink()
    code = (
        "import sys; sys.argv = ['ser', 'predict', 'model', '0.wav']\n"
        "from pipeline.cli import main\n"
        "try: main()\n"
        "finally: print({'torch', 'sklearn', 'scipy', 'librosa', 'transformers'} & {*sys.modules})"
    )
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == f"{wanted}set()\n"


def test_a_recording_that_cannot_be_used_is_not_kept(ser):
    Path("bad.wav").write_bytes(b"RIFF")
    assert ser("0.wav", "bad.wav", code=1) == ("", "")
    assert ser("0.wav", "bad.wav", "--skip-bad", code=3)[1] == "0 of 1"
    assert ser("0.wav", "bad.wav", "--skip-bad", code=3)[1] == "1 of 1"
