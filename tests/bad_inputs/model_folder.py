"""Exports from a stranger whose trained models are wrong, through `ser predict`; digests are of what is in them."""

import json
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import soundfile
from bad_inputs.registry import bad_input
from conftest import tone
from safetensors.numpy import load_file, save_file

from pipeline.errors import UserError
from pipeline.experiments.model_card import ModelCard
from pipeline.experiments.model_folder import read_card, validated_card
from pipeline.extraction.recipe import extract_recordings, make_extractor
from pipeline.features import find_extractor
from pipeline.jobs.workplace import Workplace
from pipeline.storage.feature_file import FeatureFile
from pipeline.systems.functionals import vectors
from pipeline.systems.view import View

CLASSES = ["angry", "happy", "sad"]
PLACE = Workplace(1, "", ())


def logmel():
    kind = find_extractor("logmel")
    return make_extractor(kind, kind.Params(n_mels=8), PLACE)


@cache
def dimensions():
    """Of the vectors that the model takes."""
    with tempfile.TemporaryDirectory() as folder:
        wave, path = Path(folder) / "a.wav", Path(folder) / "f.h5"
        soundfile.write(wave, tone(0.3), 16000)
        extract_recordings({path: logmel()}, {"a": wave}, "-", PLACE)
        return vectors(View(["a"], {"logmel": [FeatureFile(path)]}, {})).shape[1]


def card():
    """The card of a logistic regression of two folds."""
    made = logmel()
    recipe = {"extractor": "logmel", "version": made.version, "params": made.params.model_dump(mode="json")}
    return {
        "format": "ser-model/1",
        "name": "mine",
        "system": "pooled",
        "corpus": "mine",
        "emotions": None,
        "protocol": {"scheme": "grouped_kfold", "folds": 2},
        "speaker_dependent": False,
        "selected_on_validation": False,
        "trained_on_validation": False,
        "random_backbone": False,
        "transductive": False,
        "params": {"normalisation": "training"},
        "inputs": {"logmel": "logmel"},
        "seed": 0,
        "cost": dict.fromkeys(["pretrained_parameters", "operations", "pretrained_operations"])
        | {"parameters": 9, "features": []},
        "classes": CLASSES,
        "folds": [CLASSES, CLASSES],
        "features": {"logmel": {**recipe, "weights": ""}},
        "weights": [],
    }


def write(folder):
    """A folder with nothing wrong, and a recording; the arguments of a prediction."""
    (folder / "model").mkdir()
    soundfile.write(folder / "a.wav", tone(0.3), 16000)
    dims, rng = dimensions(), np.random.default_rng(0)
    numbers = {"mean": rng.normal(size=dims), "scale": np.ones(dims), "bias": np.zeros(3)}
    for fold in range(2):
        save_file({**numbers, "weight": rng.normal(0, 0.01, (3, dims))}, folder / f"model/fold_{fold:02d}.safetensors")
    (folder / "model/card.json").write_text(json.dumps(card()))
    sign(folder / "model")
    (folder / "model/model.json").write_text(json.dumps(export_card(folder / "model")))
    return ["predict", "model", "a.wav"]


def sign(folder):
    """Let a card say the digests of the numbers that are there."""
    path = folder / "card.json"
    known = json.loads(path.read_text())
    files = [folder / f"fold_{fold:02d}.safetensors" for fold in range(2)]
    known["weights"] = [sha256(file.read_bytes()).hexdigest() for file in files if file.is_file()]
    path.write_text(json.dumps(known))
    seal(folder)


def seal(folder):
    """Let an export say what its cards say, if these can be read, and their digests."""
    if (folder / "model.json").exists() and (folder / "card.json").is_file():
        (folder / "model.json").write_text(json.dumps(export_card(folder)))


def export_card(folder):
    known = described(folder)
    cards = sorted(folder.rglob("card.json"))
    return {
        "format": "ser-export/1",
        "name": known["name"],
        "models": "folds",
        "count": len(known["folds"]),
        "system": known["system"],
        "classes": known["classes"],
        "experiments": {"mine": {name: known[name] for name in ("system", "params", "features")}},
        "pretrained": [],
        "corpora": [{"name": "mine", "title": "Mine", "licence": "mine", "source": "me", "languages": ["en"]}],
        "utterances": 9,
        "speakers": 3,
        "protocol": {"scheme": "grouped_kfold", "folds": 2},
        "scores": {"UA": {"value": 0.5, "low": 0.4, "high": 0.6}},
        "confidence": 0.95,
        "marks": {},
        "cards": {path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in cards},
    }


def described(folder):
    """The card of a folder; of one that follows no schema, what it would say with nothing wrong."""
    try:
        return validated_card(ModelCard, read_card(folder), folder).model_dump(mode="json")
    except UserError:
        return card()


def put(make, name, says, code=1):
    make.__module__ = __name__
    bad_input(f"model folder: {name}", says=says, code=code)(make)


