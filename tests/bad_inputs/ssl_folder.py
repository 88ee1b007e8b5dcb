"""Folders of self-supervised models from a stranger, inside a folder of trained models, through `ser predict`."""

import json
import os
from pathlib import Path

import numpy as np
from bad_inputs.model_folder import seal, write
from bad_inputs.registry import bad_input
from safetensors.numpy import save

CONFIG = {"model_type": "wav2vec2"}
SMALL = {"hidden_size": 12, "num_attention_heads": 1, "intermediate_size": 4, "num_hidden_layers": 2}
SMALL |= {"conv_dim": [16] * 7, "num_conv_pos_embedding_groups": 4}
WEIGHTS = save({"x": np.zeros(3, np.float32)}, metadata={"format": "pt"})
RECIPE = {"params": {"model": "ssl", "layers": [1]}, "extractor": "ssl", "version": "2", "weights": "ab" * 32}


def pretrained(name, says, config=CONFIG, weights=WEIGHTS, change=None):
    """A folder of these two files, in which another thing may be changed."""

    def make(folder: Path) -> list[str]:
        arguments = write(folder)
        path, inner = folder / "model/card.json", folder / "model/ssl"
        known = json.loads(path.read_text()) | {"features": {"ssl": RECIPE}, "inputs": {"ssl": "ssl"}}
        path.write_text(json.dumps(known))
        seal(folder / "model")
        inner.mkdir()
        text = config if isinstance(config, str) else json.dumps(config)
        (inner / "config.json").write_text(text)
        (inner / "model.safetensors").write_bytes(weights)
        if change is not None:
            change(inner)
        return arguments

    make.__module__ = __name__
    bad_input(f"self-supervised model: {name}", says=says)(make)


def instead(name, make):
    """Something else in the place of a file."""

    def change(folder):
        (folder / name).unlink()
        make(folder / name)

    return change


def truncated(size):
    def make(path):
        path.touch()
        os.truncate(path, size)

    return make


NO_FOLDER = "is not a model folder: cannot read"
NO_WEIGHTS = "cannot read the weights of"
LARGER = "the params are of a much larger network"

pretrained("a config nested 100 000 deep", NO_FOLDER, config="[" * 100_000)
pretrained("a config that is a list", NO_FOLDER, config="[1]")
pretrained("a config that is a number", NO_FOLDER, config="5")
pretrained("a config that is no JSON", NO_FOLDER, config="{")
pretrained("a config of an unknown family", "supported: ", config={"model_type": "bert"})
pretrained("a config of a family that is a list", "supported: ", config={"model_type": ["wav2vec2"]})
pretrained("a config that is a fifo", "is no regular file", change=instead("config.json", os.mkfifo))
pretrained("a config of 2 GiB", "1048576 are the most", change=instead("config.json", truncated(1 << 31)))
pretrained(
    "a config that is a link to /etc/passwd",
    "is a link out of the folder",
    change=instead("config.json", lambda path: path.symlink_to("/etc/passwd")),
)
pretrained(
    "weights that are a link out of the folder",
    "is a link out of the folder",
    change=instead("model.safetensors", lambda path: path.symlink_to("../../a.wav")),
)
pretrained("weights that are a fifo", "is no regular file", change=instead("model.safetensors", os.mkfifo))
pretrained(
    "weights of 8 TB, of which nothing is on the disk",
    "are on the disk",
    change=instead("model.safetensors", truncated(1 << 43)),
)
pretrained("weights that are no safetensors", NO_WEIGHTS, weights=b"not weights")
pretrained("a network of 900 million parameters over 3", LARGER, CONFIG | {"hidden_size": 3072, "num_hidden_layers": 8})
pretrained("a network as wide as the memory", LARGER, CONFIG | SMALL | {"hidden_size": 10**6})
pretrained("a network of 100 000 layers", LARGER, CONFIG | SMALL | {"num_hidden_layers": 10**5})
pretrained("a network of 2^70 units", NO_WEIGHTS, CONFIG | SMALL | {"hidden_size": 2**70})
pretrained("a size that is text", NO_WEIGHTS, CONFIG | {"hidden_size": "x"})
pretrained("a small network without its weights", "lacks", CONFIG | SMALL)


def indexed(place):
    """Weights in several files, of which the index names one elsewhere."""

    def change(folder):
        (folder / "model.safetensors").unlink()
        (folder.parent / "model-1.safetensors").write_bytes(WEIGHTS)
        index = {"metadata": {}, "weight_map": {"x": place}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))

    return change


pretrained("an index of weights outside", "is no file of weights beside it", change=indexed("../model-1.safetensors"))
pretrained("an index of weights at /", "is no file of weights beside it", change=indexed("/etc/passwd"))
pretrained("an index of weights that are a number", "is no file of weights beside it", change=indexed(3))
