"""What tests of systems share: sixteen utterances and their features, and checks of what every classifier promises."""

import numpy as np
import torch
from feature_files import EMOTIONS, write_features
from sklearn.base import clone

from pipeline.systems.view import View

KEYS = [f"u{i:02d}" for i in range(16)]
LABELS = list(EMOTIONS) * 4
SPEAKERS = {key: f"s{i // 4}" for i, key in enumerate(KEYS)}
GROUPS = {"speaker": SPEAKERS, "corpus": dict.fromkeys(KEYS, "toy")}
MFCC = {"n_mfcc": 5, "energy": True, "deltas": 2, "n_mels": 20}


def view(files, roles, keys=KEYS, groups=None):
    """The utterances with these roles of `files`, role -> feature file."""
    return View(keys, {role: [files[role]] for role in roles}, groups)


def classifier(system, params, seed=0, **changes):
    """A system with those of the params that it takes, and others in their place."""
    chosen = {name: value for name, value in (params | changes).items() if name in system.Params.model_fields}
    return system(**chosen, seed=seed)


def write_acoustic(folder, keys=KEYS, seed=0):
    """Log-Mels, MFCC with derivatives and prosody: normal noise, of unequal lengths."""
    rng = np.random.default_rng(seed)

    def frames(lengths, dims, scale, middle):
        return {key: rng.normal(middle, scale, (int(rng.integers(*lengths)), dims)).astype(np.float32) for key in keys}

    return {
        "logmel": write_features(folder / "logmel.h5", frames((9, 30), 30, 15, -40), "logmel"),
        "mfcc": write_features(folder / "mfcc.h5", frames((7, 23), 15, 9, 0), "mfcc", **MFCC),
        "prosody": write_features(folder / "prosody.h5", frames((1, 2), 7, 1, 0), "prosody"),
    }


def check_learnt(model, X):
    """The sixteen utterances are known by heart, and probabilities are probabilities."""
    found = model.predict_proba(X)
    assert found.shape == (16, 4)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-9)
    assert model.classes_.tolist() == sorted(EMOTIONS)
    assert model.predict(X).tolist() == LABELS
    assert model.score(X, LABELS) == 1.0


def check_alone(model, X):
    """A batch, padded where lengths differ, gives the probabilities of one utterance at a time."""
    alone = np.vstack([model.predict_proba(X[[i]]) for i in range(len(X))])
    np.testing.assert_allclose(model.predict_proba(X), alone, atol=1e-5)


def check_seed(probabilities, least=1e-4):
    """A seed gives the same probabilities again, and another seed others; `probabilities` is of a seed."""
    first = probabilities(0)
    np.testing.assert_array_equal(probabilities(0), first)
    assert np.abs(probabilities(1) - first).max() > least


def check_saved(model, X, folder):
    """Saved twice it is the same bytes; loaded for one utterance it is the same model. Returns the loaded one."""
    model.save(folder / "one.safetensors")
    model.save(folder / "two.safetensors")
    assert (folder / "one.safetensors").read_bytes() == (folder / "two.safetensors").read_bytes()
    loaded = clone(model).load(folder / "one.safetensors", X[[3]], model.classes_.tolist())
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.predict(X).tolist() == model.predict(X).tolist()
    assert loaded.parameter_count() == model.parameter_count()
    return loaded


def silent_parameters(model, X):
    """Names of the parameters that train and that no gradient reaches."""
    torch.manual_seed(0)
    network = model.network(X, 4).train()
    batch, y = model._batches(X, np.arange(16) % 4).__getitems__(list(range(16)))
    model.loss(None, 0.0)(network(**batch), y).backward()
    silent = [n for n, p in network.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    return [name for name in silent if "k_proj.bias" not in name]  # which no softmax over keys depends on