def edited(title, says, /, **changes):
    """A card with other values; a path in the keys is written with two underscores, and Ellipsis takes a key out."""

    def make(folder: Path) -> list[str]:
        arguments = write(folder)
        path = folder / "model/card.json"
        known = json.loads(path.read_text())
        for key, value in changes.items():
            *above, last = key.split("__")
            table = known
            for part in above:
                table = table[part]
            if value is ...:
                del table[last]
            else:
                table[last] = value
        path.write_text(json.dumps(known))
        seal(folder / "model")
        return arguments

    put(make, title, says)


def spoilt(name, says, change, sure=True):
    """Other numbers in the first fold's file."""

    def make(folder: Path) -> list[str]:
        arguments = write(folder)
        path = folder / "model/fold_00.safetensors"
        numbers = load_file(path)
        numbers = change(numbers) or numbers
        save_file(numbers, path)
        if sure:
            sign(folder / "model")
        return arguments

    put(make, name, says)


def replaced(name, says, change, code=1):
    """Other things in the folder."""

    def make(folder: Path) -> list[str]:
        arguments = write(folder)
        change(folder / "model")
        seal(folder / "model")
        return arguments

    put(make, name, says, code)


NO_CARD = "is no card of trained models"
NO_MODEL = "does not hold a model of pooled"

edited("a card of before there were digests", "is of an earlier version", format=...)
edited("a card of a later version", NO_CARD, format="ser-model/2")
edited("a format that is a list", NO_CARD, format=["ser-model/1"])
edited("folds: []", "folds: list should have at least 1 item", folds=[], weights=[])
edited("an empty fold", "fold 0 are not some of the classes", folds=[[], CLASSES])
edited("a fold in another order", "fold 0 are not some of the classes", folds=[CLASSES[::-1], CLASSES])
edited("a fold of a class twice", "fold 0 are not some of the classes", folds=[["angry", "angry", "sad"], CLASSES])
edited("a fold of unknown classes", "fold 0 are not some of the classes", folds=[["glad"], CLASSES])
edited("fewer folds than files", "digests of 2 files, and 1 folds", folds=[CLASSES])
edited("more folds than files", "digests of 2 files, and 3 folds", folds=[CLASSES] * 3)
edited("10 000 folds", "digests of 2 files, and 10000 folds", folds=[CLASSES] * 10000)
edited("a class that is a formula", "may hold only letters", classes=["=cmd|' /C calc'!A0", "happy", "sad"])
edited("a class that begins with +", "may hold only letters", classes=["+1", "happy", "sad"])
edited("a class with escape codes", "may hold only letters", classes=["\x1b[31m", "happy", "sad"])
edited("a class of 5 000 characters", "5000 characters, and 100", classes=["a" * 5000, "happy", "sad"])
edited("a class twice", "stands twice", classes=["angry", "angry", "sad"])
edited("another class", "'glad' is none of the emotions", classes=["angry", "glad", "sad"])
edited("classes in another order", "not in the order of the alphabet", classes=CLASSES[::-1])
edited("a class more", NO_MODEL, classes=[*CLASSES, "surprised"], folds=[[*CLASSES, "surprised"]] * 2)
edited("a name with escape codes", "may hold only letters", name="\x1b]0;owned\x07\x1b[31m")
edited("a name that is a path", "may hold only letters", name="../../etc")
edited("an unknown system", "there is no system 'polled'", system="polled")
edited("a system that is a module", "there is no system 'os.system'", system="os.system")
edited("a system of other roles", "caf has no ssl", system="caf")
edited("another system of the same roles", "is of another system or of other params", system="mlp", params={})


def network(title, says, **params):
    """The card of a perceptron of other sizes than its weights, which are of one hidden layer."""

    def make(folder: Path) -> list[str]:
        arguments, dims = write(folder), dimensions()
        shapes = {"standardize.functionals.mean": (dims,), "standardize.functionals.std": (dims,)}
        shapes |= {"layers.0.0.weight": (8, dims), "layers.0.0.bias": (8,), "layers.1.weight": (3, 8)}
        numbers = {
            f"0.{name}": np.ones(shape, np.float32) for name, shape in (shapes | {"layers.1.bias": (3,)}).items()
        }
        for fold in range(2):
            save_file(numbers, folder / f"model/fold_{fold:02d}.safetensors")
        path = folder / "model/card.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"system": "mlp", "params": params}))
        sign(folder / "model")
        return arguments

    put(make, title, says)


