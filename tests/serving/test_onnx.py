"""Trained models as one ONNX graph, which gives what they give."""

import json
import subprocess
import sys
import wave

import numpy as np
import pytest
import soundfile
from small_models import CLASSES, write_fusion, write_model
from ssl_checkpoints import build, build_whisper, save, save_whisper

from pipeline import paths
from pipeline.audio.audio_file import write_audio
from pipeline.corpora.manifest import Row
from pipeline.errors import UserError
from pipeline.experiments.combiner import Layout
from pipeline.experiments.fusion_methods import Average, Linear
from pipeline.serving.backbones import Backbones
from pipeline.serving.loaded import LoadedModel
from pipeline.serving.models import read_models
from pipeline.serving.onnx.export import EXAMPLE, GRAPH, made_graph, section
from pipeline.serving.onnx.graph import Session
from pipeline.serving.onnx.heard import MOST, NONE, Heard, heard

onnx = pytest.importorskip("onnx", reason="the extra `export` is not installed")
pytestmark = pytest.mark.usefixtures("one_thread")

QUICK = {"epochs": 1, "patience": 0, "batch_size": 6}
MEL = {"n_fft": 512, "hop_length": 128, "n_mels": 16}
MFCC = {"n_mfcc": 5, "n_mels": 12, "n_fft": 400, "hop_length": 160, "deltas": 2, "energy": True, "pre_emphasis": 0.97}
ODD = (1, 2, 401, 1599, 50001)
"""lengths of recordings (samples)"""


def made(folder, number_format="float32", known=None, recordings=NONE):
    source, backbones = read_models(folder), Backbones(own=lambda: frozenset({str(folder.parent / "ssl")}))
    return source, backbones, made_graph(source, backbones, known or {}, number_format, recordings)


def check_same(folder, lengths=ODD):
    source, backbones, graph = made(folder)
    assert graph.own.difference < 2e-5
    ours, theirs, rng = LoadedModel(source, backbones, "cpu"), Session(graph.data), np.random.default_rng(1)
    for samples in lengths:
        clip = rng.normal(0, 0.1, samples).astype(np.float32)
        np.testing.assert_allclose(theirs.probabilities(clip), ours.predict_proba(clip, 16000), atol=2e-5)


@pytest.mark.parametrize("family", ["wav2vec2-group", "wavlm-layer", "data2vec-audio", "whisper", "whisper exact"])
def test_a_probe_of_pooled_states(tmp_path, family):
    is_whisper = family.startswith("whisper")
    save_whisper(build_whisper(), tmp_path / "ssl") if is_whisper else save(build(family), tmp_path / "ssl")
    states = {"model": str(tmp_path / "ssl"), "layers": [0, 1, 3], "pool": "mean_std", "chunk_seconds": 5}
    states |= {"context": "exact"} if family == "whisper exact" else {}
    params = {"layers": "stacked", "classifier": "lda", "c": (0.01, 0.1)}
    check_same(write_model(tmp_path / "probe", "probe", params, {"ssl": ("ssl", states)}, [CLASSES, CLASSES[1:]]))


@pytest.mark.parametrize(
    ("system", "params", "extractor", "given"),
    [
        ("cnn", {"channels": [4, 6], "hidden": 5}, "mfcc", MFCC | {"pad_to": 0.4, "pad": "repeat", "clip": 2.0}),
        ("cnn_bilstm", {"channels": [4], "units": 5}, "mfcc", MFCC | {"center": False, "pre_emphasis": 0.0}),
        ("lstm", {"units": 6, "layers": 2}, "stft", {"n_fft": 64, "hop_length": 64, "top_db": None, "clip": 1.0}),
        ("caf_logmel", {"stream_dim": 8}, "logmel", MEL | {"resize": 32}),
    ],
)
def test_a_network_of_frames(tmp_path, system, params, extractor, given):
    role = "logmel" if system == "caf_logmel" else "mfcc"
    folder = write_model(tmp_path / "net", system, QUICK | params, {role: (extractor, given)})
    check_same(folder)


@pytest.mark.parametrize("system", ["wav2vec", "mlp"])
def test_a_network_of_states(tmp_path, system):
    params = {"layer": 1, "width": 8} if system == "wav2vec" else {"hidden": [7]}
    build("wavlm-group").save_pretrained(tmp_path / "ssl")
    states = {"model": str(tmp_path / "ssl"), "layers": [1]}
    folder = write_model(tmp_path / "net", system, QUICK | params, {"ssl": ("ssl", states)}, [CLASSES])
    check_same(folder, (1, 3000, 40000))


