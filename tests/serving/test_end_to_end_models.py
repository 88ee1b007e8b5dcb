"""Exports of a network that holds a pretrained model itself, and takes waveforms."""

import json
from pathlib import Path

import numpy as np
import pytest
from in_process import ser, stage
from safetensors.numpy import load_file, save_file
from ssl_checkpoints import build

from pipeline import load_model
from pipeline.serving.models import TOP

LAST = ("classifier.6.weight", "classifier.6.bias")
"""the layer of logits"""

ENTRY = (
    "{{system: wav2vec_end_to_end, corpus: mine, protocol: loso, waveform: wave, "
    "params: {{model: {model}, unfreeze_blocks: 1, epochs: 1, patience: 0, width: 8}}}}"
)


@pytest.fixture
def exported(project):
    """The folder of an export."""
    folder = project.folder / "elsewhere/mine"
    build("wav2vec2-group").save_pretrained(folder)
    project.edit("features:\n", "features:\n  wave: {extractor: waveform, clip: 0.5}\n")
    project.edit("experiments:\n", f"experiments:\n  whole: {ENTRY.format(model=folder)}\n")
    steps = (("manifest", "mine"), ("audio", "mine", "16k"), ("features", "mine", "wave"), ("train", "whole"))
    for done in (*(stage(*step) for step in steps), ser("export", "whole")):
        assert done.exit_code == 0, done.output
    return Path("exports/whole")


def test_an_export_names_the_pretrained_model_that_it_needs(project, exported):
    known = json.loads((exported / "model.json").read_text())
    assert known["pretrained"] == [{"model": "mine", "weights": ""}]
    page = (exported / "README.md").read_text()
    assert "It needs the self-supervised model `mine`, which is not in here" in page
    assert "It hears through the self-supervised model `mine`, whose licence holds too" in page
    assert str(project.folder) not in page + json.dumps(known) + (exported / "card.json").read_text()
    asked = ["predict", str(exported), str(project.recordings[0])]
    assert ser(*asked).exit_code == 0
    build("wav2vec2-group", seed=1).save_pretrained("other")
    assert "was trained on other weights of the pretrained model" in ser(*asked, "--ssl-model", "other").stderr


def test_a_model_with_fewer_blocks_is_another_one(project, exported):
    """Those that are there are the same to the last bit, and none but the trained one, the last, is in the export."""
    folder, shorter = project.folder / "elsewhere/mine", Path("shorter")
    weights, config = load_file(folder / "model.safetensors"), json.loads((folder / "config.json").read_text())
    last = config["num_hidden_layers"] - 1
    kept = {f"encoder.layers.{last}.": "encoder.layers.1.", "encoder.layers.0.": "encoder.layers.0."}
    others = {name: value for name, value in weights.items() if not name.startswith("encoder.layers.")}
    blocks = {
        name.replace(old, new): value
        for old, new in kept.items()
        for name, value in weights.items()
        if name.startswith(old)
    }
    shorter.mkdir()
    (shorter / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 2}))
    save_file({**others, **blocks}, shorter / "model.safetensors", metadata={"format": "pt"})
    done = ser("predict", str(exported), str(project.recordings[0]), "--ssl-model", "shorter")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "was trained on other weights of the pretrained model" in done.stderr


def test_recordings_are_embedded_by_what_the_last_layer_of_the_head_hears(project, exported):
    asked = [str(path) for path in project.recordings[:2]]
    for name in ("one.csv", "again.csv"):
        done = ser("embed", str(exported), *asked, "--to", name)
        assert done.exit_code == 0, done.output
    assert Path("one.csv").read_text() == Path("again.csv").read_text()
    model, path = load_model(exported), project.recordings[0]
    vector = model.embed(path)
    assert vector.shape == (3 * 8,)  # folds and the head's width
    of_folds = model.explain(path).parts[TOP]
    for number, (folds, heard) in enumerate(zip(of_folds, vector.reshape(3, 8), strict=True)):
        numbers = load_file(exported / f"fold_{number:02d}.safetensors")
        weight, bias = (next(value for key, value in numbers.items() if key.endswith(end)) for end in LAST)
        logits = weight @ heard + bias
        np.testing.assert_allclose(np.exp(logits) / np.exp(logits).sum(), folds, rtol=1e-4)
