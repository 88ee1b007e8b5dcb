"""What a pretrained model costs: by hand, as computed, and in feature files, where no row depends on it."""

from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner
from ssl_checkpoints import CHECKPOINTS, build, build_whisper, save, save_whisper

from pipeline.cli import main
from pipeline.features.ssl.extractor import SSL, SSLParams
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.feature_writer import FeatureWriter
from pipeline.storage.header import Outline

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from pipeline.features.ssl.batches import Piece  # noqa: E402
from pipeline.jobs.operation_count import operation_count  # noqa: E402

RATE = 16000


def by_hand(samples, blocks):
    """Operations of the model `tiny`: convolutions, projection, positions in 16 groups, and blocks of width 64."""
    found, frames, width = 0, samples, 1
    for kernel, stride in zip((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2), strict=True):
        frames = (frames - kernel) // stride + 1
        found += 2 * frames * kernel * width * 48
        width = 48
    found += 2 * frames * 48 * 64
    found += 2 * (frames + 1) * 128 * (64 // 16) * 64  # a frame more, which an even kernel makes and is cut off
    return found + blocks * 2 * (frames * (4 * 64 * 64 + 2 * 64 * 256) + 2 * frames * frames * 64)


@pytest.mark.parametrize("layers", [(0,), (1, 9), (12,)])
@pytest.mark.parametrize("samples", [400, 16000, 51234])
def test_operations_by_hand(layers, samples):
    assert SSL(SSLParams(layers=layers)).pretrained_operations(samples) == by_hand(samples, max(layers))


def test_an_utterance_below_a_frame_costs_one_and_long_ones_cost_their_windows():
    extractor = SSL(SSLParams(chunk_seconds=5))
    assert extractor.pretrained_operations(1) == extractor.pretrained_operations(400) == by_hand(400, 9)
    whole = SSL(SSLParams(chunk_seconds=30)).pretrained_operations(13 * RATE)
    # Windows of 5 s overlap by 4 s, so that 13 s are nine of them.
    assert extractor.pretrained_operations(13 * RATE) == 9 * by_hand(5 * RATE, 9) > whole == by_hand(13 * RATE, 9)


def test_parameters_are_those_up_to_the_last_layer():
    found = [SSL(SSLParams(layers=(layer,))).pretrained_parameters for layer in (0, 1, 9, 12)]
    block = 4 * (64 * 64 + 64) + (64 * 256 + 256) + (256 * 64 + 64) + 4 * 64
    assert [count - found[0] for count in found] == [0, block, 9 * block, 12 * block]
    convolutions = 48 * 10 + 48 * 48 * (4 * 3 + 2 * 2) + 2 * 48  # and the group norm
    projection = 2 * 48 + 48 * 64 + 64
    positions = 64 * (64 // 16) * 128 + 128 + 64  # a weight norm's magnitudes, and the bias
    assert found[0] == convolutions + projection + positions + 2 * 64  # and the layer norm before the blocks


@pytest.mark.slow
@pytest.mark.parametrize("layers", [(0,), (1, 4)])
@pytest.mark.parametrize("name", [*CHECKPOINTS, "whisper"])
def test_what_is_counted_is_what_is_run(tmp_path, name, layers):
    whisper = name == "whisper"
    folder = save_whisper(build_whisper(), tmp_path) if whisper else save(build(name), tmp_path, do_normalize=True)
    extractor = SSL(SSLParams(model=folder, layers=layers, chunk_seconds=5))
    encoder = extractor.encoder
    wave = encoder.prepare(np.zeros(2 * RATE, np.float32))
    pieces = [Piece(wave, encoder.measure(wave))]
    run = operation_count(lambda: encoder.states(pieces, layers))
    mels = 2 * encoder.log_mel.filters.numel() * 500 if whisper else 0  # no part of the model
    assert extractor.pretrained_operations(2 * RATE) == pytest.approx(run - mels, rel=0.01)
    if whisper:  # it sees 5 s, as others of the family 30, however short the utterance
        assert extractor.pretrained_operations(1) == extractor.pretrained_operations(5 * RATE)
    unused = {"masked_spec_embed"}
    if name.endswith("-layer"):
        unused |= {"encoder.layer_norm.weight", "encoder.layer_norm.bias"}
    if whisper and max(layers) < 4:
        unused |= {"encoder.layer_norm.weight", "encoder.layer_norm.bias"}
    loaded = encoder.backbone.named_parameters()
    assert extractor.pretrained_parameters == sum(p.numel() for key, p in loaded if key not in unused)


# --- in feature files ---


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working folder, with recordings of 1, 2 and 4 s."""
    import soundfile

    monkeypatch.chdir(tmp_path)
    (tmp_path / "r").mkdir()
    for seconds in (1, 2, 4):
        noise = np.random.default_rng(seconds).integers(-9999, 9999, seconds * RATE).astype(np.int16)
        soundfile.write(tmp_path / "r" / f"{seconds}.wav", noise, RATE)
    return tmp_path


def extract(*options):
    result = CliRunner().invoke(main, ["extract", "ssl", "r", "--out", "s.h5", "--set", "layers=[1]", *options])
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.mark.parametrize(("options", "seconds"), [([], 2), (["--set", "pad_to=3.0"], 3), (["--set", "clip=0.5"], 0.5)])
def test_a_feature_file_says_what_its_model_costs_per_second_of_the_median_utterance(folder, options, seconds):
    extract(*options)
    notes = FeatureFile(folder / "s.h5").header.notes
    assert set(notes) == {"weights", "model_parameters", "model_operations"}
    assert int(notes["model_parameters"]) == SSL(SSLParams(layers=(1,))).pretrained_parameters
    assert float(notes["model_operations"]) == pytest.approx(by_hand(int(seconds * RATE), 1) / 2, rel=1e-5)
    shown = CliRunner().invoke(main, ["inspect", "s.h5"]).stdout
    assert f"model_parameters   {notes['model_parameters']}\nweights " in shown


def test_a_file_of_an_older_program_learns_it_and_no_row_is_computed_again(folder):
    extract()
    new = FeatureFile(folder / "s.h5")
    header = replace(new.header, notes={"weights": new.header.notes["weights"]}, sha256="")
    outline = Outline(header, new.keys, new.digests, {"layer_01": 64}, {"layer_01": np.dtype(np.float16)})
    with FeatureWriter(folder / "old.h5", outline, new.lengths) as writer:
        for row in range(len(new)):
            writer.put(row, "layer_01", new.row(row, "layer_01"))
    wanted = (folder / "s.h5").read_bytes()
    (folder / "old.h5").replace(folder / "s.h5")
    assert list(FeatureFile(folder / "s.h5").header.notes) == ["weights"]
    assert extract() == "s.h5: computed 0, reused 3\n"
    assert (folder / "s.h5").read_bytes() == wanted
