"""Presets that cannot be put into a params.yaml: a line for each problem, exit code 2, and the file as it was."""

import pytest
from preset_params import OWN, apply, ser_preset

from pipeline.errors import ParamsError
from pipeline.papers.adaptation import Choices
from pipeline.papers.change import plan
from pipeline.papers.preset import load


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "params.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["caf-table7"], "unknown preset 'caf-table7' (did you mean 'caf-table5'?); known: benchmark, ca-ser-table1, "),
        (
            ["caf-table5"],
            "params.yaml:4: corpora: has no entry 'ravdess', which preset caf-table5 needs; add `ravdess: {reader: ",
        ),
        (["serct-table5", "--only", "tess"], "add `tess: {reader: tess, root: /path/to/tess}`, or name another: "),
        (["serct-table5", "--only", "esd_en"], "add `esd_en: {reader: esd, root: /path/to/esd_en}`, or name another: "),
        (["caf-table5", "--corpus", "ravdess=toys"], "corpora: has no entry 'toys' (did you mean 'toy'?)"),
        (["caf-table5", "--corpus", "emodb=toy"], "--corpus emodb: the preset has no 'emodb'; it has: ravdess"),
        (["caf-table5", "--corpus", "toy"], "--corpus 'toy': expected NAME=MINE"),
        (["caf-table5", "--only", "ravdes"], "--only ravdes: the preset has no 'ravdes' (did you mean 'ravdess'?)"),
        (["caf-table5", "--embedding", "hubert=tiny"], "the preset has no 'hubert' (did you mean 'caf_hubert'?)"),
        (["serct-table5", "--embedding", "hubert=tiny"], "it has: none"),
        (
            ["caf-table5", "--corpus=ravdess=toy", "--embedding=caf_hubert=tin"],
            "params.yaml:12: embeddings: has no entry 'tin' (did you mean 'tiny'?); known: tiny, short",
        ),
        (["dual-branch-table4", "--corpus=ravdess=toy", "--embedding=dual_branch_wav2vec2=x"], "no entry 'x'"),
        (["caf-table5", "--corpus=ravdess=toy", "--protocol=speaker"], "no entry 'speaker' (did you mean 'speakers'?)"),
        (
            ["caf-table5", "--corpus=ravdess=toy", "--embedding=caf_hubert=short"],
            "embeddings.short.layers: [1] lack some of [9], which the preset reads; make it [1, 9]",
        ),
    ],
)
def test_mistakes(own, arguments, says):
    result = ser_preset("apply", *arguments)
    assert result.exit_code == 2
    assert result.output.startswith("error: ")
    assert says in result.output
    assert own.read_text(encoding="utf-8") == OWN


def test_every_missing_corpus_has_its_line(own):
    lines = ser_preset("apply", "serct-table5").output.splitlines()
    assert len(lines) == 2
    assert "'tess'" in lines[0]
    assert "'esd_en'" in lines[1]


def test_a_missing_corpus_can_be_left_out(own):
    lines = ser_preset("apply", "serct-table5").output.splitlines()
    assert all("or leave it out: --only NAME, of " in line for line in lines)
    lines = ser_preset("apply", "serct-table5", "--corpus=tess=toy").output.splitlines()
    assert [line.partition("or leave it out: ")[2] for line in lines] == ["--only tess"]
    lines = ser_preset("apply", "hump-cat-table6", "--corpus=emodb=toy").output.splitlines()
    assert "leave it out" not in next(line for line in lines if "'iemocap'" in line)
    assert "leave it out" not in ser_preset("apply", "caf-table5").output


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("scheme: stratified_split", "inner_folds: 2, scheme: stratified_split", "protocols.caf_random_80_20: is "),
        (
            "preset: caf_logmel",
            "preset: caf_logmel, n_mels: 80",
            "params.yaml:13: features.logmel_224: is there already and differs from the preset's in n_mels; rename",
        ),
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
    result = ser_preset("apply", "caf-table5", "--corpus=ravdess=toy")
    assert result.exit_code == 2
    assert says in result.output
    assert len(result.output.splitlines()) == 1
    assert own.read_text(encoding="utf-8") == changed


def test_an_entry_of_the_same_meaning_in_other_words_is_taken(own):
    apply("caf-table5", "--corpus=ravdess=toy")
    text = own.read_text(encoding="utf-8")
    longer = "{extractor: logmel, n_fft: 2048, hop_length: 512, n_mels: 224, resize: 224, center: true}"
    text = text.replace("{extractor: logmel, preset: caf_logmel}", longer).replace(
        "{preset: caf_hubert}", "{preset: caf_hubert, layers: [1, 9]}"
    )
    own.write_text(text, encoding="utf-8")
    assert "nothing to do" in apply("caf-table5", "--corpus=ravdess=toy")
    own.write_text(text.replace("preset: caf_hubert", "preset: caf_hubert, precision: float32"), encoding="utf-8")
    assert "nothing to do" not in apply("caf-table5", "--corpus=ravdess=toy", "--embedding=caf_hubert=tiny")
    kept = apply("caf-table5", "--corpus=ravdess=toy", "--embedding=caf_hubert=caf_hubert")
    assert "nothing to do" in kept


