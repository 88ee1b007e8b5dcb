"""Blocks are trained on cached states of their own weights, of no others, and anew where these are replaced."""

import pytest
import torch
from half_precision import check_refusal
from in_process import make_audio, ser, stage
from params_files import BLOCKS
from projects import code_project, ran, sh, tree
from projects import ser as command
from ssl_checkpoints import build, build_whisper, save, save_whisper


def checkpoint(family, **options):
    """Write one of a family in place of what is there."""
    if family == "whisper":
        return save_whisper(build_whisper(**options), "pretrained")
    return save(build("wavlm-group", **options), "pretrained", do_normalize=family == "normalised")


@pytest.mark.parametrize(
    ("family", "more"),
    [("normalised", "precision: float32"), ("as it is", "compute: bfloat16"), ("whisper", "context: exact"),
     ("whisper", "frames: window")],
)  # fmt: skip
def test_blocks_are_not_trained_on_states_of_other_weights(project, family, more):
    checkpoint(family)
    project.params.write_text(BLOCKS.replace("chunk_seconds: 5", f"chunk_seconds: 5, {more}"), encoding="utf-8")
    assert ser("graph").exit_code == 0
    make_audio()
    extracted = stage("features", "mine", "states")
    if extracted.exit_code and "bfloat16" in more:
        check_refusal(extracted.stderr.splitlines()[-1].removeprefix("error: "))
        pytest.skip("the processor has no right bfloat16")
    for done in (extracted, stage("train", "cached")):
        assert done.exit_code == 0, done.stderr
    before = (project.folder / "data/predictions/cached/probabilities.csv").read_bytes()
    checkpoint(family, seed=1)
    done = stage("train", "cached")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == (
        "error: data/embeddings/mine/states.h5: was extracted with other weights than 'pretrained' has now, and the "
        "blocks of these know no such states; extract it anew with `dvc repro`"
    )
    assert (project.folder / "data/predictions/cached/probabilities.csv").read_bytes() == before
    for done in (stage("features", "mine", "states"), stage("train", "cached")):
        assert done.exit_code == 0, done.stderr
    assert (project.folder / "data/predictions/cached/probabilities.csv").read_bytes() != before


@pytest.mark.slow
def test_blocks_whose_weights_are_replaced_are_trained_again_though_their_cached_states_stay(project):
    """The block above the layer that is cached made no state."""
    folder, weights, models = project.folder, project.folder / "pretrained/model.safetensors", "data/models/cached"
    model = build("wav2vec2-group", num_hidden_layers=3)
    save(model, weights.parent, do_normalize=True)
    code_project(folder, BLOCKS)
    command(folder, "graph")
    assert {"features-mine-states", "train-cached"} <= ran(sh(folder, "dvc", "repro"))
    assert ran(sh(folder, "dvc", "repro")) == set()
    states, trained = (folder / "data/embeddings/mine/states.h5").read_bytes(), tree(folder / models)
    with torch.no_grad():
        model.encoder.layers[2].attention.q_proj.weight.add_(1)
    save(model, weights.parent, do_normalize=True)
    assert {"features-mine-states", "train-cached"} <= ran(sh(folder, "dvc", "repro"))
    assert (folder / "data/embeddings/mine/states.h5").read_bytes() == states
    assert tree(folder / models).keys() == trained.keys()
    assert all(new != trained[name] for name, new in tree(folder / models).items())
    assert ran(sh(folder, "dvc", "repro")) == set()
