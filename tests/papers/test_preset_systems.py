"""Every different experiment of all presets builds its system and trains a step, on noise in its features' shapes."""

import numpy as np
import pytest
from half_precision import or_refused

from pipeline.features import find_extractor
from pipeline.features.presets import resolve
from pipeline.papers.preset import load, names
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.feature_writer import FeatureWriter
from pipeline.storage.header import Header, Outline
from pipeline.strict import validate
from pipeline.systems import ROLES, find_system
from pipeline.systems.view import View

pytestmark = pytest.mark.slow


def features(preset, entry):
    """Role -> extractor and params of what an experiment reads, with `tiny` for every self-supervised model."""
    inputs = {}
    for role in (role for role in ROLES if role in entry):
        if role == "ssl":
            inputs[role] = "ssl", {**preset.embedding(entry[role]), "model": "tiny"}
        else:
            params = dict(preset.features[entry[role]])
            extractor = params.pop("extractor")
            inputs[role] = extractor, resolve(extractor, params)
    return inputs


def cases():
    """Each experiment of all presets once, though tables for several corpora have the same ones."""
    different = {}
    for name in names():
        preset = load(name)
        for experiment, entry in preset.experiments.items():
            what = repr((entry["system"], features(preset, entry), entry.get("params")))
            case = pytest.param(name, entry["system"], experiment, id=f"{name}-{experiment}")
            different.setdefault(what, case)
    return different.values()


def noise_file(path, kind, values, keys):
    """Noise in the shape that an extractor gives utterances of a quarter of a second."""
    rng = np.random.default_rng(0)
    extractor_class = find_extractor(kind)
    params = validate(extractor_class.Params, values)
    extractor = extractor_class(params)
    count = extractor.frames(round(params.sample_rate * max(0.25, params.pad_to or 0))) or 1
    scale = {name: 1000 if dtype.kind == "i" else 1 for name, dtype in extractor.dtypes.items()}
    header = Header(kind, extractor.version, params.model_dump(mode="json"), extractor.frame_rate, "toy")
    outline = Outline(header, keys, np.zeros((len(keys), 32), np.uint8), extractor.dims, extractor.dtypes)
    with FeatureWriter(path, outline, np.full(len(keys), count, np.int64)) as out:
        for i in range(len(keys)):
            for name, dims in extractor.dims.items():
                values = scale[name] * rng.standard_normal((count, dims))
                out.put(i, name, values.astype(extractor.dtypes[name]))
    return FeatureFile(path)


FIRST = {case.values[1]: case.values for case in reversed(cases())}.values()
"""one experiment of each system, for what need not be tried with all"""


@pytest.mark.parametrize(("name", "system", "experiment"), cases())
def test_every_experiment_builds_and_takes_a_step(tmp_path, name, system, experiment):
    preset = load(name)
    entry = preset.experiments[experiment]
    keys = [f"u{i}" for i in range(4)]
    read = features(preset, entry)
    files = {role: [noise_file(tmp_path / f"{role}.h5", *what, keys)] for role, what in read.items()}
    classifier = find_system(system).load()
    small = {"epochs": 1, "batch_size": 4, "accumulate": 1, "patience": 0, "model": "tiny"}
    if (name, system, experiment) in FIRST:
        small["precision"] = "bfloat16"
    speakers = {"speaker": dict(zip(keys, "aabb", strict=True))}
    X, y = View(keys, files, speakers), np.array(["angry", "happy"] * 2)

    def fitted(own):
        params = entry.get("params", {}) | {k: v for k, v in own.items() if k in classifier.Params.model_fields}
        return classifier(**dict(validate(classifier.Params, params)), seed=0).fit(X, y)

    model = or_refused(lambda: fitted(small)) or fitted(small | {"precision": "float32"})
    probabilities = model.predict_proba(X)
    assert probabilities.shape == (4, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
