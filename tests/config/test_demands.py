"""What systems ask of features that params.yaml does not give them is said before anything is computed."""

import pytest
import yaml
from ssl_checkpoints import build_whisper, save_whisper

from pipeline.config.document import load
from pipeline.config.unmet import unmet_demands

FEATURES = {
    "mel": {"extractor": "logmel", "n_mels": 32},
    "mel_224": {"extractor": "logmel", "n_mels": 64, "resize": 224},
    "mel_odd": {"extractor": "logmel", "n_mels": 20, "clip": 3, "pad_to": 3},
    "cepstra": {"extractor": "mfcc"},
    "cepstra_7": {"extractor": "mfcc", "clip": 7, "pad_to": 7, "pad": "repeat"},
    "cepstra_short": {"extractor": "mfcc", "clip": 7, "pad_to": 5},
    "prosody": {"extractor": "prosody"},
    "wave": {"extractor": "waveform"},
    "wave_48": {"extractor": "waveform", "sample_rate": 48000},
}
ONE_LENGTH = "differ in length, and HuMP-CAT takes one length; extract with `clip: 7`, `pad_to: 7` and `pad: repeat`"
SPEAKERS = {"normalisation": "per_speaker"}
HAS_1_3 = "the embedding 'some' has no layer 9, but layers 1 and 3; choose"


@pytest.fixture(scope="module")
def whisper(tmp_path_factory):
    """A Whisper of four blocks, in a folder."""
    folder = tmp_path_factory.mktemp("whisper")
    save_whisper(build_whisper(), folder)
    return str(folder)


@pytest.fixture
def problems(whisper, tmp_path):
    """What is wrong with one experiment over these features, without where it stands."""
    embeddings = {
        "some": {"model": whisper, "layers": [1, 3]},
        "every": {"model": whisper, "layers": "all"},
        "pooled": {"model": whisper, "layers": "all", "pool": "mean_std"},
        "seven": {"model": whisper, "layers": [1, 3], "clip": 7, "pad_to": 7},
        "unknown": {"model": "nobody/has-this", "layers": "all"},
    }

    def problems(system, params, **roles):
        experiment = {"system": system, "corpus": "mine", "protocol": "dealt", **roles, "params": params}
        data = {
            "corpora": {"mine": {"reader": "folder", "root": "."}},
            "protocols": {"dealt": {"scheme": "grouped_kfold", "folds": 3, "validation_speakers": 1}},
            "features": FEATURES,
            "embeddings": embeddings,
            "experiments": {"x": experiment},
        }
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
        found = unmet_demands(load(tmp_path / "params.yaml"))
        assert all(line.startswith("experiments.x.") for line in found)
        return [line.removeprefix("experiments.x.") for line in found]

    return problems