OTHER = "is of another system or of other params"
network("a hidden layer of another width", OTHER, hidden=[9])
network("a hidden layer more", OTHER, hidden=[8, 8])
network("a hidden layer as wide as the memory", "does not hold a model of mlp", hidden=[10**7])
network("a hidden layer that no memory holds", "does not hold a model of mlp", hidden=[10**12])
network("a hundred thousand layers", "the params are of a much larger network", hidden=[8] * 100_000)
network("more networks than memory has room for the names of", OTHER, hidden=[8], seeds=10**15)
edited("a param that the system does not have", "unknown key", params__epochs=3)
edited("a param of another type", "normalisation", params__normalisation=["training"])
edited("a role of another name", "takes no 'mfcc' made by 'logmel'", features={"mfcc": card()["features"]["logmel"]})
edited("a role that the system does not take", "takes no 'waveform'", features__waveform=card()["features"]["logmel"])
edited("no features", "features", features={})
edited("inputs of other roles", "inputs and features differ", inputs={"mfcc": "mfcc"})
edited("an unknown extractor", "made by 'subprocess'", features__logmel__extractor="subprocess")
edited("another version of an extractor", "was trained on logmel of version '0'", features__logmel__version="0")
edited("features of other params", NO_MODEL, features__logmel__params__n_mels=9)
edited("a param that the extractor does not have", "unknown key", features__logmel__params__sesame=1)
edited("features at 10^12 Hz", "sample_rate", features__logmel__params__sample_rate=10**12)
edited("windows of 10^12 samples", "n_fft", features__logmel__params__n_fft=2**40)
edited("weights of an extractor that has none", "of weights 'abab", features__logmel__weights="ab" * 32)
edited("a digest that is none", "weights.0", weights=["x", "y"])
edited("a model that is not said to be random", "random_backbone", random_backbone=True)
edited("a seed below 0", "seed", seed=-1)
edited("a seed of 400 digits", "has more than 64 bits", seed=10**400)
edited("an unknown key", "unknown key", sesame=1)
edited("a missing key", "seed: is missing", seed=...)
edited("parameters below 0", "cost.parameters", cost__parameters=-1)
edited("parameters of 31 digits", "has more than 64 bits", cost__parameters=-(10**30))
edited("a protocol of 10^30 folds", "has more than 64 bits", protocol__folds=10**30)
edited("a protocol of other folds", "the protocol has 3 folds, and there are 2 models", protocol__folds=3)
edited("operations that are NaN", "NaN is no number", cost__operations=float("nan"))
edited("an emotion of unknown labels", "'zzz' is no label", emotions={"angry": ["zzz"], "happy": ["happy"]})
edited("an emotion of escape codes", "'\\x1b[31m' is no label", emotions={"angry": ["\x1b[31m"], "sad": ["sad"]})
edited("an emotion without labels", "'sad' has no labels", emotions={"angry": ["angry"], "sad": []})
edited("emotions of one label", "the label 'angry' is in the classes", emotions={name: ["angry"] for name in CLASSES})

SSL = {"params": {"model": "x/y", "layers": [1]}, "extractor": "ssl", "version": "2", "weights": "ab" * 32}


def pretrained(name, says, model):
    """A card of hidden states, of this model."""
    recipe = {**SSL, "params": {**SSL["params"], "model": model}}
    edited(name, says, features={"ssl": recipe}, inputs={"ssl": "ssl"})


pretrained("a hub model that is not in the cache", "the hub is asked only with --download", "somebody/something")
pretrained("a self-supervised model at /etc", "lies outside the folder", "/etc")
pretrained("a self-supervised model above the folder", "lies outside the folder", "../..")
pretrained("a self-supervised model by address", "lies outside the folder", "https://example.org/model")
pretrained("a self-supervised model by a name with escape codes", "is no name of a model", "\x1b[31m")
pretrained("a self-supervised model whose name is a number", "model", 3)
pretrained("a self-supervised model whose name has a NUL", "features.ssl.params.model: 'a\\x00b' is no name", "a\0b")
pretrained("a self-supervised model whose name is a surrogate", "features.ssl.params.model: '\\ud800' is no", "\ud800")
pretrained("a self-supervised model without a name", "features.ssl.params.model: '' is no name", "")
pretrained("a self-supervised model of 5000 characters", "features.ssl.params.model: 'aaaa", "a" * 5000)
pretrained("a self-supervised model of 500 characters", "cannot be a hub name", "a" * 500)

spoilt("numbers that are NaN", "bias has numbers that are not finite", lambda n: n["bias"].fill(np.nan))
spoilt("numbers that are infinite", "mean has numbers that are not finite", lambda n: n["mean"].fill(np.inf))
spoilt("scales of 0", "scale has numbers that are not above 0", lambda n: n["scale"].fill(0))
spoilt("scales below 0", "scale has numbers that are not above 0", lambda n: n["scale"].fill(-1))
spoilt("an array less", "bias is missing", lambda n: n.pop("bias") is None)
spoilt("an array more", "more is unknown", lambda n: {**n, "more": n["bias"]})
spoilt("an array of another type", "bias is float32", lambda n: {**n, "bias": n["bias"].astype(np.float32)})
spoilt("an array of integers", "bias is int64", lambda n: {**n, "bias": n["bias"].astype(np.int64)})
spoilt("an array of another shape", "bias has the shape (1,)", lambda n: {**n, "bias": n["bias"][:1]})
spoilt("an array of more dimensions", "bias is float64 of 2", lambda n: {**n, "bias": n["bias"][None]})
spoilt("numbers that overflow", "its numbers give no probabilities", lambda n: n["weight"].fill(1e308))
spoilt("numbers that the card was not written for", "its digest is another", lambda n: n["bias"].fill(1), sure=False)
