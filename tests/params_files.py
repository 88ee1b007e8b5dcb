"""Edits of the tests' params, those of trained blocks, and what is said of a params.yaml with mistakes."""

import pytest
import yaml
from conftest import PARAMS

from pipeline.config.document import load
from pipeline.errors import ParamsError

BLOCKS = """\
corpora: {mine: {reader: folder, root: recordings, speaker_pattern: '/([a-z]+)_'}}
embeddings: {states: {model: pretrained, layers: [1, 2], chunk_seconds: 5}}
protocols: {loso: {scheme: leave_one_speaker_out, validation_speakers: 0}}
experiments:
  cached: {system: wav2vec, corpus: mine, protocol: loso, ssl: states, params: {layer: 2, epochs: 1, patience: 0}}
"""
"""blocks of a pretrained model trained on cached states of those below"""


def edited(key, value=None, name=None):
    """PARAMS in block style, with the dotted `key` set to a value, or renamed (the last part only)."""
    data = yaml.safe_load(PARAMS)
    *parents, last = key.split(".")
    table = data
    for parent in parents:
        table = table.setdefault(parent, {})
    if name is None:
        table[last] = value
    else:
        table[name] = table.pop(last)
    return yaml.safe_dump(data, sort_keys=False)


def without(key):
    """PARAMS in block style without the dotted `key`."""
    data = yaml.safe_load(PARAMS)
    *parents, last = key.split(".")
    table = data
    for parent in parents:
        table = table[parent]
    del table[last]
    return yaml.safe_dump(data, sort_keys=False)


def line_of(text, key):
    """The line of a dotted key in YAML in block style."""
    line, lines = 0, text.splitlines()
    for depth, part in enumerate(key.split(".")):
        start = f"{'  ' * depth}{part}:"
        line = next(number for number in range(line, len(lines)) if lines[number].startswith(start))
    return line + 1


def mistakes(path, text=None):
    """What is wrong with a params.yaml, in order: (line, problem); the line is 0 where none is said."""
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ParamsError) as caught:
        load(path)
    lines = []
    for said in str(caught.value).splitlines():
        rest = said.removeprefix(f"{path}:")
        assert rest != said
        number, _, problem = rest.partition(": ") if rest[0].isdigit() else (0, "", rest.removeprefix(" "))
        lines.append((int(number), problem))
    return lines
