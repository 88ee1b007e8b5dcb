"""Presets: every published table can be put into params.yaml, with its figures and its paper's classes."""

import re

import pytest
import yaml
from click.testing import CliRunner
from conftest import REPOSITORY
from feature_files import manifest_row
from preset_params import OWN, apply, replacements, ser_preset

from pipeline.cli import main
from pipeline.config.document import load as load_params
from pipeline.config.system_params import system_params, system_params_problems
from pipeline.config.unmet import unmet_demands
from pipeline.corpora import find_reader
from pipeline.experiments.classes import class_set
from pipeline.papers.preset import load, names


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "params.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


# Every preset


OF_NO_PAPER = "benchmark"

FOUR = {"angry": ["angry"], "happy": ["happy"], "neutral": ["neutral"], "sad": ["sad"]}
IEMOCAP = FOUR | {"happy": ["happy", "excited"]}


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_every_preset_can_be_applied_on_demo_corpora(own, name):
    report = apply(name, *replacements(name))
    settings = load_params(own)
    preset = load(name)
    added = re.findall(r"added experiments\.(\S+)", report)
    assert list(settings.experiments) == added
    assert len(added) == len(preset.experiments)
    assert len(settings.fusions) == len(preset.fusions)
    assert len(settings.transfers) == len(preset.transfers)
    assert not system_params_problems(settings)
    assert all("'tiny' differ in length" in problem for problem in unmet_demands(settings))  # as a note says
    assert {entry.corpus for entry in settings.experiments.values()} == {"toy"}
    assert {entry.corpus for entry in settings.transfers.values()} <= {"other"}
    assert f"next: ser graph, then dvc repro, or dvc repro train-{added[0]} for one" in report
    applied = own.read_bytes()
    assert "nothing to do" in apply(name, *replacements(name))
    assert own.read_bytes() == applied


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_every_presets_experiments_and_fusions_become_stages(own, name):
    apply(name, *replacements(name))
    of_one_length = "{model: tiny, layers: [1, 9], clip: 7, pad_to: 7, pad: repeat}"  # as HuMP-CAT asks
    text = own.read_text(encoding="utf-8").replace("{model: tiny, layers: [1, 9]}", of_one_length)
    own.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(main, ["graph"])
    assert result.exit_code == 0, result.output
    stages = yaml.safe_load(own.with_name("dvc.yaml").read_text(encoding="utf-8"))["stages"]
    settings = load_params(own)
    assert {f"train-{name}" for name in settings.experiments} <= set(stages)
    assert {f"fuse-{name}" for name in settings.fusions} <= set(stages)
    assert {f"transfer-{name}" for name in settings.transfers} <= set(stages)


def test_no_two_presets_have_one_name_for_different_things():
    # Embeddings and features share their names, and so do experiments and fusions.
    meanings = {}
    for name in names():
        preset = load(name)
        for section in ("features", "embeddings", "protocols", "copies", "experiments", "transfers", "fusions"):
            for entry, value in getattr(preset, section).items():
                assert meanings.setdefault(entry, (section, value)) == (section, value)


def test_presets_that_share_entries_go_into_one_file(own):
    corpora = "".join(
        f"  {corpus}: {{reader: folder, root: /{corpus}}}\n" for corpus in load("hump-cat-table6").corpora
    )
    own.write_text(OWN.replace("corpora:\n", f"corpora:\n{corpora}"), encoding="utf-8")
    for name in ("hump-cat-table6", "hump-cat-table7", "dual-branch-table5", "dual-branch-table5-cached"):
        report = apply(name)
    assert "4 entries were there already, and the same" in report
    settings = load_params(own)
    assert len(settings.experiments) == 1 + 2 + 2 + 1
    assert len(settings.transfers) == 7 + 15
    assert len(settings.fusions) == 6


@pytest.mark.parametrize("name", ["caf-table1", "ca-ser-table2", "hump-cat-table5"])
def test_presets_share_the_features_of_the_projects_own_params(own, name):
    own.write_bytes((REPOSITORY / "params.yaml").read_bytes())
    corpora = [f"--corpus={corpus}=demo_en" for corpus in load(name).corpora]
    assert not [line for line in apply(name, *corpora).splitlines() if "features." in line]


def test_the_papers_spectrogram_stands_beside_the_demos_smaller_one(own):
    own.write_bytes((REPOSITORY / "params.yaml").read_bytes())
    report = apply("dual-branch-table5-cached", "--corpus=ravdess=demo_en")
    assert [line for line in report.splitlines() if "features." in line] == ["added features.logmel_278"]
    assert load_params(own).feature("logmel_139")[1].n_mels == 64


