"""Exports of a network that holds a pretrained model itself, and takes waveforms."""

import json
from pathlib import Path

import pytest
from in_process import ser, stage
from ssl_checkpoints import build

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
