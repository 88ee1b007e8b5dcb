"""What may stand in for the paper's own when a preset is put into params.yaml, and that what is there stays."""

import pytest
from conftest import REPOSITORY
from preset_params import OWN, apply

from pipeline.config.document import load as load_params


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "params.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_choices_are_appended_to_the_names_so_that_both_can_stand(own):
    own.write_text(OWN.replace("corpora:\n", "corpora:\n  ravdess: {reader: ravdess, root: /r}\n"), encoding="utf-8")
    apply("caf-table5")
    apply("caf-table5", "--protocol", "speakers", "--embedding", "caf_hubert=tiny")
    settings = load_params(own)
    assert {name for name, entry in settings.experiments.items() if entry.system == "caf_ssl"} == {
        "caf_ravdess_hubert",
        "caf_ravdess_wav2vec2",
        "caf_ravdess_hubert_tiny_speakers",
        "caf_ravdess_wav2vec2_speakers",
    }
    assert settings.experiments["caf_ravdess_hubert"].protocol == "caf_random_80_20"
    theirs = settings.experiments["caf_ravdess_hubert_tiny_speakers"]
    assert (theirs.corpus, theirs.protocol, theirs.ssl) == ("ravdess", "speakers", "tiny")
    assert theirs.published == {"WA": 73.51, "UA": 73.41, "macro_F1": 73.24}


@pytest.mark.parametrize("reader", ["ravdess", "iemocap", "folder"])
def test_figures_of_another_corpus_are_remarked_on(own, reader):
    corpora = f"corpora:\n  mine: {{reader: {reader}, root: /r}}\n  emodb: {{reader: savee, root: /s}}\n"
    own.write_text(OWN.replace("corpora:\n", corpora), encoding="utf-8")
    notes = apply("hump-cat-table6", "--corpus=iemocap=mine", "--only=emodb")
    assert ("note: corpora.mine is read by ravdess, and the published figures are of iemocap" in notes) == (
        reader == "ravdess"
    )
    assert "corpora.mine" not in notes or reader == "ravdess"
    assert "note: corpora.emodb is read by savee, and the published figures are of emodb" in notes


def test_what_nothing_refers_to_is_left_out(own):
    apply("caf-table5", "--corpus=ravdess=toy", "--embedding=caf_hubert=tiny", "--protocol=speakers")
    settings = load_params(own)
    assert set(settings.embeddings) == {"tiny", "short", "caf_wav2vec2"}
    assert set(settings.protocols) == {"speakers"}


def test_fusions_copies_and_models_follow_the_choices(own):
    apply("dual-branch-table5", "--corpus=ravdess=toy", "--embedding=dual_branch_wav2vec2=tiny")
    settings = load_params(own)
    fusion = settings.fusions["dual_branch_logistic_toy_tiny"]
    assert fusion.of == ["dual_branch_wav2vec_toy_tiny", "dual_branch_spectrogram_toy"]
    assert fusion.published["WA"] == 92.67
    branch = settings.experiments[fusion.of[0]]
    assert branch.params["model"] == "tiny"
    assert branch.copies == "ravdess_awgn_toy"
    assert settings.copies["ravdess_awgn_toy"].source == "toy"


def test_only_some_of_a_presets_corpora(own):
    apply("hump-cat-table7", "--only=emodb", "--corpus=iemocap=toy", "--corpus=emodb=other")
    settings = load_params(own)
    assert list(settings.experiments) == [
        "hump_cat_iemocap_mfcc_toy",
        "hump_cat_iemocap_prosody_toy",
        "hump_cat_iemocap_toy",
    ]
    assert {name: transfer.source for name, transfer in settings.transfers.items()} == {
        "hump_cat_emodb_mfcc_toy_other": "hump_cat_iemocap_mfcc_toy",
        "hump_cat_emodb_prosody_toy_other": "hump_cat_iemocap_prosody_toy",
        "hump_cat_emodb_mfcc_prosody_toy_other": "hump_cat_iemocap_toy",
    }
    assert {transfer.corpus for transfer in settings.transfers.values()} == {"other"}


def test_an_embedding_that_cuts_utterances_otherwise_is_remarked_on(own):
    report = apply("hump-cat-table5", "--corpus=iemocap=toy", "--embedding=hump_cat_hubert=tiny")
    assert "note: embeddings.tiny is not cut and extended as the preset's hump_cat_hubert" in report
    assert "pad repeat" in report


def test_dry_run_shows_the_change_and_makes_none(own):
    report = apply("caf-table5", "--corpus=ravdess=toy", "--dry-run")
    assert own.read_text(encoding="utf-8") == OWN
    assert "\n+  # Yu et al. 2024" in report
    assert "+  caf_ravdess_dpcnn_toy:" in report


def test_another_file_may_be_named(own):
    other = own.with_name("other.yaml")
    own.rename(other)
    apply("ca-ser-table2", "--corpus=iemocap=toy", "--params", other)
    assert load_params(other).experiments["ca_ser_iemocap_speakers_toy"].system == "ca_ser"
    assert not own.exists()


# What is there stays


def test_only_lines_are_added(own):
    own.write_bytes((REPOSITORY / "params.yaml").read_bytes())
    before = own.read_text(encoding="utf-8").splitlines()
    apply("caf-table5", "--corpus=ravdess=demo_en")
    after = own.read_text(encoding="utf-8").splitlines()
    kept = iter(after)
    assert all(line in kept for line in before if not line.endswith(": {}"))
    # A comment stays above the section it is about.
    for i, line in enumerate(before):
        if line.startswith("#") and not before[i + 1].startswith("#"):
            assert after[after.index(line) + 1] == before[i + 1]


def test_line_ends_and_mode_stay(own):
    own.write_bytes(OWN.replace("\n", "\r\n").encode())
    own.chmod(0o640)
    apply("caf-table5", "--corpus=ravdess=toy")
    after = own.read_bytes()
    assert after.count(b"\n") == after.count(b"\r\n") > OWN.count("\n")
    assert own.stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(own):
    target = own.with_name("real.yaml")
    own.rename(target)
    own.symlink_to(target)
    apply("caf-table5", "--corpus=ravdess=toy")
    assert own.is_symlink()
    assert "caf_ravdess_dpcnn_toy" in target.read_text(encoding="utf-8")
