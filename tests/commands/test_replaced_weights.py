"""Blocks are trained on cached states of their own weights, and on those of no others."""

import pytest
from in_process import make_audio, ser, stage
from ssl_checkpoints import build, build_whisper, save, save_whisper

PARAMS = """\
corpora: {mine: {reader: folder, root: recordings, speaker_pattern: '/([a-z]+)_'}}
embeddings: {states: {model: pretrained, layers: [1, 2], chunk_seconds: 5}}
protocols: {loso: {scheme: leave_one_speaker_out, validation_speakers: 0}}
experiments:
  cached: {system: wav2vec, corpus: mine, protocol: loso, ssl: states, params: {layer: 2, epochs: 1, patience: 0}}
"""


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
    project.params.write_text(PARAMS.replace("chunk_seconds: 5", f"chunk_seconds: 5, {more}"), encoding="utf-8")
    assert ser("graph").exit_code == 0
    make_audio()
    for done in (stage("features", "mine", "states"), stage("train", "cached")):
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
