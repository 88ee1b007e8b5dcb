"""What scikit-learn promises of an estimator: params as keywords, arrays as X, its own checks, its tools."""

import inspect
import pickle

import numpy as np
import pytest
from every_system import files_of, tiny_params, write_every_role
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score, learning_curve
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import check_estimator
from system_checks import GROUPS, KEYS, LABELS, SPEAKERS, view

from pipeline.errors import DataError, ParamsError, UserError
from pipeline.storage.source import Arrays
from pipeline.systems import systems
from pipeline.systems.caf import CAF
from pipeline.systems.cnn import CNN
from pipeline.systems.conformance import UNCHECKED
from pipeline.systems.estimator import Estimator
from pipeline.systems.functionals import Functionals, vectors
from pipeline.systems.mlp import MLP
from pipeline.systems.pooled import Pooled
from pipeline.systems.serct import SERCT
from pipeline.systems.svm import SVM
from pipeline.systems.system import System
from pipeline.systems.view import View
from pipeline.systems.wav2vec import Wav2vecBranch

pytestmark = pytest.mark.usefixtures("one_thread")

RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(16, 6))
FRAMES = RNG.normal(size=(16, 12, 5)).astype(np.float32)
CHECKED = [name for name in systems() if name not in UNCHECKED]
QUICK = {"mlp": {"epochs": 10, "batch_size": 64, "hidden": (16,), "learning_rate": 0.01}}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return write_every_role(tmp_path_factory.mktemp("features"), KEYS)


@pytest.fixture(scope="module")
def X(files):
    return view(files[0], ("mfcc", "prosody"), groups=GROUPS)


# --- params ---


@pytest.mark.parametrize("name", systems())
def test_params_are_keywords_with_the_defaults_of_the_model(name):
    kind = systems()[name].load()
    shown = inspect.signature(kind).parameters
    assert [*shown] == [*kind.Params.model_fields, "seed", "device"]
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in shown.values())
    model = kind()
    assert model.settings() == kind.Params()
    assert model.get_params() == {key: getattr(model, key) for key in shown}
    assert repr(model) == f"{kind.__name__}()"
    assert not [key for key in shown if hasattr(kind, key)]


def test_a_clone_and_a_repr_have_what_differs():
    model = CAF(fusion="sum", epochs=4, seed=2)
    assert repr(clone(model)) == "CAF(epochs=4, fusion='sum', seed=2)"
    assert clone(model).set_params(epochs=5).settings().epochs == 5
    assert "balanced: weight classes inversely" in Pooled.__init__.__doc__


def test_an_unknown_keyword_is_named_with_the_nearest():
    with pytest.raises(TypeError, match=r"CAF has no param 'fusoin' \(did you mean 'fusion'\?\); known: "):
        CAF(fusoin="sum")
    with pytest.raises(ValueError, match="Invalid parameter 'fusoin'"):
        CAF().set_params(fusoin="sum")
    with pytest.raises(TypeError, match=r"Pooled.__init__\(\) takes 1 positional argument"):
        Pooled(0.1)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"c": -1}, r"^Pooled\.c: input should be greater than 0; it is -1$"),
        ({"c": "much"}, r"^Pooled\.c: input should be a valid number; it is 'much'$"),
        ({"balanced": 1}, r"^Pooled\.balanced: input should be a valid boolean; it is 1$"),
        ({"seed": -1}, r"^Pooled\.seed: input should be greater than or equal to 0; it is -1$"),
        ({"seed": None}, r"^Pooled\.seed: input should be a valid integer; it is None$"),
        ({"device": ""}, r"^Pooled\.device: string should have at least 1 character"),
    ],
)
def test_fit_says_which_param_is_wrong(params, message):
    model = Pooled(**params)
    with pytest.raises(ParamsError, match=message):
        model.fit(VECTORS, LABELS)


def test_a_device_that_is_not_there_is_named():
    with pytest.raises(ParamsError, match="device 'abacus' cannot be used"):
        CNN(device="abacus", epochs=1).fit(FRAMES, LABELS)


def test_numbers_of_numpy_and_tuples_are_plain_params():
    settings = MLP(hidden=(np.int64(3), 4), epochs=np.int64(2), dropout=np.float64(0.5)).settings()
    assert (settings.hidden, settings.epochs, settings.dropout) == ([3, 4], 2, 0.5)


def test_a_param_of_a_methods_name_is_refused():
    class Params(Pooled.Params):
        save: bool = True

    with pytest.raises(TypeError, match="the param 'save' has the name of a method"):
        type("Wrong", (Pooled,), {"Params": Params})