@pytest.mark.parametrize("name", names())
def test_every_preset_says_what_it_is(name):
    preset = load(name)
    assert set(preset.corpora) == {entry["corpus"] for entry in (preset.experiments | preset.transfers).values()}
    assert preset.notes
    assert re.search(r"20\d\d.*(table|figure) [\dIV]+$", preset.paper) or name == OF_NO_PAPER
    shown = ser_preset("show", name)
    assert shown.exit_code == 0
    for word in (preset.title, preset.paper, preset.link, *preset.embeddings, *preset.protocols, *preset.fusions):
        assert word in shown.output
    lines = " ".join(shown.output.split())
    for note in (*preset.notes, *preset.differences):
        assert f"- {' '.join(note.split())}" in lines
    items = [line for line in shown.output.split("\ncorpora:")[0].splitlines() if line.startswith(("- ", "  "))]
    assert max(map(len, items)) <= 100
    figures = [entry.get("published", {}) for entry in (preset.experiments | preset.transfers).values()]
    assert any(figures) == (name != OF_NO_PAPER)
    assert all(0 < value <= 100 for published in figures for value in published.values())


def test_the_list_has_them_all():
    listed = ser_preset("list").output.splitlines()
    assert [line.split()[0] for line in listed] == names()
    assert {"caf-table5", "dual-branch-table5", "hump-cat-table4", "serct-table5", "serct-figure4"} <= set(names())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("caf-table1", ["hop", "shared_convolutions", "normalised by itself", "50 epochs"]),
        ("ca-ser-table2", ["512 units", "normalises the padded batch", "8 s", "learning rate is constant"]),
        ("hump-cat-table5", ["Hamming", "zero mean, unit variance", "margin 0.2", "after 10 epochs"]),
        ("dual-branch-table5", ["regression by Adam", "zeros at the end included", "momentum (0.8 here)"]),
        ("serct-table3", ["biases in the transformer", "serct_tess_text", "Padding is masked", "random numbers"]),
    ],
)
def test_presets_say_what_is_done_otherwise_than_in_the_paper(name, words):
    shown = " ".join(ser_preset("show", name).output.split())
    assert "done otherwise here, or not in the paper and chosen here: - " in shown
    for word in words:
        assert word in shown


# Classes


def test_every_preset_has_the_classes_of_its_paper(own):
    for name in names():
        preset = load(name)
        own.write_text(OWN, encoding="utf-8")
        apply(name, *replacements(name))
        classes = {repr(experiment.emotions) for experiment in load_params(own).experiments.values()}
        expected = IEMOCAP if "iemocap" in preset.corpora else FOUR if name.startswith("hump-cat") else None
        assert classes == {repr(expected)}, name


def test_a_corpus_with_eight_labels_is_trained_on_with_the_papers_four_classes(own):
    labels = ["angry", "excited", "frustrated", "happy", "neutral", "other", "sad", "surprised"]
    assert set(labels) < set(find_reader("iemocap").emotions.values())
    corpora = "corpora:\n  iemocap: {reader: iemocap, root: /path/to/iemocap}\n"
    own.write_text(OWN.replace("corpora:\n", corpora), encoding="utf-8")
    apply("ca-ser-table1")
    experiment = load_params(own).experiments["ca_ser_iemocap_sessions"]
    rows = [manifest_row(f"u{i}", "ann", label) for i, label in enumerate(labels)]
    kept = [(row.key, row.emotion) for row in class_set(rows, experiment.emotions)]
    assert kept == [("u0", "angry"), ("u1", "happy"), ("u3", "happy"), ("u4", "neutral"), ("u6", "sad")]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "ca-ser-table1",
            "ca_ser_iemocap_sessions  ca_ser  angry, happy (happy + excited), neutral, sad  72.34  71.53",
        ),
        (
            "hump-cat-table6",
            f"hump_cat_iemocap  hump_cat{' ' * 26}angry, happy (happy + excited), neutral, sad  81.27  82.45",
        ),
        ("serct-table5", "serct_tess_no_cnn            serct   95.00  95.00        95.03"),
    ],
)
def test_classes_are_shown_where_they_are_not_all(name, line):
    assert line in ser_preset("show", name).output.splitlines()


@pytest.mark.parametrize(
    ("name", "title", "line"),
    [
        ("hump-cat-table4", "UA validation_UA", "neutral, sad 65.39 68.57"),
        ("dual-branch-table4", "WA UA macro_precision macro_F1", "wav2vec_end_to_end 17.33 16.25 5.00 7.42"),
    ],
)
def test_precision_and_validation_figures_are_shown(name, title, line):
    shown = [" ".join(row.split()) for row in ser_preset("show", name).output.splitlines()]
    for ending in (title, line):
        assert any(row.endswith(ending) for row in shown)