@pytest.mark.parametrize(
    ("system", "params", "roles", "says"),
    [
        ("ca_ser", {}, {"mfcc": "cepstra", "ssl": "some"}, [f"params.layer: {HAS_1_3} layer among these"]),
        ("ca_ser", {"layer": 2}, {"mfcc": "cepstra", "ssl": "some"}, ["or add 2 to embeddings.some.layers"]),
        ("ca_ser", {"layer": 3}, {"mfcc": "cepstra", "ssl": "some"}, []),
        ("ca_ser", {}, {"mfcc": "cepstra", "ssl": "every"}, ["has no layer 9, but layers 0 to 4; choose layer among"]),
        ("ca_ser", {"layer": 1}, {"mfcc": "cepstra", "ssl": "pooled"}, ["ssl: the embedding 'pooled' is pooled to a "]),
        ("ca_ser", {}, {"mfcc": "cepstra", "ssl": "unknown"}, []),
        ("wav2vec", {}, {"ssl": "some"}, [f"params.layer: {HAS_1_3} layer among these"]),
        ("wav2vec", {"layer": 4}, {"ssl": "every"}, ["params.layer: no block comes after layer 4, the last of "]),
        ("wav2vec", {"layer": 1}, {"ssl": "pooled"}, ["ssl: the embedding 'pooled' is pooled"]),
        ("wav2vec", {"layer": 1} | SPEAKERS, {"ssl": "some"}, ["per_speaker has nothing to standardise, as its"]),
        ("serct", SPEAKERS, {"waveform": "wave"}, ["params.normalisation: per_speaker has nothing to standardise, as"]),
        ("wav2vec_end_to_end", SPEAKERS, {"waveform": "wave"}, ["reads the waveform as it is; choose training"]),
        ("caf_ssl", {"layer": 3, "top_blocks": 1} | SPEAKERS, {"ssl": "some"}, ["as top_blocks take the hidden"]),
        ("caf_ssl", {"layer": 3} | SPEAKERS, {"ssl": "some"}, []),
        ("caf", {"layer": 3, "top_blocks": 1} | SPEAKERS, {"logmel": "mel_224", "ssl": "some"}, []),
        ("caf", {}, {"logmel": "mel_224", "ssl": "some"}, [f"params.layer: {HAS_1_3}"]),
        ("caf", {"layer": 3}, {"logmel": "mel", "ssl": "some"}, ["logmel: utterances of 'mel' differ in length"]),
        ("caf", {"layer": 3}, {"logmel": "mel_224", "ssl": "pooled"}, []),
        ("caf", {"layer": 3, "fusion": "attention"}, {"logmel": "mel_224", "ssl": "pooled"}, ["ssl: the embedding"]),
        ("caf", {"layer": 3, "top_blocks": 3}, {"logmel": "mel_224", "ssl": "some"}, ["set layer to 1, or top_blocks"]),
        ("caf_ssl", {}, {"ssl": "some"}, [f"params.layer: {HAS_1_3}"]),
        ("caf_logmel", {}, {"logmel": "mel"}, ["give its log-Mel `resize: 224`"]),
        ("hump_cat_ssl", {}, {"ssl": "some"}, [f"params.layers: {HAS_1_3} layers among these", f"'some' {ONE_LENGTH}"]),
        ("hump_cat_ssl", {"layers": [1, 3]}, {"ssl": "seven"}, []),
        (
            "hump_cat",
            {"layers": [3]},
            {"mfcc": "cepstra_short", "prosody": "prosody", "ssl": "seven"},
            [f"mfcc: utterances of 'cepstra_short' {ONE_LENGTH}"],
        ),
        ("hump_cat_acoustic", {}, {"mfcc": "cepstra_7", "prosody": "prosody"}, []),
        ("probe", {"layers": 9}, {"ssl": "every"}, ["has no layer 9, but layers 0 to 4; choose layers among these"]),
        ("probe", {"layers": [1, 2]}, {"ssl": "some"}, ["or add 2 to embeddings.some.layers"]),
        ("probe", {"layers": [1, 3]}, {"ssl": "some"}, []),
        ("probe", {"layers": "each"}, {"mfcc": "cepstra"}, ["params.layers: each needs hidden states; give the probe"]),
        ("probe", {"layers": "weighted"}, {"mfcc": "cepstra"}, ["params.layers: weighted needs hidden states"]),
        ("probe", {"layers": 3}, {"mfcc": "cepstra"}, ["params.layers: 3 needs hidden states"]),
        ("probe", {}, {"mfcc": "cepstra"}, []),
        ("spectrogram", {}, {"logmel": "mel"}, ["logmel: utterances of 'mel' differ in length"]),
        ("spectrogram", {}, {"logmel": "mel_odd"}, ["logmel: 'mel_odd' has 20 mel bands, and the spectrogram branch"]),
        ("serct", {}, {"waveform": "wave_48"}, ["waveform: 'wave_48' is at 48000 Hz, and SERCT takes 16000 Hz"]),
        ("serct", {}, {"waveform": "wave"}, []),
        ("serct", {"time_mask": 9}, {"waveform": "wave"}, ["params.time_mask: 9 masks nothing, as no logmel or mfcc"]),
        ("caf_ssl", {"layer": 3, "frequency_mask": 2}, {"ssl": "some"}, ["params.frequency_mask: 2 masks nothing"]),
        ("caf", {"layer": 3, "frequency_mask": 2}, {"logmel": "mel_224", "ssl": "some"}, []),
        ("hump_cat_ssl", {"layers": [1, 3], "time_mask": 2}, {"ssl": "seven"}, ["params.time_mask: 2 masks nothing"]),
        ("wav2vec", {"layer": 1, "time_mask": 2}, {"ssl": "some"}, ["params.time_mask: 2 masks nothing"]),
        ("wav2vec_end_to_end", {"time_mask": 2}, {"waveform": "wave"}, ["params.time_mask: 2 masks nothing"]),
        ("mlp", {"time_mask": 2}, {"mfcc": "cepstra"}, ["params.time_mask: 2 masks nothing"]),
        ("lstm", {"time_mask": 2}, {"mfcc": "mel"}, []),
        ("wav2vec_end_to_end", {"unfreeze_blocks": 13}, {"waveform": "wave"}, ["'tiny' has 12 blocks; set 12 at most"]),
    ],
)
def test_what_a_system_asks_of_its_features(problems, system, params, roles, says):
    found = problems(system, params, **roles)
    assert len(found) == len(says), found
    assert all(part in line for part, line in zip(says, found, strict=True)), found


def test_nothing_more_is_said_of_a_feature_that_is_wrong(problems, tmp_path):
    with pytest.raises(Exception, match="'nothing' is not in embeddings"):
        problems("probe", {"layers": "each"}, ssl="nothing")
