"""Statistics of a training part that does not fit in memory: one utterance after the other, and the same numbers."""

import tracemalloc

import numpy as np
import torch

from pipeline.systems.layers.standardize import Standardize
from pipeline.systems.training.batches import Column, Ragged

DIMS = 256


def utterances(count):
    bank = np.random.default_rng(0).standard_normal((80, DIMS)).astype(np.float32)
    return [bank[i % 20 : 60 + i % 7] for i in range(count)]


def test_one_utterance_is_in_memory_at_a_time():
    column, layer = Column(Ragged(utterances(300)), resident=False), Standardize(DIMS)
    tracemalloc.start()
    layer.fit(column)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1e6  # all of them are 15 MB


def test_statistics_are_those_of_all_frames_wherever_they_are():
    own, layers = utterances(50), [Standardize(DIMS), Standardize(DIMS)]
    for layer, resident in zip(layers, (True, False), strict=True):
        layer.fit(Column(Ragged(own), resident))
    frames = np.concatenate(own).astype(np.float64)
    assert torch.equal(layers[0].mean, layers[1].mean)
    assert torch.equal(layers[0].std, layers[1].std)
    assert np.allclose(layers[0].mean, frames.mean(axis=0), atol=1e-6)
    assert np.allclose(layers[0].std, frames.std(axis=0), rtol=1e-6)
