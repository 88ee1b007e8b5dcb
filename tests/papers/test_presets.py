"""Presets: every published table can be put into params.yaml, and what is there stays as it was."""

import re

import pytest
from click.testing import CliRunner
from conftest import REPOSITORY

from pipeline.cli import main
from pipeline.config.document import load as load_params
from pipeline.papers.preset import load, names
from pipeline.strict import validate
from pipeline.systems import find_system

OWN = """\
# Mine; all of it stays.
seed: 3
corpora:
  toy: {reader: demo, root: data/raw/toy}   # aligned
  other:
    reader: demo
    root: data/raw/other # the last one

# What is extracted.
features:
  logmel: {}
embeddings: {tiny: {model: tiny, layers: [1, 9]}, short: {model: tiny, layers: [1]}}
# Who is tested.
protocols:
  speakers: {scheme: grouped_kfold, folds: 2}
experiments: {}

scoring:
    bootstrap: 100
# The end.
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "params.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


def ser(*arguments):
    return CliRunner().invoke(main, ["preset", *map(str, arguments)])


def replacements(name):
    """The options that put the corpus `toy` and the embedding `tiny` in the place of all of a preset's."""
    preset = load(name)
    corpora = [f"--corpus={corpus}=toy" for corpus in preset.corpora]
    return [*corpora, *(f"--embedding={embedding}=tiny" for embedding in preset.embeddings)]


def apply(name, *options):
    done = ser("apply", name, *options)
    assert done.exit_code == 0, done.output
    return done.output


# Every preset


@pytest.mark.parametrize("name", names())
def test_every_preset_can_be_applied_on_demo_corpora(own, name):
    said = apply(name, *replacements(name))
    settings = load_params(own)
    preset = load(name)
    for system, group in preset.experiments.items():
        assert f"added experiments.{system}." in said
        assert len(settings.experiments[system]) == len(group)
        for entry in settings.experiments[system].values():
            validate(find_system(system).load().Params, entry.params)
            assert entry.corpus == "toy"
    assert len(settings.fusions) == len(preset.fusions)
    assert CliRunner().invoke(main, ["check"]).exit_code == 0
    applied = own.read_bytes()
    assert "nothing to do" in apply(name, *replacements(name))
    assert own.read_bytes() == applied


def test_no_two_presets_have_one_name_for_different_things():
    said = {}
    for name in names():
        preset = load(name)
        sections = {"embeddings": preset.embeddings, "protocols": preset.protocols, "copies": preset.copies}
        tables = [*preset.features.items(), *preset.experiments.items(), *sections.items(), ("fusions", preset.fusions)]
        for kind, table in tables:
            for entry, value in table.items():
                # Embeddings and features share their names, and so do experiments and fusions.
                assert said.setdefault(entry, (kind, value)) == (kind, value)


def test_presets_that_share_entries_go_into_one_file(own):
    corpora = "".join(
        f"  {corpus}: {{reader: folder, root: /{corpus}}}\n" for corpus in load("hump-cat-table6").corpora
    )
    own.write_text(OWN.replace("corpora:\n", f"corpora:\n{corpora}"), encoding="utf-8")
    for name in ("hump-cat-table6", "hump-cat-table7", "dual-branch-table5", "dual-branch-table5-cached"):
        said = apply(name)
    assert "4 entries were there already, and the same" in said
    settings = load_params(own)
    assert sum(map(len, settings.experiments.values())) == 7 + 15 + 2 + 1
    assert len(settings.fusions) == 6


@pytest.mark.parametrize("name", ["caf-table1", "ca-ser-table2", "hump-cat-table5", "dual-branch-table5-cached"])
def test_presets_share_the_features_of_the_projects_own_params(own, name):
    own.write_bytes((REPOSITORY / "params.yaml").read_bytes())
    corpora = [f"--corpus={corpus}=demo_en" for corpus in load(name).corpora]
    assert not [line for line in apply(name, *corpora).splitlines() if "features." in line]


