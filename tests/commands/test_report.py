"""The page of a project: what is on it, through the real command and the stage, and that it is safe and alone."""

import base64
import io
import json
import re
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import soundfile
import yaml
from in_process import ser, stage
from report_page import Page, scored_project, write_inputs, write_optional
from toy_predictions import ROWS

from pipeline import paths
from pipeline.corpora import manifest
from pipeline.experiments.predictions import write_csv
from pipeline.storage.json_file import write_json

HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"
ADDRESS = re.compile(r"https?:|//[a-z]|url\(|@import|@font-face", re.IGNORECASE)
OPTIONAL = ("UA (%) by layer", "Calibration: ECE", "served worst", "Robustness", "What each branch", "in the plane")

COMPARED = ("p_mcnemar", "UA_difference", "low", "high", "p", "p_holm")
LAYERS = "layer,UA,UA_low,UA_high,chosen_in_folds\n"


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """A project as `evaluate` leaves it."""
    folder = tmp_path_factory.mktemp("scored")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        scored_project(folder)
    return folder


@pytest.fixture
def project(scored, tmp_path, monkeypatch):
    """A copy of it, which is the working folder."""
    shutil.copytree(scored, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(*arguments):
    result = ser("report", *arguments)
    assert (result.exit_code, result.stderr) == (0, ""), result.stderr
    return Path("report.html").read_text(encoding="utf-8")


def refused(code=1):
    result = ser("report")
    assert (result.exit_code, result.stdout) == (code, "")
    assert not Path("report.html").exists()
    (line,) = result.stderr.splitlines()
    return line.removeprefix("error: ")


# --- what is on it ---


def test_the_headline_says_what_is_best_how_sure_that_is_and_what_chance_is(project):
    (card,) = [each for each in Page(written()).by_id("in-short").children[1].children if each.tag == "article"]
    said = " ".join(card.text.split())
    assert said.startswith("toy, 2 classes 75.0 % UA, good, the best of 2")
    assert "95% interval 50.5 to 89.8 %, over 4 speakers; the whole interval lies above chance." in said
    assert "50.0 % by guessing" in said
    assert "Next is poor with 25.0 %, 50.0 points below (interval -100.0 to 100.0): the two are not told apart" in said


def test_the_headline_tells_two_apart_where_a_test_does(project):
    path, columns = paths.METRICS / "comparisons.csv", ("first", "second", "utterances", *COMPARED)
    for p, verdict in (("0.01", "told apart"), ("0.2", "not told apart")):
        write_csv(path, columns, [["poor", "good", "16", "0.5", "-0.5", "-0.6", "-0.4", "0.01", p]])
        said = " ".join(Page(written()).by_id("in-short").text.split())
        assert f"(interval 40.0 to 60.0): the two are {verdict} (paired bootstrap" in said


def add_to_card(name, **values):
    path = paths.predictions(name) / "card.json"
    write_json(path, {**json.loads(path.read_text()), **values})


def test_scores_on_the_recordings_of_one_gender_are_no_rivals_of_those_on_all(project):
    add_to_card("good", only={"gender": ["female"]})
    page = Page(written())
    cards = [" ".join(each.text.split()) for each in page.by_id("in-short").children[1].children]
    assert [card.partition(" UA")[0] for card in cards if card.startswith("toy")] == [
        "toy (female), 2 classes 75.0 %",
        "toy, 2 classes 25.0 %",
    ]
    assert "the best of" not in "".join(cards)


def test_a_part_of_the_listed_recordings_is_marked_with_its_counts(project):
    add_to_card("good", listed={"recordings": 1440, "here": 720, "unlisted": 0})
    page = Page(written())
    assert any(each.text == "720 of the 1440 listed recordings" for each in page.tags("span"))
    assert any("; 720 of the 1440 listed recordings" in each.text for each in page.tags("td"))
    assert any(each.text.strip() == "part of the listed recordings" for each in page.tags("dt"))


def test_a_higher_score_of_heard_speakers_is_not_the_best_and_is_said(project):
    card = paths.predictions("good") / "card.json"
    card.write_text(card.read_text().replace('"speaker_dependent": false', '"speaker_dependent": true'))
    said = " ".join(Page(written()).by_id("in-short").text.split())
    assert "25.0 % UA, poor" in said
    assert "the interval reaches down to chance" in said
    assert "Not comparable good with 75.0 %, leaky with 75.0 %: their test speakers were heard before" in said


def test_every_experiment_has_a_section_with_its_marks_and_figures(project):
    page = Page(written())
    for name in ("good", "poor", "leaky"):
        section = page.by_id(f"x-{name}").parents[-2]
        said = " ".join(section.text.split())
        assert "toy, leave_one_speaker_out, 4 folds, 16 test utterances" in said
        assert ("speaker-dependent" in said) == (name == "leaky")
        assert f"experiments: {name}: system: {'mlp' if name == 'leaky' else 'pooled'}" in said
    matrix = [table for table in page.tags("table") if table.attributes.get("class") == "confusion"]
    assert [cell.text.strip() for cell in matrix[0].children[2].children[0].children] == ["angry 8", "450", "450"]


@pytest.mark.parametrize(
    ("place", "shown"), [("/home/anna/secret/wav2vec2", "wav2vec2"), ("models/wav2vec2", "models/wav2vec2")]
)
def test_where_models_lie_outside_the_project_is_not_told(project, place, shown):
    path = project / "params.yaml"
    text = path.read_text().replace("features: {", "features: {wave: {extractor: waveform}, ")
    old = "poor: {system: pooled, corpus: toy, protocol: loso, mfcc: cepstra}"
    entry = f"system: wav2vec_end_to_end, corpus: toy, protocol: loso, waveform: wave, params: {{model: {place}}}"
    assert old in text
    path.write_text(text.replace(old, f"poor: {{{entry}}}"))
    said = " ".join(Page(written()).by_id("x-poor").parents[-2].text.split())
    assert f"params: model: {shown}" in said


def test_each_part_is_there_when_its_file_is_and_absent_when_not(project):
    for folder in ("calibration", "groups"):
        shutil.rmtree(paths.METRICS / folder)
    before = Page(written())
    assert [part for part in OPTIONAL if before.has(part)] == []
    assert not before.tags("audio")
    write_optional("good")
    write_inputs(ROWS)
    page = Page(written("--audio", "all"))
    assert [part for part in OPTIONAL if not page.has(part)] == []
    assert page.tags("audio")
    said = " ".join(page.all[0].text.split())
    assert "ECE 0.150; on the whole too sure, by 15.0 points" in said
    assert "s1: UA 31.0 %, 9 tests; the best, s0: 62.0 %" in said
    assert "telephone 70.0 [60.0, 80.0] -20.0" in said
    assert "0.81 ± 0.10" in said


def test_curves_are_pictures_that_are_described(project):
    page = Page(written())
    pictures = page.tags("img")
    assert [picture.attributes["alt"].split(":")[0] for picture in pictures] == [
        f"Training curves of {name}" for name in ("good", "poor", "leaky")
    ]
    kind, data = pictures[0].attributes["src"].split(",")
    assert kind == "data:image/svg+xml;base64"
    assert base64.b64decode(data) == (paths.PLOTS / "curves/good.svg").read_bytes()


def test_what_is_not_scored_yet_is_said(project):
    paths.details("poor").unlink()
    page = Page(written())
    assert page.has("Not scored yet, so not here: poor.")
    assert page.by_id("x-poor") is None


def test_numbers_that_are_not_scored_yet_are_said(project):
    data = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    data["corpora"]["toy"] |= {"table": "labels.csv", "dimensions": ["engagement"]}
    data["experiments"]["rated"] = {**data["experiments"]["good"], "system": "probe", "targets": ["engagement"]}
    Path("params.yaml").write_text(yaml.safe_dump(data), encoding="utf-8")
    assert Page(written()).has("Not scored yet, so not here: rated.")


def test_an_experiments_params_have_the_class_set_that_it_names(project):
    data = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    data["class_sets"] = {"two": ["angry", "sad"], "other": ["happy", "sad"]}
    data["experiments"]["good"]["emotions"] = "two"
    Path("params.yaml").write_text(yaml.safe_dump(data, sort_keys=False), encoding="utf-8")
    (shown,) = [each.text for each in Page(written()).tags("pre") if "Params of good" in str(each.attributes)]
    assert yaml.safe_load(shown)["class_sets"] == {"two": ["angry", "sad"]}


def test_corpora_say_what_they_hold_and_under_which_terms(project):
    counts = {"utterances": 16, "speakers": 4, "seconds": 7200.0, "by_emotion": {"sad": 8}, "by_speaker": {"s0": 4}}
    bad = {"bad_audio": {"count": 1, "recordings": {"x.wav": "holds no audio"}}, "copies": 2}
    duplicates = {"exact": 3, "near": 1, "left_out": [], "groups": []}
    write_json(paths.corpus_report("toy"), {**counts, "duplicates": duplicates, "left_out": bad})
    said = " ".join(Page(written()).by_id("corpora").text.split())
    for words in ("16 utterances, 4 speakers, 2.0 h", "3 exact, 1 near", "1 that cannot be used", "Licence yours"):
        assert words in said
    assert "x.wav: holds no audio" in said


# --- safe, and alone ---


def test_nothing_is_loaded_and_no_script_runs(project):
    write_optional("good")
    write_inputs(ROWS)
    text = written("--audio", "all")
    page = Page(text)
    assert not page.tags("script", "link", "iframe", "object", "embed", "form", "base")
    assert not ADDRESS.search(re.sub(r"base64,[A-Za-z0-9+/=]+", "", text))
    assert not [name for each in page.all for name in each.attributes if name.startswith("on")]
    sources = [each.attributes["src"] for each in page.tags("img", "audio")]
    assert all(source.startswith("data:") for source in sources)
    assert "default-src 'none'" in page.tags("meta")[1].attributes["content"]


def test_names_and_texts_of_strangers_are_escaped(project):
    rows = [replace(row, gender=HOSTILE, language=HOSTILE, text=HOSTILE) for row in ROWS]
    manifest.write(paths.manifest("toy"), rows)
    write_optional("good")
    columns = ("layer", "UA", "UA_low", "UA_high", "chosen_in_folds")
    write_csv(paths.METRICS / "layers" / "good.csv", columns, [[HOSTILE, "0.5", "", "", ""]] * 2)
    write_csv(paths.METRICS / "groups" / "good.csv", ("group", "value", "UA"), [[HOSTILE, HOSTILE, "0.5"]] * 2)
    counts = {"utterances": 1, "speakers": 1, "seconds": 1.0, "by_emotion": {HOSTILE: 1}, "by_speaker": {HOSTILE: 1}}
    bad = {"bad_audio": {"count": 1, "recordings": {HOSTILE: HOSTILE}}, "unread": {HOSTILE: 1}}
    write_json(paths.corpus_report("toy"), {**counts, "left_out": bad})
    text = written()
    page = Page(text)
    assert not page.tags("script")
    assert len(page.tags("img")) == 3
    assert "<script" not in text
    assert page.all[0].text.count(HOSTILE) > 9


def test_the_page_is_made_for_keys_and_for_screen_readers(project):
    write_optional("good")
    write_inputs(ROWS)
    page = Page(written("--audio", "all"))
    assert page.all[0].attributes["lang"] == "en"
    names = [each.attributes["id"] for each in page.all if "id" in each.attributes]
    assert len(names) == len({*names})
    targets = {each.attributes["href"][1:] for each in page.tags("a", "use")}
    assert targets <= {*names}
    for table in page.tags("table"):
        assert table.children[0].tag == "caption"
    assert all(each.attributes.get("scope") in ("row", "col") for each in page.tags("th"))
    described = [each.attributes.get("aria-label") or each.attributes.get("aria-hidden") for each in page.tags("svg")]
    assert all(described)
    assert all(each.attributes.get("aria-label") for each in page.all if each.attributes.get("tabindex"))
    levels = [int(each.tag[1]) for each in page.all if re.fullmatch("h[1-6]", each.tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_the_same_inputs_give_the_same_bytes_and_the_stage_writes_the_same_page(project):
    write_optional("good")
    write_inputs(ROWS)
    assert written() == written()
    assert stage("report").exit_code == 0
    assert paths.REPORT.read_text(encoding="utf-8") == written()  # no repository here, so no commit on either


# --- recordings ---


def test_recordings_of_a_corpus_are_played_only_where_its_licence_lets_them(project):
    write_inputs(ROWS)
    page = Page(written())
    assert not page.tags("audio")
    assert page.has("Not played: toy's licence does not let recordings be passed on")
    params = Path("params.yaml")
    params.write_text(params.read_text().replace("toy: {reader: folder", "toy: {reader: emodb"))
    assert Page(written()).tags("audio")
    assert not Page(written("--audio", "none")).tags("audio")


def test_clips_are_few_short_and_each_is_there_once(project):
    write_inputs(ROWS, seconds=7.0)
    params = Path("params.yaml")
    params.write_text(params.read_text() + "report: {audio: all, clips: 3, mistakes: 4}\n")
    page = Page(written())
    players = page.tags("audio")
    assert len(players) == 3
    assert len({player.attributes["src"] for player in players}) == 3
    kind, data = players[0].attributes["src"].split(",")
    assert kind == "data:audio/mpeg;base64"
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(data)))
    assert rate == 16000
    assert 6 <= len(samples) / rate < 6.3
    assert page.has("its first 6 s")
    assert len([link for link in page.tags("a") if "play it at" in link.text]) >= 1


# --- mistakes of users, and damaged files ---


def test_nothing_scored(project):
    for name in ("good", "poor", "leaky"):
        paths.details(name).unlink()
    assert refused() == "metrics/details: nothing was scored yet; run `dvc repro evaluate` first"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("metrics/details/good.json", "{", "is not what `evaluate` writes (Expecting property name"),
        ("metrics/details/good.json", "{}", "is not what `evaluate` writes (scores: field required)"),
        ("metrics/details/good.json", "[" * 99999, "is not what `evaluate` writes ("),
        ("metrics/corpora/toy.json", '{"utterances": "many"}', "is not what `manifest-toy` writes (utterances: "),
        ("metrics/comparisons.csv", "first,second\na,b\n", "(it has no column 'p_mcnemar')"),
        ("metrics/layers/good.csv", LAYERS + "1,nan,,,\n", "(line 2 has 'nan')"),
        (
            "metrics/layers/good.csv",
            LAYERS + "1,0.5,,,,9\n",
            "(line 2 has another number of cells than the first)",
        ),
        ("metrics/calibration/good.csv", "n,confidence,accuracy\nx,1,1\n", "(could not convert string to float: 'x')"),
        ("metrics/groups/good.csv", b"\xff\xfe", "is no table as `evaluate` writes it"),
        ("data/mistakes/good.csv", "key\n", "(it has no column 'fold')"),
        ("data/predictions/good/card.json", "{", "predictions missing or damaged"),
    ],
)
def test_a_damaged_file_is_named(project, name, text, says):
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_bytes(text if isinstance(text, bytes) else text.encode())
    line = refused()
    assert line.startswith(name.removesuffix("/card.json"))
    assert says in line
    assert "dvc repro" in line


OWN = [(name, "is a file of this project; give another name") for name in ("params.yaml", "metrics/scores.json")]


def test_an_output_that_cannot_be_written(project):
    for out, says in (("metrics", "is a folder; name a file, as metrics/report.html"), *OWN):
        result = ser("report", "--out", out)
        assert result.exit_code == 1
        assert says in result.stderr
