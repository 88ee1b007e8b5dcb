"""Recordings out of the ordinary, and what the manifest stage says of them."""

import json

import numpy as np
import pytest
import soundfile
from conftest import tone

from pipeline.audio import decoding
from pipeline.audio.examination import examine
from pipeline.corpora import health, listing
from pipeline.corpora.base import CorpusParams
from pipeline.errors import UserError

RATE = 16000


@pytest.fixture
def found(tmp_path):
    """The keys of each kind, of a corpus of these recordings: name -> samples, or a count of them and the kinds."""

    def found(whole=False, rate=RATE, suffix="wav", **recordings):
        (tmp_path / "c/sad").mkdir(parents=True, exist_ok=True)
        for name, samples in recordings.items():
            soundfile.write(tmp_path / f"c/sad/{name}.{suffix}", samples, rate)
        listed = listing.read("mine", CorpusParams(reader="folder", root=tmp_path / "c"))
        said = health.find({key: one.measures for key, one in listed.examinations.items()})
        return (
            said
            if whole
            else {kind: [key[4:] for key in entry["keys"]] for kind, entry in said.items() if entry["keys"]}
        )

    return found


def speech(seconds, gain=1.0):
    """Noise in bursts with a peak of 0.5 times the gain, cut at full scale."""
    rng = np.random.default_rng(0)
    t = np.arange(round(seconds * RATE)) / RATE
    wave = rng.standard_normal(len(t)) * np.sin(2 * np.pi * 3 * t) ** 4
    return np.clip(gain * 0.5 * wave / np.abs(wave).max(), -1, 1)


def test_nothing_out_of_the_ordinary(found):
    assert found(a=speech(1), b=tone(0.3), c=speech(2, 2), d=0.002 * tone(1, amplitude=1.0)) == {}


@pytest.mark.parametrize(
    ("samples", "kinds"),
    [
        (np.zeros(RATE), {"silent"}),
        (np.full(RATE, 0.3), {"silent"}),
        (tone(1, amplitude=32 / 32768), {"silent"}),
        (tone(1, amplitude=33 / 32768), set()),
        (np.tile([0.1, -0.4], (RATE, 1)), {"silent"}),
        (np.stack([np.zeros(RATE), tone(1)], axis=1), set()),
        (np.stack([tone(1), -tone(1)], axis=1), {"cancelled"}),
        (np.stack([speech(1, 16), -speech(1, 16)], axis=1), {"cancelled", "clipped"}),
        (np.stack([tone(1), -tone(1), np.zeros(RATE)], axis=1), {"cancelled"}),
        (speech(1, 8), {"clipped"}),
        (np.stack([speech(1), speech(1, 16)], axis=1), {"clipped"}),
        (np.sign(tone(1)), {"clipped"}),
        (np.where(np.arange(RATE) < 15, -1, tone(1)), set()),
        (np.where(np.arange(RATE) < 16, -1, tone(1)), {"clipped"}),
        (np.full(RATE, 1.0), {"clipped", "silent"}),
        (tone(0.2999), {"short"}),
        (np.zeros(1), {"short", "silent"}),
        (speech(30), set()),
        (speech(30.01), {"long"}),
    ],
)
def test_kinds(found, samples, kinds):
    assert set(found(x=samples)) == kinds


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_every_format(found, suffix):
    assert found(suffix=suffix, loud=speech(1, 16), still=np.zeros(RATE), fine=speech(1)) == {
        "clipped": ["loud"],
        "silent": ["still"],
    }


def test_a_peak_at_full_scale_is_not_clipping(found):
    """As recordings are that were normalised to their peak."""
    wave = speech(2)
    assert found(x=wave / np.abs(wave).max()) == {}


def test_measures_do_not_depend_on_blocks(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.wav", speech(2, 4), RATE)
    whole = examine(tmp_path / "a.wav").measures
    monkeypatch.setattr(decoding, "BLOCK_VALUES", 777)
    assert examine(tmp_path / "a.wav").measures == whole
    assert whole.swing == pytest.approx(1, abs=1e-4)


def test_counts_are_whole_and_keys_are_bounded(found):
    said = found(whole=True, **{f"r{i:02d}": np.zeros(RATE) for i in range(25)})["silent"]
    assert said["count"] == 25
    assert said["keys"] == [f"sad/r{i:02d}" for i in range(health.KEYS)]
    assert "0.001 of full scale" in said["rule"]


def test_every_kind_has_its_rule(found):
    said = found(whole=True, a=speech(1))
    assert {kind: entry["rule"] for kind, entry in said.items()} == health.RULES
    assert all((entry["count"], entry["keys"]) == (0, []) for entry in said.values())


def test_summary(found):
    assert health.summary(found(whole=True, a=speech(1))) == ""
    assert health.summary(found(whole=True, b=np.zeros(9), c=tone(0.1))) == "1 silent, 2 short"


def test_a_recording_that_cannot_be_decoded(tmp_path):
    soundfile.write(tmp_path / "a.flac", speech(2), RATE)
    data = (tmp_path / "a.flac").read_bytes()
    (tmp_path / "a.flac").write_bytes(data[:20] + b"\xff" * 100 + data[120:])
    with pytest.raises(UserError, match=r"a\.flac: cannot be read as audio \(.*\); mend or remove the file"):
        examine(tmp_path / "a.flac")
    with pytest.raises(UserError, match=r"gone\.wav: cannot be read as audio"):
        examine(tmp_path / "gone.wav")


# --- the stage ---


def test_the_stage_reports_and_warns_in_one_line(project):
    soundfile.write(project.folder / "recordings/sad/dora_1.wav", np.zeros(RATE), RATE)
    done = project.run("stages.manifest", "mine")
    assert done.returncode == 0
    assert done.stderr == (
        "warning: mine: recordings out of the ordinary: 1 silent, 6 short; metrics/corpora/mine.json names them\n"
    )
    report = (project.folder / "metrics/corpora/mine.json").read_bytes()
    said = json.loads(report)
    assert said["utterances"] == 10
    assert said["outliers"]["silent"] == {"rule": health.RULES["silent"], "count": 1, "keys": ["sad/dora_1"]}
    assert said["outliers"]["short"]["keys"] == [
        f"{e}/{s}_1" for e in ("angry", "happy") for s in ("anna", "ben", "cleo")
    ]
    project.run("stages.manifest", "mine")
    assert (project.folder / "metrics/corpora/mine.json").read_bytes() == report


def test_the_stage_says_nothing_when_there_is_nothing_to_say(project):
    for number, path in enumerate(project.recordings):
        soundfile.write(path, tone(0.5, 200 + 20 * number), RATE)
    assert project.run("stages.manifest", "mine").stderr == ""