@pytest.mark.parametrize("name", names())
def test_every_preset_says_what_it_is(name):
    preset = load(name)
    assert set(preset.corpora) == {e["corpus"] for group in preset.experiments.values() for e in group.values()}
    assert preset.notes
    assert re.search(r"20\d\d.*(table|figure) [\dIV]+$", preset.paper)
    shown = ser("show", name)
    assert shown.exit_code == 0
    for word in (preset.title, preset.paper, preset.link, *preset.embeddings, *preset.protocols, *preset.fusions):
        assert word in shown.output
    figures = [e.get("published", {}) for group in preset.experiments.values() for e in group.values()]
    assert any(figures)
    assert all(0 < value <= 100 for published in figures for value in published.values())


def test_the_list_has_them_all():
    listed = ser("list").output.splitlines()
    assert [line.split()[0] for line in listed] == names()
    assert {"caf-table5", "dual-branch-table5", "hump-cat-table4", "serct-table5", "serct-figure4"} <= set(names())


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
        ("hump-cat-table3", "hump_cat_iemocap_wavlm", {"UA": 67.80}),
        ("hump-cat-table4", "hump_cat_iemocap_lpcc_spectrogram", {"UA": 60.09}),
        ("hump-cat-table5", "hump_cat_iemocap", {"WA": 81.27, "UA": 82.45}),
        ("hump-cat-table6", "hump_cat_esd", {"UA": 60.35}),
        ("hump-cat-table7", "hump_cat_emovo_mfcc_prosody", {"UA": 75.48}),
        ("dual-branch-table4", "dual_branch_unfreeze_9", {"WA": 17.33, "UA": 16.25, "macro_F1": 7.42}),
        ("dual-branch-table5", "dual_branch_spectrogram", {"WA": 77.0, "UA": 74.0, "macro_F1": 74.0}),
        ("dual-branch-table5", "dual_branch_logistic", {"WA": 92.67, "UA": 92.50, "macro_F1": 92.24}),
        ("serct-table3", "serct_esd_en", {"WA": 52.00, "UA": 52.00, "weighted_F1": 42.49}),
        ("serct-table5", "serct_tess_no_cnn", {"WA": 95.00, "UA": 95.00, "weighted_F1": 95.03}),
    ],
)
def test_published_figures(name, entry, published):
    preset = load(name)
    entries = {**preset.fusions, **{n: e for group in preset.experiments.values() for n, e in group.items()}}
    assert entries[entry]["published"] == published


# Choices


def test_choices_are_appended_to_the_names_so_that_both_can_stand(own):
    own.write_text(OWN.replace("corpora:\n", "corpora:\n  ravdess: {reader: ravdess, root: /r}\n"), encoding="utf-8")
    apply("caf-table5")
    apply("caf-table5", "--protocol", "speakers", "--embedding", "caf_hubert=tiny")
    settings = load_params(own)
    assert set(settings.experiments["caf_ssl"]) == {
        "caf_ravdess_hubert",
        "caf_ravdess_wav2vec2",
        "caf_ravdess_hubert_tiny_speakers",
        "caf_ravdess_wav2vec2_speakers",
    }
    assert settings.experiment("caf_ravdess_hubert")[1].protocol == "caf_random_80_20"
    theirs = settings.experiment("caf_ravdess_hubert_tiny_speakers")[1]
    assert (theirs.corpus, theirs.protocol, theirs.ssl) == ("ravdess", "speakers", "tiny")
    assert theirs.published == {"WA": 73.51, "UA": 73.41, "macro_F1": 73.24}


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
    branch = settings.experiment(fusion.of[0])[1]
    assert branch.params["model"] == "tiny"
    assert branch.copies == "ravdess_awgn_toy"
    assert settings.copies["ravdess_awgn_toy"].source == "toy"
    assert settings.copied.waveform == ["dual_branch_waveform"]
    assert settings.copied.logmel == ["logmel_278"]