# --- scikit-learn's checks and tools ---


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CHECKED)
def test_scikit_learns_own_checks_pass(name):
    model = systems()[name].load()(**QUICK.get(name, {}))
    results = check_estimator(model, on_skip=None)
    assert len(results) > 40
    skipped = {each["check_name"] for each in results if each["status"] == "skipped"}
    assert skipped <= {"check_array_api_input", "check_classifier_data_not_an_array"}  # without an optional package


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", UNCHECKED)
def test_what_scikit_learn_cannot_check_takes_no_tables(name):
    model = systems()[name].load()()
    assert not model.__sklearn_tags__().input_tags.two_d_array
    assert len(check_estimator(model, on_skip=None)) == 1  # that it can be cloned
    assert UNCHECKED[name].endswith(" in place of (N, dims)")


def test_a_view_works_with_scikit_learns_tools(X):
    y, speakers = np.array(LABELS), np.array([*SPEAKERS.values()])
    cv = GroupKFold(4)
    grid = GridSearchCV(Pooled(), {"c": np.logspace(-2, 0, 3), "balanced": [True, False]}, cv=cv)
    assert grid.fit(X, y, groups=speakers).best_params_.keys() == {"c", "balanced"}
    assert grid.predict_proba(X).shape == (16, 4)
    pipe = make_pipeline(Functionals(), StandardScaler(), SVC())
    assert cross_val_score(pipe, X, y, groups=speakers, cv=cv).shape == (4,)
    sizes, train, _ = learning_curve(Pooled(), X, y, groups=speakers, cv=cv, train_sizes=[0.7, 1.0])
    assert (len(sizes), train.shape) == (2, (2, 4))


def test_functionals_are_a_transformer_of_views(X):
    np.testing.assert_array_equal(Functionals().fit_transform(X), vectors(X))
    assert len(Functionals().fit(X).get_feature_names_out()) == vectors(X).shape[1]
    with pytest.raises(DataError, match=r"Functionals takes a View, as pipeline.load_corpus gives; X is a ndarray"):
        Functionals().fit(VECTORS)


def test_a_pipeline_may_end_with_a_system():
    pipe = make_pipeline(StandardScaler(), Pooled(c=1.0)).fit(VECTORS, LABELS)
    assert pipe.predict(VECTORS).shape == (16,)
    assert repr(pipe[-1]) == "Pooled(c=1.0)"


# --- arrays ---


def test_vectors_are_taken_as_they_are(files):
    X = view(files[0], ("mfcc", "prosody"))
    table = vectors(X)
    for kind in (Pooled, SVM):
        np.testing.assert_array_equal(
            kind(c=1.0).fit(table, LABELS).predict_proba(table), kind(c=1.0).fit(X, LABELS).predict_proba(X)
        )


@pytest.mark.parametrize("name", ["cnn", "lstm", "cnn_bilstm", "caf_logmel", "spectrogram", "caf_ssl"])
def test_frames_as_arrays_and_lists_are_those_of_a_view(files, name):
    own = files_of(name, files)
    (role,) = own
    model = systems()[name].load()(**tiny_params(name))
    X = view(own, own)
    frames = X.arrays(role, "layer_09" if role == "ssl" else "values")
    wanted = clone(model).fit(X, LABELS).predict_proba(X)
    fitted = clone(model).fit(frames, LABELS)
    np.testing.assert_array_equal(fitted.predict_proba(frames), wanted)
    assert fitted.n_features_in_ == frames[0].shape[1]
    objects = np.empty(16, object)
    objects[:] = frames
    np.testing.assert_array_equal(clone(model).fit(objects, LABELS).predict_proba(objects), wanted)
    if len({len(rows) for rows in frames}) == 1:
        whole = np.stack(frames)
        np.testing.assert_array_equal(clone(model).fit(whole, LABELS).predict_proba(whole), wanted)


@pytest.mark.parametrize("name", ["serct", "wav2vec_end_to_end"])
def test_waveforms_as_integers_and_floats_are_those_of_a_view(files, name):
    own = files_of(name, files)
    model = systems()[name].load()(**tiny_params(name))
    X = view(own, own)
    waves = [rows[:, 0] for rows in X.arrays("waveform")]
    wanted = clone(model).fit(X, LABELS).predict_proba(X)
    for given in (waves, [wave / 32768 for wave in waves]):
        np.testing.assert_array_equal(clone(model).fit(given, LABELS).predict_proba(given), wanted)


def test_states_in_memory_train_pretrained_blocks_when_their_model_is_named(files):
    own = files_of("wav2vec", files)
    X, model = view(own, own), Wav2vecBranch(**tiny_params("wav2vec"))
    states = X.arrays("ssl", "layer_09")
    named = Arrays({"layer_09": states}, KEYS, extractor="ssl", params={"model": "tiny", "seed": 0})
    memory = View(KEYS, {"ssl": [named]})
    wanted = clone(model).fit(X, LABELS).predict_proba(X)
    np.testing.assert_array_equal(clone(model).fit(memory, LABELS).predict_proba(memory), wanted)
    with pytest.raises(UserError, match=r"X: does not say whose states these are.*\"layer_09\""):
        model.fit(states, LABELS)


