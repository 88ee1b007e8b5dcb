"""Whisper that sees an utterance and a second of silence: `context: exact`."""

import numpy as np
import pytest
from ssl_checkpoints import build, build_whisper, save, save_whisper
from test_ssl_whisper import make, noise

from pipeline.errors import ParamsError
from pipeline.features.ssl.extractor import SSL, SSLParams
from pipeline.storage.identity import canonical_json
from pipeline.strict import validate

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from pipeline.features.ssl.batches import Piece  # noqa: E402
from pipeline.jobs.operation_count import operation_count  # noqa: E402

pytestmark = pytest.mark.slow

LENGTHS = (16000, 63000, 9000, 321, 320, 1, 64001, 79999, 80000)
"""also those whose second of silence does not fit in the model's 5 s"""


@pytest.fixture(scope="module")
def whisper():
    return build_whisper()


@pytest.fixture(scope="module")
def folder(whisper, tmp_path_factory):
    return save_whisper(whisper, tmp_path_factory.mktemp("whisper"))


def exact(folder, **params):
    return make(folder, context="exact", **params)


def by_itself(whisper, wave):
    """The states of one utterance by the modules of `transformers`, of which nothing is padded or masked."""
    from transformers import WhisperFeatureExtractor

    frames = min(250, -(-(len(wave) + 16000) // 320))
    mels = WhisperFeatureExtractor(40, chunk_length=5)([wave], sampling_rate=16000, return_tensors="pt").input_features
    encoder = whisper.encoder
    with torch.inference_mode():
        hidden = torch.nn.functional.gelu(encoder.conv1(mels[..., : 2 * frames]))
        hidden = torch.nn.functional.gelu(encoder.conv2(hidden)).transpose(1, 2)
        states = [hidden + encoder.embed_positions.weight[:frames]]
        for block in encoder.layers:
            states.append(block(states[-1], attention_mask=None))
        return [state[0].numpy() for state in (*states[:-1], encoder.layer_norm(states[-1]))]


def test_states_are_those_of_the_log_mel_of_thirty_seconds_cut_a_second_after_the_utterance(whisper, folder):
    waves = noise(*LENGTHS)
    for wave, row in zip(waves, exact(folder).extract(waves), strict=True):
        for layer, state in enumerate(by_itself(whisper, wave)):
            count = max(1, -(-len(wave) // 320))
            assert row[f"layer_{layer:02d}"].shape == (count, 32)
            np.testing.assert_allclose(row[f"layer_{layer:02d}"], state[:count], atol=1e-4)


def test_what_fills_the_window_is_seen_as_if_padded_and_shorter_ones_are_not(folder):
    full, short = noise(80000, 16000)
    padded = make(folder).extract([full, short])
    for row, other, near in zip(exact(folder).extract([full, short]), padded, (True, False), strict=True):
        np.testing.assert_allclose(row["layer_00"], other["layer_00"], atol=1e-5)  # the convolutions reach no silence
        assert np.allclose(row["layer_02"], other["layer_02"], atol=1e-4) == near


@pytest.mark.parametrize("params", [{"pool": "mean_std"}, {"frames": "window"}, {}])
@pytest.mark.parametrize("slack", [0.3, 5.0])
def test_company_and_order_leave_the_states_alone(folder, params, slack, monkeypatch):
    monkeypatch.setattr("pipeline.features.ssl.extractor.CPU_PASS", (30.0, slack))
    extractor, waves = exact(folder, **params), noise(*LENGTHS)
    alone = [extractor.extract([wave])[0] for wave in waves]
    for rows in (extractor.extract(waves), extractor.extract(waves[::-1])[::-1]):
        for row, other in zip(rows, alone, strict=True):
            for stream in row:
                np.testing.assert_allclose(row[stream], other[stream], atol=1e-4)


def test_windows_are_all_frames_that_are_seen(folder):
    extractor = exact(folder, frames="window")
    for row, samples, count in zip(
        extractor.extract(noise(16000, 1, 79999)), (16000, 1, 79999), (100, 51, 250), strict=True
    ):
        assert row["layer_01"].shape == (count, 32)
        assert extractor.frames(samples) == count
        assert row["own"].sum() == -(-samples // 320)


def test_a_pass_costs_what_is_seen(folder):
    extractor = exact(folder)
    pieces = [Piece(np.zeros(16000, np.float32))]
    run = operation_count(lambda: extractor.encoder.states(pieces, (4,)))
    mels = 2 * extractor.encoder.log_mel.filters.numel() * 200
    assert extractor.pretrained_operations(16000) == pytest.approx(run - mels, rel=0.01)
    assert extractor.pretrained_operations(80000) == make(folder).pretrained_operations(1)


def test_long_recordings_are_cut_as_before(folder):
    (row,) = exact(folder, layers=(1,)).extract(noise(16000 * 13))
    (padded,) = make(folder, layers=(1,)).extract(noise(16000 * 13))
    np.testing.assert_allclose(row["layer_01"], padded["layer_01"], atol=1e-4)  # whole windows leave no silence


def test_rows_are_other_rows_and_those_of_before_there_was_a_choice_the_same(folder):
    assert "context" not in SSLParams().model_dump(mode="json")
    assert SSLParams(model=folder, context="exact").model_dump(mode="json")["context"] == "exact"
    assert exact(folder).weights_digest != make(folder).weights_digest


def test_other_models_see_the_utterance_alone(tmp_path):
    with pytest.raises(ParamsError, match="context exact is for Whisper, and the model tiny always sees"):
        validate(SSLParams, {"context": "exact"})
    other = save(build("hubert-group"), tmp_path, do_normalize=True)
    with pytest.raises(ParamsError, match=r"context: exact is for Whisper; '.*' sees the utterance alone"):
        SSL(SSLParams(model=other, layers=(1,), context="exact")).frames(16000)


def test_rows_of_before_there_was_a_choice_are_still_known():
    """The text that digests of rows are made of, as it was when the first ones were cached."""
    assert canonical_json(SSLParams().model_dump(mode="json")) == (
        '{"chunk_seconds":30.0,"clip":null,"compute":"float32","layers":[1,9],"model":"tiny","pad":"zero",'
        '"pad_to":null,"pool":"none","precision":"float16","sample_rate":16000,"seed":0}'
    )
