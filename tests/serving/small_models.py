"""Folders of trained models of any system, of noise, made in a second."""

from hashlib import sha256

import numpy as np

from pipeline.experiments.fused_model import FittedFusion, FusionCard, encoded
from pipeline.experiments.model_folder import CARD, numbers_file
from pipeline.extraction.computation import streams_of
from pipeline.extraction.recipe import make_extractor
from pipeline.features import find_extractor
from pipeline.jobs.workplace import Workplace
from pipeline.storage.json_file import write_json
from pipeline.storage.source import Arrays
from pipeline.systems import find_system
from pipeline.systems.view import View

CLASSES = ["angry", "happy", "sad"]
SPLIT = {"scheme": "stratified_split", "validation": 0.1, "test": 0.1}
COMMON = {
    "corpus": "mine",
    "seed": 0,
    "speaker_dependent": False,
    "transductive": False,
    "classes": CLASSES,
}


def write_model(folder, system, params, features, folds=(CLASSES, CLASSES)):
    """Models of a system, one for each fold's classes, of features: role -> extractor and params."""
    extractors = {role: _extractor(*given) for role, given in features.items()}
    X = _noise(extractors)
    folder.mkdir(parents=True)
    kind = find_system(system).load()
    settings = kind.Params.model_validate(params)
    weights = []
    for number, classes in enumerate(folds):
        made = kind(**dict(settings), seed=number, device="cpu").fit(X, [classes[i % len(classes)] for i in range(12)])
        made.save(numbers_file(folder, number))
        weights.append(sha256(numbers_file(folder, number).read_bytes()).hexdigest())
    card = {
        "format": "ser-model/1",
        "name": folder.name,
        "system": system,
        "emotions": None,
        "protocol": {"scheme": "grouped_kfold", "folds": 2} if len(folds) > 1 else SPLIT,
        "selected_on_validation": False,
        "trained_on_validation": False,
        "params": settings.model_dump(mode="json"),
        "inputs": {role: extractor for role, (extractor, _) in features.items()},
        "random_backbone": any(given.get("model") == "tiny" for _, given in features.values()),
        "cost": dict.fromkeys(("pretrained_parameters", "operations", "pretrained_operations"))
        | {"parameters": 1, "features": []},
        "folds": [list(classes) for classes in folds],
        "features": {role: _recipe(extractor) for role, extractor in extractors.items()},
        "weights": weights,
    }
    write_json(folder / CARD, COMMON | card)
    return folder


def write_fusion(folder, combiners, branches, params):
    """A fusion of models that `write_model` wrote, of combiners made by hand."""
    card = {
        "format": "ser-fusion/2",
        "name": folder.name,
        "system": f"fusion ({params['method']})",
        "params": {"of": [each.name for each in branches], **params},
        "random_backbone": False,
        "folds": [CLASSES] * len(combiners),
        "weights": [],
    }
    card["weights"] = [sha256(encoded(each.numbers)).hexdigest() for each in combiners]
    fitted = FittedFusion(FusionCard.model_validate(COMMON | card), combiners)
    fitted.write(folder, {each.name: each for each in branches})
    return folder


def _extractor(name, params):
    kind = find_extractor(name)
    return make_extractor(kind, kind.Params.model_validate(params), Workplace(1, "", ("cpu",)))


def _noise(extractors):
    rng = np.random.default_rng(0)
    keys, sources = [str(number) for number in range(12)], {}
    for role, extractor in extractors.items():
        clips = {key: rng.normal(0, 3000, 5000 + 300 * int(key)).astype(np.int16) for key in keys}
        rows = streams_of(extractor, clips)
        streams = {name: [each[name] for each in rows] for name in rows[0]}
        params = extractor.params.model_dump(mode="json")
        sources[role] = [Arrays(streams, keys, extractor.name, params, extractor.frame_rate)]
    return View(keys, sources, {})


def _recipe(extractor):
    params = extractor.params.model_dump(mode="json")
    return {
        "extractor": extractor.name,
        "version": extractor.full_version,
        "params": params,
        "weights": extractor.weights_digest,
    }
