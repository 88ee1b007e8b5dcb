"""Transfers of numbers: by which models they are predicted, and what is trained on; two small corpora of noise."""

from dataclasses import replace

import numpy as np
import pytest
from every_system import files_of, tiny_params, write_every_role
from feature_files import corpus
from projects import tree
from safetensors.numpy import load_file

from pipeline import paths
from pipeline.config.protocols import GroupedKFold
from pipeline.config.scoring import ScoringParams
from pipeline.config.transfers import TransferParams
from pipeline.errors import UserError
from pipeline.evaluation.dimensions import evaluate_values
from pipeline.experiments.draws import draws
from pipeline.experiments.experiment import groups_of
from pipeline.experiments.regression import RegressionExperiment, cross_validate_values
from pipeline.experiments.regression_transfer import RegressionTransfer, ValueReference, run_value_transfer
from pipeline.experiments.targets import chosen_with_targets, with_targets
from pipeline.experiments.values import Values
from pipeline.serving.value_model import ValueModel
from pipeline.systems import systems
from pipeline.systems.regression import find_regressor, takes_targets
from pipeline.systems.view import View

PROTOCOL = GroupedKFold(scheme="grouped_kfold", folds=2, validation_speakers=0)
SCORING = ScoringParams(bootstrap=100)
TARGETS = ["valence", "arousal"]
TAKEN = [name for name in systems() if takes_targets(name)]
NEURAL = [name for name in TAKEN if systems()[name].neural]


def rows_of(dataset, speakers, seed):
    rng = np.random.default_rng(seed)
    return [
        replace(
            row,
            dataset=dataset,
            speaker=f"{dataset}-{row.speaker}",
            dimensions=dict(zip(TARGETS, rng.uniform(1, 5, 2).round(2).tolist(), strict=True)),
        )
        for row in corpus(speakers, takes=2)
    ]


SOURCE, TARGET = rows_of("source", 4, 0), rows_of("target", 5, 1)


class Corpora:
    """Features of both corpora, and experiments on the first."""

    def __init__(self, folder):
        self.files = {}
        for seed, (name, rows) in enumerate({"source": SOURCE, "target": TARGET}.items()):
            (folder / name).mkdir()
            keys = [row.key for row in rows]
            self.files[name] = write_every_role(folder / name, keys, seed)
            for file in {id(f): f for table in self.files[name] for f in table.values()}.values():
                digests = np.random.default_rng([seed, len(file.streams)]).integers(0, 256, (len(keys), 32))
                file.digests = digests.astype(np.uint8)

    def trained(self, system, **params):
        """Cross-validate a system's regressor on the source, once."""
        kind = find_regressor(system)
        own = {name: value for name, value in tiny_params(system).items() if name in kind.Params.model_fields}
        settings = kind.Params(**(own | params))
        if not paths.models(system).exists():
            experiment = RegressionExperiment(
                name=system,
                system=system,
                classifier=kind,
                settings=settings,
                protocol=PROTOCOL,
                rows=with_targets(SOURCE, TARGETS),
                clean=files_of(system, self.files["source"]),
                targets=TARGETS,
            )
            cross_validate_values(experiment, paths.models(system), workers=1)[0].write(paths.predictions(system))
        return settings

    def transfer(self, system, rows=TARGET, name="moved", params=None, normalisation="training", **plan):
        settings = self.trained(system, normalisation=normalisation)
        source = with_targets(SOURCE, TARGETS)
        reference = ValueReference.read(system, source, files_of(system, self.files["source"]), {})
        own, left_out = chosen_with_targets(rows, {}, reference.card.targets)
        given = {"source": system, "corpus": "target", "share": 0.4, "draws": 2, "params": params or {}}
        return RegressionTransfer(
            name=name,
            plan=TransferParams(**(given | plan)),
            reference=reference,
            classifier=find_regressor(system),
            settings=settings.model_copy(update=params or {}),
            rows=own,
            emotions=None,
            files=files_of(system, self.files["target"]),
            left_out=left_out,
        )

    def run(self, system, **options):
        transfer = self.transfer(system, **options)
        return run_value_transfer(transfer, paths.models(transfer.name), workers=1)[0]


