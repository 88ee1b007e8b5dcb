"""The papers' feature settings by name: that they are the papers', and what happens when one is asked for."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner
from conftest import REPOSITORY, tone

from pipeline.cli import main
from pipeline.config import document as project_params
from pipeline.errors import ParamsError
from pipeline.features import EXTRACTORS, find_extractor
from pipeline.features.length import fit
from pipeline.features.presets import PRESETS, presets_of, resolve
from pipeline.storage.feature_file import FeatureFile
from pipeline.strict import validate

SAMPLES = {"short": 0.4, "middle": 3.7, "long": 9.1}
"""seconds"""


def extractor(preset):
    name, values = PRESETS[preset]
    kind = find_extractor(name)
    return kind(validate(kind.Params, values))


def features(preset, seconds):
    """One utterance's features under a preset."""
    made = extractor(preset)
    rng = np.random.default_rng(0)
    wave = (0.1 * rng.standard_normal(round(seconds * made.params.sample_rate))).astype(np.float32)
    (streams,) = made.extract([fit(wave, made.params)])
    return streams["values"]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid(preset):
    owner, values = PRESETS[preset]
    assert owner in EXTRACTORS
    made = validate(find_extractor(owner).Params, resolve(owner, {"preset": preset}))
    assert made.model_dump(include=set(values)) == {k: tuple(v) if k == "layers" else v for k, v in values.items()}


@pytest.mark.parametrize(
    ("preset", "shapes"),
    [
        ("caf_logmel", {"short": (224, 224), "middle": (224, 224), "long": (224, 224)}),
        ("dual_branch_logmel", {"short": (278, 128), "middle": (278, 128), "long": (278, 128)}),
        ("dual_branch_waveform", {"short": (48000, 1), "middle": (48000, 1), "long": (48000, 1)}),
        ("serct_waveform", {"short": (6400, 1), "middle": (48000, 1), "long": (48000, 1)}),
        ("ca_ser_mfcc", {"short": (321, 40), "middle": (371, 40), "long": (801, 40)}),
        ("hump_cat_mfcc", {"short": (349, 39), "middle": (349, 39), "long": (349, 39)}),
        ("hump_cat_lpcc", {"short": (349, 16), "middle": (349, 16), "long": (349, 16)}),
        ("hump_cat_stft", {"short": (349, 321), "middle": (349, 321), "long": (349, 321)}),
        ("hump_cat_prosody", {"short": (1, 103), "middle": (1, 103), "long": (1, 103)}),
    ],
)
def test_they_give_the_papers_shapes(preset, shapes):
    """8 whole copies of 0.4 s make CA-SER's 3 s."""
    for length, shape in shapes.items():
        assert features(preset, SAMPLES[length]).shape == shape


def test_the_shapes_above_are_of_every_preset_without_a_model():
    marks = test_they_give_the_papers_shapes.pytestmark
    assert {case[0] for case in marks[0].args[1]} == {name for name, (owner, _) in PRESETS.items() if owner != "ssl"}


def test_hump_cats_framed_features_share_their_times():
    made = [extractor(name) for name in ("hump_cat_mfcc", "hump_cat_lpcc", "hump_cat_stft")]
    assert {(each.frame_rate, each.first_frame) for each in made} == {(50.0, 0.02)}


@pytest.mark.parametrize(
    ("entry", "preset"),
    [
        ("logmel_224", "caf_logmel"),
        ("mfcc_40", "ca_ser_mfcc"),
        ("mfcc_39", "hump_cat_mfcc"),
        ("prosody", "hump_cat_prosody"),
        ("waveform_3s", "serct_waveform"),
    ],
)
def test_the_shipped_params_are_the_presets(entry, preset):
    kind, found = project_params.load(REPOSITORY / "params.yaml").feature(entry)
    assert found == validate(kind.Params, PRESETS[preset][1])


def test_the_demos_spectrogram_is_the_presets_but_for_its_size():
    kind, found = project_params.load(REPOSITORY / "params.yaml").feature("logmel_139")
    smaller = {"hop_length": 2 * PRESETS["dual_branch_logmel"][1]["hop_length"], "n_mels": 64}
    assert found == validate(kind.Params, PRESETS["dual_branch_logmel"][1] | smaller)


def test_the_presets_of_an_extractor():
    assert set(presets_of("mfcc")) == {"ca_ser_mfcc", "hump_cat_mfcc"}
    assert presets_of("nothing") == {}