def test_only_some_of_a_presets_corpora(own):
    apply("hump-cat-table7", "--only=emodb", "--corpus=emodb=toy")
    settings = load_params(own)
    entries = [name for group in settings.experiments.values() for name in group]
    assert entries == ["hump_cat_emodb_mfcc_toy", "hump_cat_emodb_prosody_toy", "hump_cat_emodb_mfcc_prosody_toy"]
    assert "hump_cat_random" not in settings.protocols


def test_an_embedding_that_cuts_utterances_otherwise_is_remarked_on(own):
    said = apply("hump-cat-table5", "--corpus=iemocap=toy", "--embedding=hump_cat_hubert=tiny")
    assert "note: embeddings.tiny is not cut and extended as the preset's hump_cat_hubert" in said
    assert "pad repeat" in said


def test_dry_run_shows_the_change_and_makes_none(own):
    said = apply("caf-table5", "--corpus=ravdess=toy", "--dry-run")
    assert own.read_text(encoding="utf-8") == OWN
    assert "\n+  # Yu et al. 2024" in said
    assert "+    caf_ravdess_dpcnn_toy:" in said


def test_another_file_may_be_named(own):
    other = own.with_name("other.yaml")
    own.rename(other)
    apply("ca-ser-table2", "--corpus=iemocap=toy", "--params", other)
    assert load_params(other).experiment("ca_ser_iemocap_speakers_toy")[0] == "ca_ser"
    assert not own.exists()


# Refusals: one line, exit code 2, and the file as it was


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["caf-table7"], "unknown preset 'caf-table7' (did you mean 'caf-table5'?); known: ca-ser-table1, "),
        (["caf-table5"], "corpora has no entry 'ravdess', which preset caf-table5 needs; add `ravdess: {reader: "),
        (["serct-table5", "--only", "tess"], "add `tess: {reader: tess, root: /path/to/tess}`, or name another: "),
        (["serct-table5", "--only", "esd_en"], "add `esd_en: {reader: esd, root: /path/to/esd_en}`, or name another: "),
        (["caf-table5", "--corpus", "ravdess=toys"], "corpora has no entry 'toys' (did you mean 'toy'?)"),
        (["caf-table5", "--corpus", "emodb=toy"], "--corpus emodb: the preset has no 'emodb'; it has: ravdess"),
        (["caf-table5", "--corpus", "toy"], "--corpus 'toy': expected NAME=MINE"),
        (["caf-table5", "--only", "ravdes"], "--only ravdes: the preset has no 'ravdes' (did you mean 'ravdess'?)"),
        (["caf-table5", "--embedding", "hubert=tiny"], "the preset has no 'hubert' (did you mean 'caf_hubert'?)"),
        (["serct-table5", "--embedding", "hubert=tiny"], "it has: none"),
        (["caf-table5", "--corpus=ravdess=toy", "--embedding=caf_hubert=tin"], "embeddings has no entry 'tin'"),
        (["dual-branch-table4", "--corpus=ravdess=toy", "--embedding=dual_branch_wav2vec2=x"], "no entry 'x'"),
        (["caf-table5", "--corpus=ravdess=toy", "--protocol=speaker"], "no entry 'speaker' (did you mean 'speakers'?)"),
        (
            ["caf-table5", "--corpus=ravdess=toy", "--embedding=caf_hubert=short"],
            "embeddings.short.layers: [1] lack some of [9], which the preset reads; make it [1, 9]",
        ),
    ],
)
def test_mistakes(own, arguments, says):
    done = ser("apply", *arguments)
    assert done.exit_code == 2
    assert done.output.startswith("error: ")
    assert says in done.output
    assert own.read_text(encoding="utf-8") == OWN