@pytest.fixture
def corpora(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Corpora(tmp_path)


def viewed(files, rows, keys=None):
    return View(keys or [row.key for row in rows], {role: [file] for role, file in files.items()}, groups_of(rows))


def predicted(found, fold=None):
    return found.numbers(found.where("test", fold))[1]


def numbers(rows):
    return np.array([[row.dimensions[target] for target in TARGETS] for row in rows])


@pytest.mark.parametrize("system", ["mlp", "pooled", "probe"])
def test_zero_shot_is_the_mean_of_the_sources_models_on_all_of_the_target(corpora, system):
    found = corpora.run(system, share=0, draws=1)
    X = viewed(files_of(system, corpora.files["target"]), TARGET)
    models = ValueModel.read(paths.models(system)).outputs(X, "cpu")
    assert len(models) == 2
    np.testing.assert_allclose(predicted(found), models.mean(axis=0), rtol=0, atol=1e-9)
    assert found.folds == [{"train": [], "validation": [], "test": [row.key for row in TARGET]}]
    np.testing.assert_array_equal(found.numbers(found.where("test"))[0], numbers(TARGET))
    assert not paths.models("moved").exists()
    assert (found.card["task"], found.card["targets"], found.card["without_targets"]) == ("regression", TARGETS, 0)
    assert found.card["transfer"]["source"] == system
    assert "untested" not in found.card


@pytest.mark.parametrize("system", TAKEN)
def test_every_regressor_is_tuned_and_its_models_give_what_was_scored(corpora, system):
    found = corpora.run(system)
    results = evaluate_values({"moved": found}, TARGET, SCORING, 0)
    assert {"mean_over_folds", "std_over_folds"} <= results["moved"].keys()
    models = ValueModel.read(paths.models("moved"))
    assert models.count == (4 if systems()[system].neural else 2)
    each = models.outputs(viewed(files_of(system, corpora.files["target"]), TARGET), "cpu")
    for draw, of_draw in enumerate(np.split(each, 2)):
        tested = {found.keys[row] for row in found.where("test", draw)}
        rows = [i for i, row in enumerate(TARGET) if row.key in tested]
        np.testing.assert_allclose(predicted(found, draw), of_draw.mean(axis=0)[rows], atol=1e-4)
    assert models.described()[0].startswith(f"moved: {system}, trained on source and 40 % of the speakers of target, ")


@pytest.mark.parametrize("system", NEURAL)
def test_a_head_that_is_tuned_leaves_the_rest_bit_by_bit_and_the_source_as_it_was(corpora, system):
    corpora.trained(system)
    before = tree(paths.models(system))
    corpora.run(system, tune="head", draws=1)
    assert tree(paths.models(system)) == before
    head = tuple(f"0.network.{name.replace('layers.-1', 'layers.1')}" for name in systems()[system].parts["head"])
    for fold in range(2):
        own, tuned = (load_file(paths.models(name) / f"fold_{fold:02d}.safetensors") for name in (system, "moved"))
        moved = {name for name in own if not np.array_equal(own[name], tuned[name])}
        assert moved
        assert all(name.startswith(head) for name in moved)


def test_what_is_trained_on_is_not_tested_and_a_run_gives_the_same_again(corpora):
    found = corpora.run("mlp")
    speaker = {row.key: row.speaker for row in TARGET}
    for fold in found.folds:
        assert len({speaker[key] for key in fold["train"]}) == 2
        assert not {speaker[key] for key in fold["train"]} & {speaker[key] for key in fold["test"]}
    assert found.card["protocol"] == {"scheme": "transfer", "share": 0.4, "of": "speakers", "repeats": 2}
    assert {row["fold"] for row in found.curves} == {0, 1}
    np.testing.assert_array_equal(predicted(found), predicted(corpora.run("mlp")))


def test_other_numbers_are_another_run(corpora):
    transfer = corpora.transfer("pooled")
    other = replace(transfer, rows=[replace(row, dimensions={**row.dimensions, "valence": 1.0}) for row in TARGET])
    assert transfer.identity() != other.identity()
    assert transfer.identity() == corpora.transfer("pooled").identity()


def test_a_fresh_regressor_is_fitted_to_the_share_alone(corpora):
    transfer = corpora.transfer("pooled", weights="fresh")
    found = run_value_transfer(transfer, paths.models("moved"))[0]
    files = files_of("pooled", corpora.files["target"])
    for draw, fold in enumerate(transfer.draws):
        train, test = ([TARGET[i] for i in part] for part in (fold.train, fold.test))
        model = find_regressor("pooled")().fit(viewed(files, TARGET, [row.key for row in train]), numbers(train))
        own = model.values(viewed(files, TARGET, [row.key for row in test]))
        np.testing.assert_allclose(predicted(found, draw), own, atol=1e-9)


def test_a_classical_regressor_is_fitted_to_both_corpora_which_count_the_same(corpora):
    transfer = corpora.transfer("pooled", weights=1)
    fold = transfer.draws[0]
    X, y = transfer.union(fold.train)
    keys, known = X.keys.tolist(), [*transfer.reference.trained[1]]
    assert keys[: len(known)] == known
    shared = keys[len(known) :]
    assert shared == [f"target/{TARGET[i].key}" for i in fold.train] * (len(shared) // len(fold.train))
    assert abs(len(shared) - len(known)) <= len(fold.train) / 2
    by_key = {f"{row.dataset}/{row.key}": row for row in [*SOURCE, *TARGET]}
    np.testing.assert_array_equal(y, numbers([by_key[key] for key in keys]))


def test_zero_shot_with_statistics_of_the_target_is_fitted_again_and_sees_none_of_its_numbers(corpora):
    changed = {"normalisation": "per_speaker"}
    found = corpora.run("probe", share=0, draws=1, params=changed)
    assert (found.card["transductive"], found.card["transfer"]["fitted_again"]) == (True, True)
    evaluate_values({"moved": found}, TARGET, SCORING, 0)
    shuffled = [replace(row, dimensions=other.dimensions) for row, other in zip(TARGET, reversed(TARGET), strict=True)]
    again = corpora.run("probe", rows=shuffled, share=0, draws=1, params=changed, name="again")
    np.testing.assert_array_equal(predicted(found), predicted(again))


@pytest.mark.parametrize("how", ["moments", "coral"])
def test_aligned_features_are_others_and_marked(corpora, how):
    plain, own = (corpora.run("pooled", share=0, draws=1, align=align, name=align) for align in ("none", how))
    assert (plain.card["transductive"], own.card["transductive"]) == (False, True)
    assert not np.allclose(predicted(plain), predicted(own))


def test_recordings_without_a_number_are_left_out_and_counted(corpora):
    lacking = [replace(row, dimensions={"valence": 2.0}) if i < 3 else row for i, row in enumerate(TARGET)]
    found = corpora.run("pooled", rows=lacking, share=0, draws=1)
    assert found.card["without_targets"] == 3
    assert not {row.key for row in TARGET[:3]} & {*found.keys}
    evaluate_values({"moved": found}, lacking, SCORING, 0)
    with pytest.raises(UserError, match="'arousal' is no dimension of corpus target; known: valence"):
        corpora.transfer("pooled", rows=[replace(row, dimensions={"valence": 2.0}) for row in TARGET])


def test_a_target_with_a_recording_of_the_source_is_refused(corpora):
    digests = corpora.files["target"][0]["mfcc"].digests
    digests[3] = corpora.files["source"][0]["mfcc"].digests[5]
    with pytest.raises(UserError, match=f"'target/{TARGET[3].key}' is the recording 'source/{SOURCE[5].key}', which"):
        corpora.transfer("cnn", share=0, draws=1)


def test_models_of_classes_are_no_source_of_numbers(corpora):
    corpora.trained("pooled")
    card = paths.models("pooled") / "card.json"
    card.write_text(card.read_text().replace("ser-regressor/1", "ser-model/1"))
    with pytest.raises(UserError, match="is no card of trained models"):
        corpora.transfer("pooled")


def test_utterances_are_drawn_without_regard_to_numbers_and_twins_stay_together(corpora):
    rows = with_targets([replace(row, twin=TARGET[0].key) if i == 9 else row for i, row in enumerate(TARGET)], TARGETS)
    plan = TransferParams(source="x", corpus="target", share=0.25, of="utterances", draws=8)
    folds = draws(rows, plan, 0)
    assert len({tuple(fold.train.tolist()) for fold in folds}) == 8
    contents = len({row.content for row in rows})
    for fold in folds:
        assert len({rows[i].content for i in fold.train}) == round(0.25 * contents)
        assert ({0, 9} <= {*fold.train.tolist()}) or not {0, 9} & {*fold.train.tolist()}
    found = corpora.run("pooled", of="utterances", share=0.25)
    assert found.card["speaker_dependent"]
    evaluate_values({"moved": found}, TARGET, SCORING, 0)


def test_shares_that_cannot_be_drawn_are_named(corpora):
    plan = TransferParams(source="x", corpus="target", share=0.2, draws=6)
    rows = with_targets(TARGET, TARGETS)
    with pytest.raises(UserError, match="target: there are fewer than 6 draws of such a share; lower draws"):
        draws(rows, plan, 0)
    with pytest.raises(UserError, match="target: has one recording, which cannot be trained on and tested"):
        draws(rows[:1], plan.model_copy(update={"of": "utterances"}), 0)
    with pytest.raises(UserError, match=r"transfers.moved.weights: 2, and the source has the folds 0 to 1"):
        corpora.run("mlp", weights=2)


def test_what_was_written_is_read(corpora, tmp_path):
    found = corpora.run("mlp")
    found.write(tmp_path / "written")
    read = Values.read(tmp_path / "written")
    assert (read.folds, read.card, read.keys) == (found.folds, found.card, found.keys)
    assert len(read.curves) == len(found.curves) > 0