def test_all_that_is_wrong_is_said_at_once(own):
    apply("caf-table5", "--corpus=ravdess=toy")
    text = own.read_text(encoding="utf-8")
    text = text.replace("preset: caf_logmel", "preset: caf_logmel, n_mels: 80").replace("encoder: dpcnn}", "epochs: 3}")
    own.write_text(text, encoding="utf-8")
    result = ser_preset("apply", "caf-table5", "--corpus=ravdess=toy", "--embedding=caf_hubert=short")
    assert result.exit_code == 2
    keys = [line.split(": ")[1:3] for line in result.output.splitlines()]
    lines = text.splitlines()
    expected = ["features.logmel_224", "embeddings.short.layers", "experiments.caf_ravdess_dpcnn_toy"]
    assert [key for _, key in keys] == expected
    for (place, _), start in zip(keys, ["  logmel_224:", "embeddings:", "  caf_ravdess_dpcnn_toy:"], strict=True):
        assert lines[int(place.removeprefix("params.yaml:")) - 1].startswith(start)


def test_another_feature_of_the_same_name_differs_in_its_extractor(own):
    own.write_text(OWN.replace("features: {}", "features: {logmel_224: {extractor: mfcc}}"), encoding="utf-8")
    result = ser_preset("apply", "caf-table5", "--corpus=ravdess=toy")
    assert result.exit_code == 2
    assert "params.yaml:11: features.logmel_224: is there already and differs from the preset's in extractor, " in (
        result.output
    )


def test_a_name_of_another_section_is_refused(own):
    own.write_text(OWN.replace("features: {}", "features: {caf_hubert: {extractor: mfcc}}"), encoding="utf-8")
    result = ser_preset("apply", "caf-table5", "--corpus=ravdess=toy")
    assert result.exit_code == 2
    (line,) = {line for line in result.output.splitlines() if "is the name of" in line}
    assert line.startswith("error: params.yaml:12: embeddings.caf_hubert: is the name of an entry of features too")
    assert line.endswith("(with preset caf-table5)")


def test_params_that_a_system_does_not_take_are_refused(own):
    preset = load("caf-table5")
    preset.experiments["caf_ravdess_dpcnn"]["params"] = {"top_blocks": 3}  # of a system without such a stream
    preset.experiments["caf_ravdess_hubert"]["params"] = {"top_blocks": -1}
    with pytest.raises(ParamsError) as caught:
        plan("caf-table5", preset, Choices({"ravdess": "toy"}), own)
    one, other = str(caught.value).splitlines()
    assert "experiments.caf_ravdess_dpcnn_toy.params.top_blocks: unknown key" in one
    assert one.endswith("(with preset caf-table5)")
    assert "experiments.caf_ravdess_hubert_toy.params.top_blocks: " in other


def test_a_params_file_that_is_not_valid_is_said_so_first(own):
    own.write_text(OWN + "nonsense: 1\n", encoding="utf-8")
    result = ser_preset("apply", "caf-table5", "--corpus=ravdess=toy")
    assert result.exit_code == 2
    assert result.output.startswith("error: params.yaml:21: nonsense: unknown key")
    own.unlink()
    assert "params.yaml: not found; run the command in the project's folder" in ser_preset("apply", "caf-table5").output


def test_yaml_that_cannot_be_added_to_is_said_so(own):
    text = OWN.replace("experiments: {}", "experiments: *none").replace("features: {}", "features: &none {}")
    own.write_text(text, encoding="utf-8")
    result = ser_preset("apply", "caf-table5", "--corpus=ravdess=toy")
    assert result.exit_code == 1
    assert "is written in a way that entries cannot be added to" in result.output
    assert own.read_text(encoding="utf-8") == text


def test_what_an_alias_shares_is_not_changed_for_the_other(own):
    text = OWN.replace("features: {}", "features: &none {}").replace("experiments: {}", "copies: *none")
    own.write_text(text, encoding="utf-8")
    result = ser_preset("apply", "dual-branch-table5-cached", "--corpus=ravdess=toy")
    assert result.exit_code == 1
    assert "is written in a way that entries cannot be added to" in result.output
    assert own.read_text(encoding="utf-8") == text