def test_a_view_can_be_sent_to_a_worker(X):
    for here in (X, View(KEYS, {"mfcc": [Arrays({"values": FRAMES}, KEYS)]})):
        there = pickle.loads(pickle.dumps(here[3:5]))
        np.testing.assert_array_equal(there.arrays("mfcc")[1], here.arrays("mfcc")[4])
        assert repr(there) == repr(here[3:5])


def test_a_notebook_shows_a_system():
    assert "balanced" in Pooled(c=0.1)._repr_html_()


def test_labels_of_any_type_come_back():
    for labels in (np.arange(16) % 3, np.array(LABELS, object), LABELS):
        for model in (Pooled(), CNN(epochs=1)):
            model.fit(VECTORS if isinstance(model, Pooled) else FRAMES, labels)
            assert model.classes_.tolist() == sorted({*np.asarray(labels).tolist()})
            assert model.classes_.dtype == np.asarray(labels).dtype


NAN = FRAMES.copy()
NAN[3, 2, 1] = np.nan


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        (Pooled(), VECTORS[0], "Expected 2D array, got 1D array"),
        (Pooled(), FRAMES, "Found array with dim 3"),
        (Pooled(), np.where(VECTORS > 1, np.nan, VECTORS), "Input X contains NaN"),
        (Pooled(), VECTORS[:0], "0 sample"),
        (Pooled(), VECTORS[:5], "inconsistent|5 utterances and y has 16 labels"),
        (CNN(epochs=1), VECTORS, r"CNN takes a View, or an array \(N, frames, dims\), or a list .* has shape \(6,\)"),
        (CNN(epochs=1), "speech", "X is a str"),
        (CNN(epochs=1), NAN, "Input X contains NaN"),
        (CNN(epochs=1), [], "X has 0 samples"),
        (CNN(epochs=1), [*FRAMES[:15], FRAMES[15][:, :2]], "utterances of 2 and of 5 features a frame"),
        (SERCT(), 5 * FRAMES[:, :, 0], r"samples up to \d+; give 16-bit integers, or floats in \[-1, 1\]"),
        (CAF(), FRAMES, "CAF reads logmel and ssl, which one array cannot hold; X must be a View, as pipeline.load"),
        (systems()["hump_cat_ssl"].load()(patience=0), FRAMES, r"reads layers \(1, 9\), which one array cannot hold"),
    ],
)
def test_what_is_no_data_is_a_value_error(model, data, message):
    with pytest.raises(ValueError, match=message):
        model.fit(data, LABELS)


def test_another_number_of_columns_is_a_value_error():
    for model, data in ((Pooled(), VECTORS), (CNN(epochs=1), FRAMES)):
        model.fit(data, LABELS)
        with pytest.raises(ValueError, match=r"features, but .* is expecting . features as input"):
            model.predict(data[..., :3])


def test_what_is_trained_on_a_view_predicts_its_vectors(X):
    model = Pooled().fit(VECTORS, LABELS).fit(X, LABELS)
    assert not hasattr(model, "n_features_in_")
    np.testing.assert_array_equal(model.predict_proba(vectors(X)), model.predict_proba(X))
    with pytest.raises(DataError, match="use the features it was trained on"):
        model.predict(VECTORS)


def test_roles_that_a_system_does_not_read_are_left_out_and_missing_ones_named(X):
    assert CNN(epochs=1).fit(X, LABELS).nets_[0].module_.role == "mfcc"
    with pytest.raises(DataError, match=r"^CAF needs logmel, ssl; X has mfcc, prosody$"):
        CAF(patience=0).fit(X, LABELS)
    with pytest.raises(DataError, match=r"^Pooled: X has no utterances"):
        Pooled().fit(X[:0], [])


def test_a_view_says_what_is_in_it(X):
    assert repr(X) == "View(16 utterances, 4 speakers, mfcc 5, prosody 7)"
    assert repr(X[:3].only(["mfcc"])) == "View(3 utterances, 1 speaker, mfcc 5)"
    assert repr(X.source("mfcc")).endswith("mfcc.h5: mfcc, 16 utterances, 5)")


def test_all_that_the_pipeline_calls_has_a_docstring():
    named = {name for kind in (System, Estimator) for name in vars(kind) if not name.startswith("_")} - {"Params"}
    assert {"fit", "predict_proba", "predict", "save", "load", "parameter_count", "operations"} <= named
    assert all(inspect.getdoc(getattr(System, name)) for name in named if callable(getattr(System, name)))