def test_other_keys_override_the_presets():
    found = resolve("mfcc", {"deltas": 1, "preset": "hump_cat_mfcc"})
    assert found == PRESETS["hump_cat_mfcc"][1] | {"deltas": 1}
    assert PRESETS["hump_cat_mfcc"][1]["deltas"] == 2


def test_without_a_preset_params_are_as_they_are():
    assert resolve("mfcc", {"n_mfcc": 3, "n_fft": "wrong"}) == {"n_mfcc": 3, "n_fft": "wrong"}


@pytest.mark.parametrize(
    ("kind", "preset", "message"),
    [
        (
            "mfcc",
            "hump_cat_mfc",
            "'hump_cat_mfc' is not known (did you mean 'hump_cat_mfcc'?); known: ca_ser_mfcc, hump",
        ),
        ("mfcc", "caf_logmel", "'caf_logmel' is of logmel, not mfcc; known: ca_ser_mfcc, hump_cat_mfcc"),
        ("mfcc", 3, "3 is not known"),
        ("mfcc", None, "None is not known"),
        ("mfcc", ["hump_cat_mfcc"], "['hump_cat_mfcc'] is not known"),
    ],
)
def test_a_preset_that_there_is_not(kind, preset, message):
    with pytest.raises(ParamsError) as caught:
        resolve(kind, {"preset": preset}, "features.mfcc.m")
    assert str(caught.value).startswith(f"features.mfcc.m.preset: {message}")


# --- in params.yaml and in `ser extract` ---


def test_in_params_yaml(project):
    project.edit("{extractor: mfcc, n_mfcc: 12, n_mels: 20}", "{preset: hump_cat_mfcc, deltas: 1}")
    kind, found = project_params.load(project.params).feature("cepstra")
    assert found == validate(kind.Params, PRESETS["hump_cat_mfcc"][1] | {"deltas": 1})


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{extractor: mfcc, preset: hump_cat}", ".preset: 'hump_cat' is not known (did you mean 'hump_cat_mfcc'?); k"),
        ("{extractor: mfcc, preset: caf_logmel}", ".preset: 'caf_logmel' is of logmel, not mfcc; known: ca_ser_mfcc"),
        ("{preset: hump_cat_mfc}", ".preset: 'hump_cat_mfc' is not known (did you mean 'hump_cat_mfcc'?); known: caf_"),
        ("{preset: [hump_cat_mfcc]}", ".preset: ['hump_cat_mfcc'] is not known"),
        ("{preset: hump_cat_mfcc, n_mfc: 3}", ".n_mfc: unknown key (did you mean 'n_mfcc'?)"),
        ("{preset: hump_cat_mfcc, n_mels: 5}", ": n_mfcc 13 is more than n_mels 5"),
    ],
)
def test_mistakes_in_params_yaml(project, entry, message):
    project.edit("{extractor: mfcc, n_mfcc: 12, n_mels: 20}", entry)
    with pytest.raises(ParamsError) as caught:
        project_params.load(Path("params.yaml"))
    assert str(caught.value).startswith(f"params.yaml:10: features.cepstra{message}")
    assert len(str(caught.value).splitlines()) == 1


def test_in_ser_extract(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(0.5), 16000)
    out = tmp_path / "out.h5"
    given = ["extract", "lpcc", str(tmp_path / "a.wav"), "--out", str(out), "--set", "preset=hump_cat_lpcc"]
    result = CliRunner().invoke(main, [*given, "--set", "n_lpcc=12"])
    assert (result.exit_code, result.stdout) == (0, f"{out}: computed 1, reused 0\n")
    file = FeatureFile(out)
    assert file.row(0).shape == (349, 12)
    wanted = PRESETS["hump_cat_lpcc"][1] | {"n_lpcc": 12}
    assert {name: file.header.params[name] for name in wanted} == wanted
    assert "preset" not in file.header.params


def test_a_mistake_in_ser_extract(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(0.5), 16000)
    given = ["extract", "lpcc", str(tmp_path / "a.wav"), "--out", str(tmp_path / "out.h5")]
    result = CliRunner().invoke(main, [*given, "--set", "preset=hump_cat_lpc"])
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith("error: lpcc.preset: 'hump_cat_lpc' is not known (did you mean 'hump_cat_lpcc'?)")
    assert sorted(path.name for path in Path(tmp_path).iterdir()) == ["a.wav"]
