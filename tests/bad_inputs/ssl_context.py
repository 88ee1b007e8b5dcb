"""What Whisper alone can be asked to see, asked of other models, through `ser graph`."""

import json
from pathlib import Path

from bad_inputs.registry import bad_input

PARAMS = """\
demo: {spoken: {}}
corpora: {spoken: {reader: demo, root: data/raw/spoken}}
embeddings: {states: {model: MODEL, layers: [1], context: CONTEXT}}
protocols: {dealt: {scheme: grouped_kfold, folds: 3, validation_speakers: 1}}
experiments: {x: {system: probe, corpus: spoken, protocol: dealt, ssl: states, params: {layers: 1}}}
"""


def graph(name, says, model="tiny", context="exact"):
    """A project with an embedding of this model, whose folder is there."""

    def make(folder: Path) -> list[str]:
        (folder / "hubert").mkdir()
        (folder / "hubert/config.json").write_text(json.dumps({"model_type": "hubert", "num_hidden_layers": 12}))
        text = PARAMS.replace("MODEL", model).replace("CONTEXT", context)
        (folder / "params.yaml").write_text(text, encoding="utf-8")
        return ["graph"]

    make.__module__ = __name__
    bad_input(f"context: {name}", says=says, code=2)(make)


graph("of tiny", "embeddings.states: context exact is for Whisper, and the model tiny always sees the utterance alone")
graph(
    "of another family", "embeddings.states.context: exact is for Whisper; 'hubert' is a 'hubert' model", model="hubert"
)
graph("unknown", "embeddings.states.context", context="full")
