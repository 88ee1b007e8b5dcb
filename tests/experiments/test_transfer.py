"""Transfers: what is tested, by which models, trained on what; two small corpora of noise whose keys are the same."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from every_system import files_of, tiny_params, write_every_role
from feature_files import corpus, write_features
from projects import tree

from pipeline import paths
from pipeline.config.protocols import GroupedKFold
from pipeline.config.scoring import ScoringParams
from pipeline.config.transfers import TransferParams
from pipeline.errors import UserError
from pipeline.evaluation.comparison import compare
from pipeline.evaluation.evaluation import evaluate
from pipeline.experiments import transfer_run
from pipeline.experiments.cross_validation import cross_validate
from pipeline.experiments.experiment import Experiment, groups_of
from pipeline.experiments.reference import Reference
from pipeline.experiments.target import target_rows
from pipeline.experiments.transfer import Transfer
from pipeline.experiments.transfer_run import run_transfer
from pipeline.jobs.workplace import Workplace
from pipeline.serving.models import Model
from pipeline.systems import systems
from pipeline.systems.view import View

PROTOCOL = GroupedKFold(scheme="grouped_kfold", folds=2, validation_speakers=0)
SCORING = ScoringParams(bootstrap=100)


def rows_of(dataset, speakers):
    return [replace(row, dataset=dataset, speaker=f"{dataset}-{row.speaker}") for row in corpus(speakers, takes=2)]


SOURCE, TARGET = rows_of("source", 4), rows_of("target", 5)


class Corpora:
    """Features of both corpora, and experiments on the first."""

    def __init__(self, folder):
        self.files = {}
        for seed, (name, rows) in enumerate({"source": SOURCE, "target": TARGET}.items()):
            (folder / name).mkdir()
            keys = [row.key for row in rows]
            self.files[name] = write_every_role(folder / name, keys, seed)
            for file in {id(f): f for table in self.files[name] for f in table.values()}.values():
                file.digests = np.random.default_rng([seed, len(file.streams)]).integers(0, 256, (len(keys), 32))
                file.digests = file.digests.astype(np.uint8)

    def trained(self, system, **params):
        """Cross-validate a system on the source, once."""
        settings = systems()[system].load().Params(**(tiny_params(system) | params))
        if not paths.models(system).exists():
            experiment = Experiment(
                name=system,
                system=system,
                classifier=systems()[system].load(),
                settings=settings,
                protocol=PROTOCOL,
                rows=SOURCE,
                clean=files_of(system, self.files["source"]),
            )
            cross_validate(experiment, paths.models(system), workers=1)[0].write(paths.predictions(system))
        return settings

    def transfer(
        self,
        system,
        rows=TARGET,
        name="moved",
        params=None,
        normalisation="training",
        seed=0,
        params_given=None,
        **plan,
    ):
        settings = self.trained(system, normalisation=normalisation)
        reference = Reference.read(system, SOURCE, files_of(system, self.files["source"]), {})
        own, emotions = target_rows(rows, {}, None, reference.card.classes)
        return Transfer(
            name=name,
            plan=TransferParams(
                **(
                    {"source": system, "corpus": "target", "share": 0.4, "draws": 2, "params": params_given or {}}
                    | plan
                )
            ),
            reference=reference,
            classifier=systems()[system].load(),
            settings=settings.model_copy(update=params or {}),
            rows=own,
            emotions=emotions,
            files=files_of(system, self.files["target"]),
            seed=seed,
        )

    def run(self, system, **options):
        transfer = self.transfer(system, **options)
        return run_transfer(transfer, paths.models(transfer.name), workers=1)[0]


@pytest.fixture
def corpora(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Corpora(tmp_path)


def only(files, role):
    return {role: files[role]}


def viewed(files, rows, keys=None):
    return View(keys or [row.key for row in rows], {role: [file] for role, file in files.items()}, groups_of(rows))


def test_zero_shot_is_the_mean_of_the_sources_models_on_all_of_the_target(corpora):
    found = corpora.run("mlp", share=0, draws=1)
    X = viewed(files_of("mlp", corpora.files["target"]), TARGET)
    models = Model.read(paths.models("mlp")).outputs(X, "cpu")
    np.testing.assert_allclose(found.probabilities(found.where("test")), models.mean(axis=0), rtol=0, atol=1e-12)
    assert found.folds == [{"train": [], "validation": [], "test": [row.key for row in TARGET]}]
    assert not paths.models("moved").exists()
    assert not found.curves


def test_zero_shot_with_other_params_is_fitted_to_the_source_again_and_knows_the_target_without_labels(corpora):
    changed = {"normalisation": "per_corpus", "self_training": (0.5, 0.5)}
    plain = corpora.run("probe", share=0, draws=1, name="plain")
    found = corpora.run("probe", share=0, draws=1, params=changed, params_given=changed)
    assert (found.card["transductive"], plain.card["transductive"]) == (True, False)
    assert (found.card["transfer"]["fitted_again"], plain.card["transfer"]["fitted_again"]) == (True, False)
    assert found.folds == [{"train": [], "validation": [], "test": [row.key for row in TARGET]}]
    evaluate({"moved": found}, TARGET, SCORING, 0)
    models = Model.read(paths.models("moved"))
    assert models.described()[0].startswith("moved: probe, trained on source, ")
    relabelled = [replace(row, emotion=other.emotion) for row, other in zip(TARGET, reversed(TARGET), strict=True)]
    again = corpora.run("probe", rows=relabelled, share=0, draws=1, params=changed, params_given=changed, name="again")
    np.testing.assert_array_equal(found.rows, again.rows)  # the target's labels are looked at by nobody


@pytest.mark.parametrize("system", [*(name for name, entry in systems().items() if entry.neural), "pooled", "probe"])
def test_every_system_is_tuned_and_its_models_give_what_was_scored(corpora, system):
    found = corpora.run(system)
    evaluate({"moved": found}, TARGET, SCORING, 0)
    models = Model.read(paths.models("moved"))
    assert len(models.card.folds) == (4 if systems()[system].neural else 2)
    each = models.outputs(viewed(files_of(system, corpora.files["target"]), TARGET), "cpu")
    for draw, of_draw in enumerate(np.split(each, 2)):
        rows = found.where("test", draw)
        tested = [i for i, row in enumerate(TARGET) if row.key in {found.keys[r] for r in rows}]
        np.testing.assert_allclose(found.probabilities(rows), of_draw.mean(axis=0)[tested], atol=1e-6)
    assert models.described()[0].startswith(f"moved: {system}, trained on source and 40 % of the speakers of target, ")


def test_the_source_stays_as_it_was_and_what_is_trained_on_is_not_tested(corpora):
    corpora.trained("mlp")
    before = tree(paths.models("mlp"))
    found = corpora.run("mlp", tune="head")
    assert tree(paths.models("mlp")) == before
    speaker = {row.key: row.speaker for row in TARGET}
    for fold in found.folds:
        assert len({speaker[key] for key in fold["train"]}) == 2
        assert not {speaker[key] for key in fold["train"]} & {speaker[key] for key in fold["test"]}
    assert found.card["protocol"] == {"scheme": "transfer", "share": 0.4, "of": "speakers", "repeats": 2}
    assert not found.card["speaker_dependent"]
    assert found.splits == 2


def test_a_fresh_model_is_fitted_to_the_share_alone(corpora):
    transfer = corpora.transfer("pooled", weights="fresh")
    found = run_transfer(transfer, paths.models("moved"))[0]
    files = files_of("pooled", corpora.files["target"])
    for draw, fold in enumerate(transfer.draws):
        train, test = ([TARGET[i] for i in part] for part in (fold.train, fold.test))
        X = viewed(files, TARGET, [row.key for row in train])
        model = systems()["pooled"].load()().fit(X, [row.emotion for row in train])
        own = model.predict_proba(viewed(files, TARGET, [row.key for row in test]))
        np.testing.assert_allclose(found.probabilities(found.where("test", draw)), own, atol=1e-12)


@pytest.mark.parametrize(("blocks", "count"), [(3, 2), (0, 1)])
def test_a_run_is_of_the_weights_that_its_blocks_are_taken_from(corpora, blocks, count):
    Path("pretrained").mkdir()
    transfer, found = corpora.transfer("caf_ssl", weights="fresh", params={"top_blocks": blocks}), set()
    transfer.files["ssl"].header.params["model"] = "pretrained"
    for content in (b"weights", b"others"):
        Path("pretrained/model.safetensors").write_bytes(content)
        found.add(transfer.identity())
    assert len(found) == count


def test_a_classical_system_is_fitted_to_both_corpora_which_count_the_same(corpora):
    transfer = corpora.transfer("pooled", weights=1)
    fold = transfer.draws[0]
    X, y = transfer.union(fold.train)
    keys = X.keys.tolist()
    known = [*transfer.reference.trained[1]]
    assert keys[: len(known)] == known
    shared = keys[len(known) :]
    assert shared == [f"target/{TARGET[i].key}" for i in fold.train] * (len(shared) // len(fold.train))
    assert abs(len(shared) - len(known)) <= len(fold.train) / 2
    assert y[: len(known)] == [row.emotion for key in known for row in SOURCE if f"source/{row.key}" == key]
    everything, _ = corpora.transfer("pooled").union(fold.train)
    assert {key for key in everything.keys.tolist() if key.startswith("source/")} == {f"source/{r.key}" for r in SOURCE}


def test_copies_of_the_source_are_fitted_to_again(corpora):
    transfer = corpora.transfer("pooled")
    first = transfer.reference.trained[0][0].removeprefix("source/")
    noisy = write_features(Path("noisy.h5"), {f"{first}@20dB": np.ones((2, 16), np.float32)})
    trained = [[*keys, f"source/{first}@20dB"] for keys in transfer.reference.trained]
    copied = replace(
        transfer.reference, copied={"logmel": noisy}, trained=trained, clean=only(transfer.reference.clean, "logmel")
    )
    X, y = replace(transfer, reference=copied, files=only(transfer.files, "logmel")).union(transfer.draws[0].train)
    place = X.keys.tolist().index(f"source/{first}@20dB")
    assert y[place] == next(row.emotion for row in SOURCE if row.key == first)
    assert X.arrays("logmel")[place].tolist() == np.ones((2, 16)).tolist()
    assert X.groups("speaker")[place].startswith("source/source-")


def test_models_on_aligned_features_predict_no_new_recordings(corpora):
    for by, what in (("corpus", "as a whole"), ("speaker", "speaker by speaker")):
        corpora.run("pooled", align="moments", align_by=by, name=by)
        with pytest.raises(UserError, match=f"aligned {what}, which those of new recordings are not"):
            Model.read(paths.models(by)).extractors(Workplace())


def test_a_language_that_the_target_lacks_is_to_be_taken_out_of_the_transfers_own_only(corpora):
    with pytest.raises(UserError, match="take it out of `only`; there are"):
        target_rows(TARGET, {"language": ["xx"]}, None, ["angry", "sad"])


def test_all_transfers_with_a_share_are_compared_on_the_same_tests(corpora):
    found = {
        "tuned": corpora.run("mlp", tune="head", draws=3),
        "refitted": corpora.run("pooled", draws=3, name="refitted"),
        "fresh": corpora.run("mlp", weights="fresh", draws=3, name="fresh"),
        "other share": corpora.run("mlp", share=0.6, draws=3, name="other"),
    }
    pairs = {(pair.first, pair.second) for pair in compare(found, SCORING, 0)}
    assert pairs == {("tuned", "refitted"), ("tuned", "fresh"), ("refitted", "fresh")}
    results = evaluate(found, TARGET, SCORING, 0)
    assert len(results["tuned"]["over_splits"]["UA"]["values"]) == 3


def test_utterances_may_be_drawn_and_are_marked(corpora):
    found = corpora.run("pooled", of="utterances", share=0.25)
    assert found.card["speaker_dependent"]
    assert found.card["speakers_shared"] == "5 of 5"
    evaluate({"moved": found}, TARGET, SCORING, 0)


def test_classes_that_the_target_lacks_are_said(corpora):
    rows = [row for row in TARGET if row.emotion != "sad"]
    found = corpora.run("pooled", rows=rows, share=0, draws=1)
    assert found.card["untested"] == ["sad"]
    assert found.classes == ["angry", "happy", "neutral", "sad"]
    assert evaluate({"moved": found}, rows, SCORING, 0)["moved"]["classes"]["sad"]["support"] == 0
    rows = [replace(row, emotion="bored") if row.emotion == "sad" else row for row in TARGET]
    found = corpora.run("pooled", rows=rows, share=0, draws=1)
    assert not [key for key in found.keys if "sad" in key]
    evaluate({"moved": found}, rows, SCORING, 0)
    with pytest.raises(UserError, match=r"corpus target has 0 of the source's classes.*its labels are bored"):
        corpora.transfer("pooled", rows=[replace(row, emotion="bored") for row in TARGET])


def test_a_target_with_a_recording_of_the_source_is_refused(corpora):
    digests = corpora.files["target"][0]["mfcc"].digests
    digests[3] = corpora.files["source"][0]["mfcc"].digests[5]
    with pytest.raises(UserError, match=f"'target/{TARGET[3].key}' is the recording 'source/{SOURCE[5].key}', which"):
        corpora.transfer("cnn", share=0, draws=1)
    transfer = corpora.transfer("pooled", share=0, draws=1)
    alike = [replace(row, sha256="ab") for row in transfer.reference.rows[:1]]
    with pytest.raises(UserError, match=f"'target/{TARGET[4].key}' is the recording 'source/{SOURCE[0].key}', which"):
        replace(
            transfer,
            rows=[replace(row, sha256="ab" if row is TARGET[4] else "") for row in TARGET],
            reference=replace(transfer.reference, rows=[*alike, *transfer.reference.rows[1:]]),
        )


def test_statistics_of_speakers_and_aligned_features_are_the_targets_own_and_marked(corpora):
    plain = corpora.run("pooled", share=0, draws=1)
    own = corpora.run("pooled", share=0, draws=1, align="moments", name="aligned")
    assert (plain.card["transductive"], own.card["transductive"]) == (False, True)
    assert not np.allclose(plain.probabilities(plain.where("test")), own.probabilities(own.where("test")))
    by_speaker = corpora.run("svm", normalisation="per_speaker", share=0, draws=1, name="normalised")
    assert by_speaker.card["transductive"]
    tuned = corpora.run("svm", normalisation="per_speaker", name="again")
    assert tuned.card["transductive"]


def test_a_fold_that_the_source_has_not_is_refused(corpora):
    with pytest.raises(UserError, match=r"transfers.moved.weights: 2, and the source has the folds 0 to 1"):
        corpora.run("mlp", weights=2)
    assert len(corpora.transfer("mlp", weights=1).pieces) == 2


def test_a_killed_run_goes_on_with_the_same_bytes(corpora, monkeypatch):
    def run(name):
        found = corpora.run("mlp", name=name)
        found.card["name"] = ""
        found.write(paths.predictions(name))
        return tree(paths.predictions(name)), {k: v for k, v in tree(paths.models(name)).items() if "card" not in k}

    whole, make, calls = run("whole"), transfer_run.make_model, []

    def killed(transfer, number, *others):
        calls.append(number)
        if len(calls) == 3:
            raise KeyboardInterrupt
        make(transfer, number, *others)

    monkeypatch.setattr(transfer_run, "make_model", killed)
    with pytest.raises(KeyboardInterrupt):
        corpora.run("mlp", name="killed")
    assert run("killed") == whole
    assert calls == [0, 1, 2, 2, 3]


@pytest.mark.slow
def test_worker_processes_give_the_same_bytes(corpora):
    transfer = corpora.transfer("mlp", params={"epochs": 1})
    for workers in (1, 2):
        run_transfer(transfer, paths.models(f"by {workers}"), workers=workers)[0].write(
            paths.predictions(f"by {workers}")
        )
    assert tree(paths.predictions("by 1")) == tree(paths.predictions("by 2"))
    assert tree(paths.models("by 1")) == tree(paths.models("by 2"))


def test_the_sources_balance_holds_for_what_is_fitted_again(corpora):
    transfer = corpora.transfer("pooled")
    uneven = [key for key in transfer.reference.everything if "angry" not in key or "s0" in key]
    reference = replace(transfer.reference, trained=[uneven])
    plain, _ = replace(transfer, reference=reference).union(transfer.draws[0].train)
    card = reference.card.model_copy(update={"balance": "class"})
    even, emotions = replace(transfer, reference=replace(reference, card=card)).union(transfer.draws[0].train)
    own = [emotion for key, emotion in zip(even.keys, emotions, strict=True) if key.startswith("source/")]
    assert len({own.count(name) for name in {*own}}) == 1
    assert len(even) > len(plain)


# Votes


def voted(rows, seed):
    """The rows with votes: three raters of each, two of them for its emotion."""
    rng, classes = np.random.default_rng(seed), sorted({row.emotion for row in rows})
    others = rng.choice(classes, len(rows)).tolist()
    return [
        replace(row, votes={row.emotion: 1.0} if other == row.emotion else {row.emotion: 2 / 3, other: 1 / 3})
        for row, other in zip(rows, others, strict=True)
    ]


def of_votes(transfer, target):
    """The transfer, from a source that was trained on votes."""
    reference = transfer.reference
    card = reference.card.model_copy(update={"labels": "votes"})
    known = [replace(row, votes=own.votes) for row, own in zip(reference.rows, voted(SOURCE, 0), strict=True)]
    return replace(transfer, rows=target, reference=replace(reference, card=card, rows=known))


def test_a_source_of_votes_is_fitted_to_votes_of_both_corpora(corpora):
    transfer = of_votes(corpora.transfer("pooled"), voted(TARGET, 1))
    X, y = transfer.union(transfer.draws[0].train)
    rows = {f"{row.dataset}/{row.key}": row for row in [*voted(SOURCE, 0), *voted(TARGET, 1)]}
    table = [[rows[key].votes.get(name, 0.0) for name in transfer.classes] for key in X.keys.tolist()]
    np.testing.assert_allclose(y.shares, table)
    assert y.labels == [rows[key].emotion for key in X.keys.tolist()]
    found = run_transfer(transfer, paths.models("moved"))[0]
    assert found.card["labels"] == Model.read(paths.models("moved")).card.labels == "votes"
    assert "labels" not in corpora.run("pooled", name="hard").card


@pytest.mark.parametrize("plan", [{"tune": "head"}, {"weights": "fresh"}])
def test_networks_are_tuned_on_the_shares_votes(corpora, plan):
    transfer = of_votes(corpora.transfer("mlp", **plan), voted(TARGET, 1))
    soft = run_transfer(transfer, paths.models("soft"))[0]
    hard = corpora.run("mlp", **plan)
    assert soft.keys == hard.keys
    assert not np.allclose(soft.rows, hard.rows)


def test_votes_are_needed_of_what_is_trained_on_alone(corpora):
    plain = of_votes(corpora.transfer("mlp"), TARGET)
    with pytest.raises(UserError, match="no recording of corpus target has votes"):
        run_transfer(plain, paths.models("moved"))
    zero = of_votes(corpora.transfer("mlp", share=0, draws=1, name="zero"), TARGET)
    assert "labels" not in run_transfer(zero, paths.models("zero"))[0].card
    again = {"normalisation": "per_corpus"}
    refitted = corpora.transfer("pooled", share=0, draws=1, params=again, params_given=again, name="again")
    assert run_transfer(of_votes(refitted, TARGET), paths.models("again"))[0].card["labels"] == "votes"
