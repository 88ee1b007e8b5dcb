"""Recordings that a corpus holds twice, of two speakers or labels; and what still leaks when it is scored."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from bad_inputs.registry import bad_input
from toy_predictions import ROWS, predictions

from pipeline import paths
from pipeline.corpora import manifest

RATE = 16000
MANIFEST = ["stages.manifest", "mine"]

PARAMS = """\
seed: 0
corpora:
  mine: {{reader: folder, root: recordings, speaker_pattern: '/([a-z]+)_'{more}}}
features:
  cepstra: {{extractor: mfcc}}
protocols:
  loso: {{scheme: leave_one_speaker_out}}
experiments:
  statistics: {{system: pooled, corpus: mine, protocol: loso, mfcc: cepstra}}
scoring:
  bootstrap: 100
"""


def speech(seed, seconds=1.5):
    """Noise in syllables, (samples,) of 16 bits."""
    rng = np.random.default_rng(seed)
    levels = np.repeat(rng.uniform(0.1, 1, round(seconds * 8)), RATE // 8)
    return np.rint(5000 * np.clip(rng.standard_normal(len(levels)), -3, 3) * levels) / 32768


def corpus(folder, more=""):
    """A corpus of four recordings, in a project: each emotion of anna and ben."""
    (folder / "params.yaml").write_text(PARAMS.format(more=more), encoding="utf-8")
    for number, name in enumerate(("sad/anna_1", "sad/ben_1", "happy/anna_1", "happy/ben_1")):
        add(folder, f"{name}.wav", speech(number))


def add(folder, name, samples, rate=RATE, **options):
    path = folder / "recordings" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **options)


@bad_input("duplicates: a file copied over another speaker's", says="holds the same samples as recordings/happy/anna_1")
def copied_over(folder: Path) -> list[str]:
    corpus(folder)
    source, target = (folder / f"recordings/happy/{name}_1.wav" for name in ("anna", "ben"))
    target.write_bytes(source.read_bytes())
    return MANIFEST


@bad_input("duplicates: a file under two labels", says="under another label ('happy' and 'sad'), so one must be wrong")
def two_labels(folder: Path) -> list[str]:
    corpus(folder)
    add(folder, "sad/ben_2.wav", speech(3))
    return MANIFEST


@bad_input(
    "duplicates: a file under four labels", says="under another label ('angry' and 'bored'), so one must be wrong"
)
def four_labels(folder: Path) -> list[str]:
    corpus(folder)
    for emotion in ("angry", "fearful", "neutral", "bored"):
        add(folder, f"{emotion}/cleo_1.wav", speech(9))
    return MANIFEST


@bad_input(
    "duplicates: a file under four labels, of which one is kept",
    says="under another label ('angry' and 'bored'), so one must be wrong (4 files are this recording)",
)
def one_kept_of_four(folder: Path) -> list[str]:
    four_labels(folder)
    (folder / "params.yaml").write_text(PARAMS.format(more=", keep: [sad, happy, bored]"), encoding="utf-8")
    return MANIFEST


@bad_input("duplicates: 25 files under two labels", says="25 recordings are under several speakers or labels, of which")
def many_under_two_labels(folder: Path) -> list[str]:
    corpus(folder)
    for number in range(25):
        for emotion in ("happy", "sad"):
            add(folder, f"{emotion}/cleo_{number}.wav", speech(20 + number))
    return MANIFEST


@bad_input("duplicates: silence under two labels", says="recordings out of the ordinary: 2 silent", code=0)
def silence(folder: Path) -> list[str]:
    corpus(folder)
    for emotion in ("happy", "sad"):
        add(folder, f"{emotion}/cleo_1.wav", np.zeros(RATE))
    return MANIFEST


@bad_input("duplicates: WAV and FLAC of two speakers", says="flac holds the same samples as recordings/sad/anna_1.wav")
def other_format(folder: Path) -> list[str]:
    corpus(folder)
    add(folder, "sad/cleo_1.flac", speech(0))
    return MANIFEST


@bad_input(
    "duplicates: the same at 0.3 of the level", says="ben_2.wav is the same recording as recordings/sad/anna_1.wav"
)
def softer(folder: Path) -> list[str]:
    corpus(folder)
    add(folder, "sad/ben_2.wav", 0.3 * speech(0))
    return MANIFEST


@bad_input("duplicates: the same without silence", says="ben_2.wav is the same recording as recordings/sad/ann")
def trimmed(folder: Path) -> list[str]:
    corpus(folder)
    add(folder, "sad/ann_1.wav", np.pad(speech(9), (9876, 4321)))
    add(folder, "sad/ben_2.wav", speech(9))
    return MANIFEST


@bad_input(
    "duplicates: the same as OGG", says="ben_2.ogg is the same recording as recordings/sad/anna_1.wav, under another"
)
def lossy(folder: Path) -> list[str]:
    corpus(folder)
    add(folder, "sad/ben_2.ogg", speech(0))
    return MANIFEST


@bad_input(
    "duplicates: nothing but conflicts, to be dropped", says="every recording is a duplicate with another speaker"
)
def all_dropped(folder: Path) -> list[str]:
    corpus(folder, ", duplicates: drop")
    for name in ("sad/anna_1", "sad/ben_1", "happy/anna_1", "happy/ben_1"):
        add(folder, f"{name}.wav", speech(0))
    return MANIFEST


@bad_input("duplicates: a policy that there is not", says="input should be 'fail', 'keep_first' or 'drop'", code=2)
def policy(folder: Path) -> list[str]:
    corpus(folder, ", duplicates: keep")
    return MANIFEST


@bad_input("manifest: a twin that is no text", says="'twin' must be text; it is 3")
def twin_of_another_type(folder: Path) -> list[str]:
    scored(folder)
    path = folder / paths.manifest("mine")
    first, rest = path.read_text(encoding="utf-8").split("\n", 1)
    path.write_text(json.dumps({**json.loads(first), "twin": 3}) + "\n" + rest, encoding="utf-8")
    return ["stages.evaluate"]


def scored(folder, *changes):
    """Predictions of leave one speaker out, and a manifest in which rows are changed: pairs of key and values."""
    (folder / "params.yaml").write_text(PARAMS.format(more=""), encoding="utf-8")
    rows = {row.key: replace(row, dataset="mine") for row in ROWS}
    rows |= {key: replace(rows[key], **values) for key, values in changes}
    manifest.write(folder / paths.manifest("mine"), list(rows.values()))
    predictions(corpus_name="mine", name="statistics").write(folder / paths.predictions("statistics"))
    return ["stages.evaluate"]


@bad_input("evaluate: the twin of a test recording was trained on", says="'s3-angry-0', which is trained on")
def trained_twin(folder: Path) -> list[str]:
    return scored(folder, ("s3-angry-0", {"twin": "s0-sad-1"}))


@bad_input("evaluate: a test file has the bytes of one trained on", says="'s3-angry-0', which is trained on")
def trained_bytes(folder: Path) -> list[str]:
    return scored(folder, *((key, {"sha256": "5e"}) for key in ("s0-sad-1", "s3-angry-0")))


@bad_input("evaluate: a label changed since training", says="has the label 'sad' in its predictions, and 'happy'")
def other_label(folder: Path) -> list[str]:
    return scored(folder, ("s2-sad-0", {"emotion": "happy"}))


@bad_input("evaluate: a speaker changed since training", says="has the speaker 's2' in its predictions, and 's9'")
def other_speaker(folder: Path) -> list[str]:
    return scored(folder, ("s2-sad-0", {"speaker": "s9"}))


@bad_input("evaluate: a recording renamed since training", says="'s2-sad-0' is in no manifest; run `dvc repro`")
def other_key(folder: Path) -> list[str]:
    return scored(folder, ("s2-sad-0", {"key": "s2-sad-9"}))


@bad_input("evaluate: trained on a key of no manifest", says="'gone' is in no manifest; run `dvc repro`")
def trained_on_nobody(folder: Path) -> list[str]:
    arguments = scored(folder)
    path = folder / paths.predictions("statistics") / "folds.json"
    folds = json.loads(path.read_text(encoding="utf-8"))
    folds[0]["train"].append("gone")
    path.write_text(json.dumps(folds), encoding="utf-8")
    return arguments
