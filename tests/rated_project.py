"""A project of recordings with numbers in a table: tones whose pitch is their valence and whose level their arousal."""

import csv

import numpy as np
import soundfile
from conftest import tone
from in_process import make_audio, ser, stage

PARAMS = """\
seed: 0
corpora:
  mine: {{reader: folder, root: recordings, table: labels.csv, dimensions: [engagement]}}
features:
  mel: {{extractor: logmel, n_fft: 512, n_mels: 24}}
  cepstra: {{extractor: mfcc, n_mfcc: 12, n_mels: 20}}
protocols:
  loso: {{scheme: leave_one_speaker_out}}
  validated: {{scheme: grouped_kfold, folds: 2, validation_speakers: 1}}
  mixed: {{scheme: stratified_split, test: 0.25}}
experiments:
{experiments}
scoring: {{bootstrap: 200}}
"""

POOLED = (
    "{system: pooled, corpus: mine, protocol: loso, logmel: mel, targets: [valence, arousal], params: {alpha: 1.0}}"
)


def write_recordings(root, count=28, speakers=4, seed=0):
    """Recordings and their table; the last one has no valence, and the first ones emotions."""
    rng = np.random.default_rng(seed)
    root.mkdir(parents=True)
    lines = ["path,emotion,speaker,valence,arousal,engagement"]
    for i in range(count):
        valence, arousal = rng.uniform(1, 5, 2).round(3)
        wave = tone(0.4, 300 + 200 * valence, amplitude=0.02 * 2**arousal)
        soundfile.write(root / f"u{i:02d}.wav", wave + rng.normal(0, 1e-3, len(wave)), 16000)
        emotion = ("happy" if valence > 3 else "sad") if i < count - 2 else ""
        shown = "" if i == count - 1 else valence
        lines.append(f"u{i:02d}.wav,{emotion},s{i % speakers},{shown},{arousal},{int(arousal > 3)}")
    (root / "labels.csv").write_text("\n".join([*lines, ""]), encoding="utf-8")


def rated_project(folder, **experiments):
    """Write the project in a folder."""
    write_recordings(folder / "recordings")
    lines = "\n".join(f"  {name}: {text}" for name, text in experiments.items())
    (folder / "params.yaml").write_text(PARAMS.format(experiments=lines), encoding="utf-8")


def add_second(folder, scale=1):
    """Add the corpus `other`, of as many recordings, with valence on another scale."""
    write_recordings(folder / "second", seed=1)
    path = folder / "second/labels.csv"
    with path.open(encoding="utf-8", newline="") as file:
        labels = list(csv.DictReader(file))
    for row in labels:
        row["valence"] = row["valence"] and str(scale * float(row["valence"]))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, labels[0])
        writer.writeheader()
        writer.writerows(labels)
    params = (folder / "params.yaml").read_text(encoding="utf-8")
    other = "  other: {reader: folder, root: second, table: labels.csv, dimensions: [engagement]}\nfeatures:"
    (folder / "params.yaml").write_text(params.replace("features:", other, 1), encoding="utf-8")


def make_second():
    """Run the stages that both corpora's features need."""
    for corpus in ("mine", "other"):
        for step in (["manifest", corpus], ["audio", corpus, "16k"], ["features", corpus, "mel"]):
            done = stage(*step)
            assert done.exit_code == 0, done.stderr


def run_all(*experiments, features=("mel",)):
    """Run the stages of these experiments in the working folder; gives what `evaluate` says."""
    graph = ser("graph")
    assert graph.exit_code == 0, graph.stderr
    make_audio()
    for name in features:
        assert stage("features", "mine", name).exit_code == 0
    for name, kind in experiments:
        done = stage(kind, name)
        assert done.exit_code == 0, done.stderr
    stage("manifest", "mine")
    done = stage("evaluate")
    assert done.exit_code == 0, done.stderr
    return done.stdout