def test_every_missing_corpus_has_its_line(own):
    lines = ser("apply", "serct-table5").output.splitlines()
    assert len(lines) == 2
    assert "'tess'" in lines[0]
    assert "'esd_en'" in lines[1]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("scheme: stratified_split", "inner_folds: 2, scheme: stratified_split", "protocols.caf_random_80_20: is "),
        ("preset: caf_logmel", "preset: caf_logmel, n_mels: 80", "features.logmel.logmel_224: is there already and "),
        (
            "encoder: dpcnn, fusion: film",
            "encoder: dpcnn, fusion: film, epochs: 3",
            "differs from the preset's in params",
        ),
        ("{preset: caf_hubert}", "{preset: caf_hubert, precision: float32}", "or take yours: --embedding caf_hubert="),
        ("WA: 81.86", "WA: 71.86", "differs from the preset's in published; rename yours"),
    ],
)
def test_an_entry_of_the_same_name_with_other_contents_is_refused(own, old, new, says):
    apply("caf-table5", "--corpus=ravdess=toy")
    text = own.read_text(encoding="utf-8")
    assert old in text
    changed = text.replace(old, new, 1)
    own.write_text(changed, encoding="utf-8")
    done = ser("apply", "caf-table5", "--corpus=ravdess=toy")
    assert done.exit_code == 2
    assert says in done.output
    assert len(done.output.splitlines()) == 1
    assert own.read_text(encoding="utf-8") == changed


def test_an_entry_of_the_same_meaning_in_other_words_is_taken(own):
    apply("caf-table5", "--corpus=ravdess=toy")
    text = own.read_text(encoding="utf-8")
    longer = "{n_fft: 2048, hop_length: 512, n_mels: 224, resize: 224, center: true}"
    text = text.replace("{preset: caf_logmel}", longer).replace(
        "{preset: caf_hubert}", "{preset: caf_hubert, layers: [1, 9]}"
    )
    own.write_text(text, encoding="utf-8")
    assert "nothing to do" in apply("caf-table5", "--corpus=ravdess=toy")
    own.write_text(text.replace("preset: caf_hubert", "preset: caf_hubert, precision: float32"), encoding="utf-8")
    assert "nothing to do" not in apply("caf-table5", "--corpus=ravdess=toy", "--embedding=caf_hubert=tiny")
    kept = apply("caf-table5", "--corpus=ravdess=toy", "--embedding=caf_hubert=caf_hubert")
    assert "nothing to do" in kept


def test_a_name_of_another_kind_is_refused(own):
    own.write_text(OWN.replace("logmel: {}", "logmel: {}\n  mfcc: {logmel_224: {}}"), encoding="utf-8")
    done = ser("apply", "caf-table5", "--corpus=ravdess=toy")
    assert done.exit_code == 2
    assert "params.yaml with the preset would not be valid: features.mfcc.logmel_224: the name is used" in done.output


def test_a_params_file_that_is_not_valid_is_said_so_first(own):
    own.write_text(OWN + "nonsense: 1\n", encoding="utf-8")
    done = ser("apply", "caf-table5", "--corpus=ravdess=toy")
    assert done.exit_code == 2
    assert done.output.startswith("error: params.yaml: nonsense: unknown key")
    own.unlink()
    assert "params.yaml: not found; run the command in the project's folder" in ser("apply", "caf-table5").output


def test_yaml_that_cannot_be_added_to_is_said_so(own):
    text = OWN.replace("experiments: {}", "experiments: *none").replace("  logmel: {}", "  logmel: &none {}")
    own.write_text(text, encoding="utf-8")
    done = ser("apply", "caf-table5", "--corpus=ravdess=toy")
    assert done.exit_code == 1
    assert "is written in a way that entries cannot be added to" in done.output
    assert own.read_text(encoding="utf-8") == text


def test_what_an_alias_shares_is_not_changed_for_the_other(own):
    text = OWN + "copied:\n  logmel: &none []\n  prosody: *none\n"
    own.write_text(text, encoding="utf-8")
    done = ser("apply", "dual-branch-table5-cached", "--corpus=ravdess=toy")
    assert done.exit_code == 1
    assert "is written in a way that entries cannot be added to" in done.output
    assert own.read_text(encoding="utf-8") == text


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