def test_a_fusion_computes_what_its_branches_share_once(tmp_path):
    states = {"ssl": ("ssl", {"model": "tiny", "layers": [1]})}
    first = write_model(tmp_path / "first", "pooled", {}, states)
    second = write_model(tmp_path / "second", "probe", {"c": (0.1,)}, states)
    layout, rng = Layout(2, 3, (0, 1, 2)), np.random.default_rng(0)
    linear = [Linear(rng.normal(0, 1, (3, 6)), rng.normal(0, 1, 3), layout) for _ in range(2)]
    fused = write_fusion(tmp_path / "fused", linear, [first, second], {"method": "logistic_regression"})
    check_same(fused, (2, 9000))
    mean = [Average(np.array([0.3, 0.7]))] * 2
    averaged = write_fusion(tmp_path / "mean", mean, [first, second], {"method": "weighted_average"})
    check_same(averaged, (9000,))
    size = [len(made(folder)[2].data) for folder in (first, fused)]
    assert size[1] < 1.1 * size[0]


@pytest.fixture(scope="module")
def of_states(tmp_path_factory):
    folder = tmp_path_factory.mktemp("states") / "mine"
    return write_model(folder, "pooled", {}, {"ssl": ("ssl", {"model": "tiny", "layers": [2]})})


def test_a_graph_is_the_same_every_time_and_smaller_in_int8(of_states):
    known = {"labels": json.dumps(CLASSES)}
    first, second = (made(of_states, known=known)[2] for _ in range(2))
    assert first.data == second.data
    graph = onnx.load_from_string(first.data)
    assert {each.key: each.value for each in graph.metadata_props} == known | {
        "sampling_rate": "16000", "longest_seconds": "30",
    }  # fmt: skip
    small, again = (made(of_states, "int8")[2] for _ in range(2))
    assert small.data == again.data
    assert len(small.data) < 0.7 * len(first.data)
    assert small.own.difference < 0.1
    assert small.float32.difference < 2e-5
    assert "in int8: probabilities differ by up to" in section(small)
    assert "int8" not in section(first)
    assert "No recordings were at hand to check it on" in section(first)


def test_a_graph_is_checked_on_recordings(of_states):
    rng = np.random.default_rng(2)
    samples = [rng.normal(0, 0.1, size).astype(np.float32) for size in (3000, 4000, 5000, 6000)]
    source, backbones, plain = made(of_states)
    ours = LoadedModel(source, backbones, "cpu")
    emotions = [ours.predict(clip, 16000) for clip in samples]
    emotions[3] = next(name for name in CLASSES if name != emotions[3])
    graph = made(of_states, recordings=Heard(emotions, samples))[2]
    assert graph.data == plain.data
    assert graph.recordings.agreement.clips == 4
    assert graph.recordings.agreement.difference < 2e-5
    assert graph.recordings.agreement.same == 1
    assert graph.recordings.ours == graph.recordings.theirs < 1
    assert "On 4 recordings of the data, evenly taken, this file's probabilities differ by less than" in section(graph)
    assert "trained on these recordings" in section(graph)


@pytest.mark.parametrize("corpora", [["one"], ["one", "two"]])
def test_recordings_are_taken_evenly_from_those_that_fit(tmp_path, monkeypatch, corpora):
    monkeypatch.chdir(tmp_path)
    rows = []
    for corpus in corpora:
        keys = [f"{number:03d}" for number in range(60)]
        path = paths.audio(corpus, "16k")
        path.parent.mkdir(parents=True)
        write_audio(path, corpus, 16000, ((key, np.full(4, int(key), np.int16)) for key in keys))
        prefix = f"{corpus}/" if len(corpora) > 1 else ""
        rows += [row(prefix + key, corpus, CLASSES[int(key) % 3], 99.0 if key == "000" else 1.0) for key in keys]
    taken = heard(rows, corpora, 16000, 30)
    assert len(taken.samples) == MOST
    assert [taken.emotions.count(emotion) for emotion in CLASSES] == [16, 17, 17]
    numbers = [int(clip[0] * 32768) for clip in taken.samples]
    assert 0 not in numbers
    assert all(CLASSES[number % 3] == emotion for number, emotion in zip(numbers, taken.emotions, strict=True))
    assert heard(rows, [*corpora, "elsewhere"], 16000, 30) == NONE


def row(key, corpus, emotion, length):
    return Row(key, corpus, "", "", "", "", emotion, emotion, "", "", length, 16000, 1, "")


