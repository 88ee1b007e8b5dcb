"""What an export says: licences as the hub calls them, models without their places, epochs as the folds chose."""

import pytest
from huggingface_hub import ModelCard

from pipeline.report.marks import NOTES, whole_note
from pipeline.serving.export import without_places
from pipeline.serving.export_card import ExportCard
from pipeline.serving.model_page import hub_licence, licence_page, model_page
from pipeline.serving.refit import chosen_epochs


@pytest.mark.parametrize(
    ("licence", "name"),
    [
        ("CC BY-NC-SA 4.0", "cc-by-nc-sa-4.0"),
        ("CC BY-NC-ND 4.0", "cc-by-nc-nd-4.0"),
        ("CC BY 4.0", "cc-by-4.0"),
        ("CC0 1.0", "cc0-1.0"),
        ("ODbL 1.0 and DbCL 1.0", ""),
        ("yours", ""),
        ("research only, on request", ""),
    ],
)
def test_licences_as_the_hub_calls_them(licence, name):
    assert hub_licence(licence) == name


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("/home/me/models/hubert-mine", "hubert-mine"),
        ("../models/hubert-mine", "hubert-mine"),
        ("here", "here"),
        ("facebook/hubert-base-ls960", "facebook/hubert-base-ls960"),
        ("tiny", "tiny"),
    ],
)
def test_of_a_folder_of_a_self_supervised_model_the_name_is_told(tmp_path, monkeypatch, model, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    recipe = {"extractor": "ssl", "version": "2", "params": {"model": model, "layers": [1]}, "weights": "ab"}
    plain = {"extractor": "mfcc", "version": "1", "params": {}, "weights": ""}
    told = without_places({"params": {"model": model, "c": 1}, "features": {"ssl": recipe, "mfcc": plain}})
    assert told["params"] == {"model": name, "c": 1}
    assert told["features"]["ssl"] == {**recipe, "params": {"model": name, "layers": [1]}}
    assert told["features"]["mfcc"] == plain


@pytest.mark.parametrize(
    ("protocol", "key", "name"),
    [
        ({"scheme": "predefined", "file": "/home/anna/folds.csv"}, "file", "folds.csv"),
        ({"scheme": "predefined", "file": "lists/folds.csv"}, "file", "folds.csv"),
        ({"scheme": "predefined", "file": None}, "file", None),
        ({"scheme": "emobox", "folder": "/home/anna/EmoBox/data/ravdess"}, "folder", "ravdess"),
    ],
)
def test_of_lists_of_folds_the_name_is_told(protocol, key, name):
    assert without_places({"params": {}, "protocol": protocol})["protocol"] == {**protocol, key: name}


KNOWN = {
    "format": "ser-export/1",
    "name": "mine",
    "models": "folds",
    "count": 5,
    "system": "probe",
    "classes": ["angry", "sad"],
    "experiments": {"mine": {"system": "probe", "params": {}, "features": {}}},
    "pretrained": [{"model": "acme/hubert", "weights": "0" * 64}, {"model": "hubert-mine", "weights": "1" * 64}],
    "corpora": [{"name": "one", "title": "One", "licence": "CC BY 4.0", "source": "here", "languages": ["en"]}],
    "utterances": 100,
    "speakers": 10,
    "protocol": {"scheme": "grouped_kfold", "folds": 5},
    "folds": 5,
    "tested": 120,
    "scores": {"UA": {"value": 0.5, "low": 0.4123, "high": 0.6}},
    "confidence": 0.9,
    "marks": {"dependent": "speaker-dependent: test speakers were also trained on (3 of 10)"},
    "cards": {"card.json": "2" * 64},
}


SINGLE = {"count": 1, "folds": 1, "protocol": {"scheme": "stratified_split"}, "tested": 13}


def page(**changes):
    return ModelCard(model_page(ExportCard.model_validate(KNOWN | changes)))


def test_chance_is_that_of_the_classes_that_were_tested():
    classes = KNOWN["classes"]
    assert f"By chance UA is {1 / len(classes):.1%}. They are scores" in page().text.replace("\n", " ")
    said = page(untested=[classes[0]]).text
    assert f"By chance UA is {1 / (len(classes) - 1):.1%}. It is over {', '.join(classes[1:])}: no recording" in said


def test_intervals_are_over_recordings_where_nobody_knows_who_speaks():
    made = page(speakers=0)
    (result,) = made.data.eval_results
    assert result.metric_name.endswith("(90% interval over recordings 41.2% to 60.0%)")
    assert "90% interval over recordings |" in made.text
    assert "over speakers" not in made.text


def test_the_hub_is_told_of_intervals_marks_and_base_models():
    made = page()
    (result,) = made.data.eval_results
    assert (result.metric_value, result.dataset_name) == (0.5, "One; speaker-dependent")
    assert result.metric_name == "UA, the mean recall of the classes (90% interval over speakers 41.2% to 60.0%)"
    assert result.dataset_split == "grouped kfold, 5 folds, 120 recordings tested"
    assert made.data.base_model == ["acme/hubert"]
    assert "`acme/hubert`, whose licence holds too and is on its page, https://huggingface.co/acme/hubert" in made.text
    assert "`hubert-mine`, whose licence holds too and is for you to find out." in made.text
    assert page(pretrained=[]).data.base_model is None


@pytest.mark.parametrize(
    ("licence", "name", "link"),
    [("CC BY 4.0", "cc-by-4.0", None), ("ODbL 1.0 and DbCL 1.0", "other", "LICENSE.md")],
)
def test_terms_that_the_hub_has_no_name_for_are_a_file_that_it_takes(licence, name, link):
    changes = {"corpora": [KNOWN["corpora"][0] | {"licence": licence}]}
    data = page(**changes).data.to_dict()
    assert (data["license"], data.get("license_link")) == (name, link)
    terms = licence_page(ExportCard.model_validate(KNOWN | changes))
    assert terms is None if link is None else f"Licence: {licence}. Source: here." in terms


@pytest.mark.parametrize("mark", ["synthetic", "random"])
def test_scores_that_mean_nothing_are_no_results_of_the_hub(mark):
    made = page(marks={mark: "for plumbing only"})
    assert made.data.eval_results is None
    assert "| UA, the mean recall of the classes | 50.0% | 41.2% to 60.0% |" in made.text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "the mean of what 5 models say, each of another training part of the data."),
        ({}, "Protocol: grouped kfold, 5 folds, 120 recordings tested. Each of these was predicted"),
        ({}, "of their mean, which is what a prediction gives, there is no score"),
        (SINGLE, "one model, trained on a part of the data."),
        (SINGLE, "Protocol: a single stratified split, 13 recordings tested."),
        (SINGLE, "They are scores of the model in here."),
        ({"models": "refitted", "count": 1}, "one model, trained on all of the data."),
        ({"models": "refitted", "count": 1}, "there is nothing left to test on"),
    ],
)
def test_whose_scores_they_are_and_of_how_many_recordings(changes, says):
    assert says in page(**changes).text