def test_serct_is_there_as_the_scripts_and_as_the_text_have_it(own):
    apply("serct-table3", *replacements("serct-table3"))
    experiments = load_params(own).experiments
    scripts, text = (system_params(name, experiments[name]) for name in ("serct_tess_toy", "serct_tess_text_toy"))
    names = ("learning_rate", "convolutions", "norm", "bias", "window_scale")
    assert [getattr(scripts, name) for name in names] == [1e-5, 7, "group", True, 149]
    assert [getattr(text, name) for name in names] == [1e-3, 6, "layer", False, 299]
    assert experiments["serct_tess_toy"].published == experiments["serct_tess_text_toy"].published


# Figures: those of the texts, spot by spot; a table's extremes would show a slip of rows or columns.


@pytest.mark.parametrize(
    ("name", "entry", "published"),
    [
        ("caf-table1", "caf_emodb_hubert_dpcnn_caf", {"WA": 97.20, "UA": 97.21, "macro_F1": 97.64}),
        ("caf-table1", "caf_emodb_textrcnn", {"WA": 58.88, "UA": 54.01, "macro_F1": 56.40}),
        ("caf-table3", "caf_iemocap_hubert_textrcnn_caf", {"WA": 69.65, "UA": 70.88, "macro_F1": 70.84}),
        ("caf-table3", "caf_iemocap_wav2vec2", {"WA": 62.69, "UA": 65.61, "macro_F1": 64.14}),
        ("caf-table5", "caf_ravdess_hubert_dpcnn_caf", {"WA": 81.86, "UA": 82.75, "macro_F1": 82.84}),
        ("caf-table5", "caf_ravdess_wav2vec2_textrcnn_film", {"WA": 65.28, "UA": 65.51, "macro_F1": 65.72}),
        ("ca-ser-table1", "ca_ser_iemocap_sessions", {"WA": 72.34, "UA": 71.53}),
        ("ca-ser-table2", "ca_ser_iemocap_speakers", {"WA": 74.60, "UA": 73.50}),
        ("hump-cat-table3", "hump_cat_iemocap_wavlm", {"UA": 67.80, "validation_UA": 69.36}),
        ("hump-cat-table3", "hump_cat_iemocap_wav2vec2_large", {"UA": 68.93, "validation_UA": 70.54}),
        ("hump-cat-table4", "hump_cat_iemocap_prosody_mfcc", {"UA": 74.58, "validation_UA": 78.60}),
        ("hump-cat-table4", "hump_cat_iemocap_lpcc_spectrogram", {"UA": 60.09, "validation_UA": 64.82}),
        ("hump-cat-table5", "hump_cat_iemocap", {"WA": 81.27, "UA": 82.45}),
        ("hump-cat-table6", "hump_cat_esd", {"UA": 60.35}),
        ("hump-cat-table7", "hump_cat_emovo_mfcc_prosody", {"UA": 75.48}),
        ("hump-cat-table7", "hump_cat_mesd_prosody", {"UA": 65.30}),
        ("serct-table4", "serct_tess_emodb", {"WA": 38.77, "UA": 37.12, "weighted_F1": 38.92}),
        ("serct-table4", "serct_esd_en_cnn_zh", {"WA": 48.00, "UA": 48.00, "weighted_F1": 46.72}),
        (
            "dual-branch-table4",
            "dual_branch_unfreeze_9",
            {"WA": 17.33, "UA": 16.25, "macro_precision": 5.0, "macro_F1": 7.42},
        ),
        (
            "dual-branch-table5",
            "dual_branch_spectrogram",
            {"WA": 77.0, "UA": 74.0, "macro_precision": 76.0, "macro_F1": 74.0},
        ),
        (
            "dual-branch-table5",
            "dual_branch_logistic",
            {"WA": 92.67, "UA": 92.50, "macro_precision": 92.36, "macro_F1": 92.24},
        ),
        ("serct-table3", "serct_esd_en", {"WA": 52.00, "UA": 52.00, "weighted_F1": 42.49}),
        ("serct-table5", "serct_tess_no_cnn", {"WA": 95.00, "UA": 95.00, "weighted_F1": 95.03}),
    ],
)
def test_published_figures(name, entry, published):
    preset = load(name)
    assert (preset.experiments | preset.transfers | preset.fusions)[entry]["published"] == published
