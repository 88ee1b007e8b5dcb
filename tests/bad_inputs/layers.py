"""Layers that an embedding or its model does not have, through `ser graph`."""

from pathlib import Path

from bad_inputs.registry import bad_input

PARAMS = """\
demo: {spoken: {}}
corpora: {spoken: {reader: demo, root: data/raw/spoken}}
features: {cepstra: {extractor: mfcc}}
embeddings: {tiny: {model: tiny, layers: LAYERS}}
protocols: {dealt: {scheme: grouped_kfold, folds: 3, validation_speakers: 1}}
experiments: {x: {system: SYSTEM, corpus: spoken, protocol: dealt, ROLES, params: {OWN}}}
"""


def graph(name, says, layers="[1, 3]", system="probe", roles="ssl: tiny", own=""):
    """A project whose experiment reads these layers."""

    def make(folder: Path) -> list[str]:
        values = {"LAYERS": layers, "SYSTEM": system, "ROLES": roles, "OWN": own}
        text = PARAMS
        for key, value in values.items():
            text = text.replace(key, value)
        (folder / "params.yaml").write_text(text, encoding="utf-8")
        return ["graph"]

    make.__module__ = __name__
    bad_input(f"layers: {name}", says=says, code=2)(make)


KEPT = "the embedding 'tiny' has no layer 9, but layers 1 and 3; choose"

graph("more than the model has", "'tiny' has no layer 13, but layers 0 to 12", layers="[1, 13]", own="layers: 1")
graph("of a system's defaults", f"experiments.x.params.layer: {KEPT} layer among these", system="wav2vec")
graph(
    "of a probe, that the embedding lacks", f"experiments.x.params.layers: {KEPT} layers among these", own="layers: 9"
)
graph(
    "each, of no hidden states", "each needs hidden states; give the probe", roles="mfcc: cepstra", own="layers: each"
)
graph(
    "shares of self-training beyond all",
    "experiments.x.params.self_training: must be shares above 0, up to 1; it is [0.5, 20.0]",
    own="self_training: [0.5, 20]",
    system="probe",
)