BARE = """import runpy, sys
class Refused:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] in ("torch", "transformers", "pipeline", "onnx", "scipy", "librosa", "soundfile"):
            raise ImportError(name)
sys.meta_path.insert(0, Refused())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_the_example_needs_numpy_and_onnxruntime_alone(of_states, tmp_path):
    from pipeline.serving.onnx import export

    known = {"labels": json.dumps(CLASSES)}
    source, backbones, graph = made(of_states, known=known)
    (tmp_path / GRAPH).write_bytes(graph.data)
    text = (export.Path(export.__file__).with_name(EXAMPLE)).read_text()
    (tmp_path / EXAMPLE).write_text(text)
    assert len(text.splitlines()) <= 36
    samples = np.random.default_rng(0).normal(0, 3000, (7000, 2)).astype("<i2")

    def run(*paths):
        command = [sys.executable, "-c", BARE, str(tmp_path / EXAMPLE), *map(str, paths)]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def run_at(rate, count=7000):
        with wave.open(str(tmp_path / "a.wav"), "wb") as file:
            file.setparams((2, 2, rate, count, "NONE", ""))
            file.writeframes(np.resize(samples, (count, 2)).tobytes())
        return run(tmp_path / "a.wav")

    def problem(done):
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        return done.stderr

    shares = {label: float(share) for label, share in map(str.split, run_at(16000).stdout.splitlines())}
    wanted = LoadedModel(source, backbones, "cpu").predict_proba(tmp_path / "a.wav")
    np.testing.assert_allclose([shares[label] for label in CLASSES], wanted, atol=1e-4)
    assert "has 16 bits at 8000 Hz, not 16 at 16000; convert it: ffmpeg -i" in problem(run_at(8000))
    assert "give a clip of up to 30 s" in problem(run_at(16000, 31 * 16000))
    assert problem(run()) == problem(run("a", "b")) == "give one recording: python predict_onnx.py A.wav\n"
    assert "none.wav: cannot be read as a WAV file of 16 bits ([Errno 2] No such" in problem(run("none.wav"))
    (tmp_path / "cut.wav").write_bytes((tmp_path / "a.wav").read_bytes()[:4001])
    assert "cut.wav: is cut short; copy the whole file again" in problem(run(tmp_path / "cut.wav"))
    soundfile.write(tmp_path / "f.wav", np.zeros(9000), 16000, "FLOAT")
    assert "f.wav: cannot be read as a WAV file of 16 bits (unknown format: 3)" in problem(run(tmp_path / "f.wav"))
    soundfile.write(tmp_path / "m.mp3", np.zeros(9000), 16000)
    assert "m.mp3: cannot be read as a WAV file" in (said := problem(run(tmp_path / "m.mp3")))
    assert "-ar 16000 -c:a pcm_s16le speech.wav" in said


@pytest.mark.parametrize(
    ("system", "params", "role", "extractor", "given", "says"),
    [
        ("pooled", {}, "logmel", "logmel", MEL, "reads functionals of logmel, which no graph computes"),
        ("pooled", {}, "prosody", "prosody", {"mode": "clean"}, "reads prosody, which no graph computes"),
        ("svm", {}, "logmel", "logmel", MEL, "is of the system svm; a graph can have"),
        ("pooled", {"normalisation": "per_speaker"}, "logmel", "logmel", MEL, "standardises by statistics of each sp"),
        ("cnn", QUICK | {"precision": "bfloat16"}, "mfcc", "mfcc", MFCC, "computes in bfloat16 (params.precision)"),
    ],
)
def test_what_cannot_be_a_graph(tmp_path, system, params, role, extractor, given, says):
    folder = write_model(tmp_path / "mine", system, {}, {role: (extractor, given)}) if system == "svm" else None
    folder = folder or card_only(tmp_path / "mine", system, params, role, extractor, given)
    with pytest.raises(UserError, match="--onnx: mine ") as error:
        made(folder)
    assert says in str(error.value)


def card_only(folder, system, params, role, extractor, given):
    """A model whose card says other things than it is: it is refused by the card alone."""
    write_model(folder, "pooled", {}, {"logmel": ("logmel", MEL)})
    card = json.loads((folder / "card.json").read_text())
    recipe = card["features"].pop("logmel") | {"extractor": extractor, "params": {"sample_rate": 16000, **given}}
    (folder / "card.json").write_text(
        json.dumps(card | {"system": system, "params": params, "features": {role: recipe}, "inputs": {role: extractor}})
    )
    return folder


def test_two_rates_are_no_graph(tmp_path):
    params = QUICK | {"channels": [4], "hidden": 5}
    folders = [
        write_model(tmp_path / f"at_{rate}", "cnn", params, {"mfcc": ("mfcc", MFCC | {"sample_rate": rate})})
        for rate in (16000, 48000)
    ]
    mean = [Average(np.array([0.5, 0.5]))] * 2
    fused = write_fusion(tmp_path / "fused", mean, folders, {"method": "weighted_average"})
    with pytest.raises(UserError, match="fused reads audio at 16000 and 48000 Hz, and a graph takes one waveform"):
        made(fused)


def test_a_graph_that_differs_is_refused(of_states, monkeypatch):
    monkeypatch.setattr("pipeline.serving.onnx.export.TOLERANCE", -1.0)
    with pytest.raises(UserError, match=r"mine: the graph's probabilities differ by .* is the most"):
        made(of_states)