@pytest.mark.parametrize(
    ("mark", "card", "says"),
    [
        ("dependent", {"speakers_shared": "7 of 8"}, "test speakers were also trained on (7 of 8), or"),
        ("dependent", {}, "test speakers were also trained on, or"),
        ("listed", {"listed": {"recordings": 9, "here": 8}}, "(8 of the 9 listed recordings)"),
        ("untested", {"untested": ["sad"]}, NOTES["untested"]),
    ],
)
def test_a_note_has_the_counts_of_its_experiment(mark, card, says):
    assert says in whole_note(mark, card)
    assert "the protocol says" not in whole_note(mark, card)


def curves(*folds):
    return [{"fold": n, "epoch": 1 + i, "v": value} for n, fold in enumerate(folds) for i, value in enumerate(fold)]


@pytest.mark.parametrize(
    ("monitor", "folds", "epochs"),
    [
        ("valid_loss", [[3, 2, 1], [3, 1, 2], [1, 2, 3]], 2),
        ("valid_acc", [[3, 2, 1], [3, 4, 2], [1, 2, 3]], 2),
        ("valid_acc", [[0.5, 0.7, 0.7, 0.6]], 2),
        ("valid_loss", [[2, 1], [4, 3, 2, 1]], 2),
    ],
)
def test_the_epochs_of_a_refit_are_the_median_of_those_that_were_kept(monitor, folds, epochs):
    rows = [{"fold": row["fold"], "epoch": row["epoch"], monitor: row["v"]} for row in curves(*folds)]
    assert chosen_epochs(rows, monitor) == epochs
