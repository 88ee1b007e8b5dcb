"""A small project that is trained and exported once, for all tests of trained models."""

import json
from contextlib import chdir
from functools import cache
from hashlib import sha256

import soundfile
from conftest import Project, tone
from in_process import ser, stage

MORE = """fusions:
  pair: {of: [picture, again], method: weighted_average}
  nested: {of: [pair, again, picture], fit_on: other_folds}
  stacked: {of: [picture, again], method: stacking, classifier: GaussianNB, fit_on: other_folds}
"""
FUSION = "of: [picture, again], fit_on: other_folds"


@cache
def trained_project(base):
    """A project below a folder: nine recordings; pooled and spectrogram experiments and fusions, each exported."""
    folder = base / "trained_project"
    folder.mkdir()
    project = Project(folder)
    for number, path in enumerate(project.recordings):
        soundfile.write(path, tone(0.3 + 0.02 * number, 200 + 90 * (number // 3) + 7 * number), 16000)
    project.edit("of: [statistics, again], fit_on: validation", FUSION)
    project.edit("fusions:\n", MORE)
    project.edit("copies: loud, protocol: dealt", "protocol: loso")
    project.edit("n_mels: 32}\n  cepstra", "n_mels: 32, hop_length: 100}\n  cepstra")
    project.edit("statistics: {system", "statistics: {params: {normalisation: per_speaker}, system")
    project.edit("{epochs: 1}", "{epochs: 1, patience: 0}")
    steps = [("manifest", "mine"), ("audio", "mine", "16k")]
    steps += [("features", "mine", name) for name in ("mel", "cepstra", "melody")]
    steps += [("train", "statistics"), ("train", "again", "--hold-out"), ("train", "picture")]
    steps += [("fuse", name) for name in ("both", "pair", "nested", "stacked")]
    with chdir(folder):
        for name, *arguments in steps:
            done = stage(name, *arguments)
            assert done.exit_code == 0, done.output
        for name in ("statistics", "again", "picture", "both", "pair", "nested", "stacked"):
            done = ser("export", name)
            assert done.exit_code == 0, done.output
    return project


def signed(folder):
    """Let the cards of an export say the digests of the files that are there, as a stranger can too."""
    for card in folder.rglob("card.json"):
        known = json.loads(card.read_text())
        if isinstance(known.get("folds"), list):
            files = [card.parent / f"fold_{number:02d}.safetensors" for number in range(len(known["folds"]))]
            digests = [sha256(path.read_bytes()).hexdigest() if path.is_file() else "0" * 64 for path in files]
            card.write_text(json.dumps(known | {"weights": digests}))
    top, path = json.loads((folder / "card.json").read_text()), folder / "model.json"
    cards = {
        card.relative_to(folder).as_posix(): sha256(card.read_bytes()).hexdigest() for card in folder.rglob("card.json")
    }
    path.write_text(json.dumps(json.loads(path.read_text()) | {"cards": cards, "count": len(top["folds"])}))
    return folder
