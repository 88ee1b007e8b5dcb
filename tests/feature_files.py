"""Small synthetic corpora: manifest rows, and feature files written as the pipeline writes them."""

import hashlib

import numpy as np

from pipeline.corpora.manifest import Row
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.feature_writer import FeatureWriter
from pipeline.storage.header import Header, Outline

EMOTIONS = ("angry", "happy", "neutral", "sad")


def manifest_row(key, speaker="", emotion="angry", dataset="toy"):
    return Row(key, dataset, f"{key}.wav", speaker, "", "", emotion, emotion, "", "", 1.0, 16000, 1, "")


def corpus(speakers=4, emotions=EMOTIONS, takes=1):
    """Rows of speakers s0, s1, ... who say every emotion `takes` times, sorted by key."""
    return [
        manifest_row(f"s{speaker}-{emotion}-{take}", f"s{speaker}", emotion)
        for speaker in range(speakers)
        for emotion in sorted(emotions)
        for take in range(takes)
    ]


def write_features(path, utterances, extractor="logmel", frame_rate=50.0, **params):
    """Write {key: frames (T, D), or {stream: frames}} as a feature file, and open it."""
    streams = {key: value if isinstance(value, dict) else {"values": value} for key, value in utterances.items()}
    first = next(iter(streams.values()))
    name = next(iter(first))
    outline = Outline(
        Header(extractor=extractor, version="1", params=params, frame_rate=frame_rate, corpus="toy"),
        list(streams),
        np.array([_digest(value) for value in streams.values()]),
        {stream: values.shape[1] for stream, values in first.items()},
        {stream: values.dtype for stream, values in first.items()},
    )
    lengths = np.array([len(value[name]) for value in streams.values()], np.int64)
    with FeatureWriter(path, outline, lengths) as writer:
        for i, value in enumerate(streams.values()):
            for stream, values in value.items():
                writer.put(i, stream, values)
    return FeatureFile(path)


def _digest(streams):
    """(32,): of an utterance's frames, where a real one is of its audio; equal recordings have equal ones."""
    values = b"".join(np.ascontiguousarray(values).tobytes() for values in streams.values())
    return np.frombuffer(hashlib.sha256(values).digest(), np.uint8)


def write_logmel(path, keys, frames=24, mels=16, seed=0):
    """Noise in the range of decibels, all utterances of one length."""
    rng = np.random.default_rng(seed)
    return write_features(path, {key: rng.normal(-40, 15, (frames, mels)).astype(np.float32) for key in keys})


def write_states(path, keys, lengths=(5, 12), layers=(1, 9), seed=0):
    """Random hidden states of the model `tiny`, of lengths in a range."""
    rng = np.random.default_rng(seed)
    utterances = {}
    for key in keys:
        count = int(rng.integers(*lengths))
        utterances[key] = {f"layer_{k:02d}": rng.standard_normal((count, 64)).astype(np.float16) for k in layers}
    return write_features(path, utterances, "ssl", model="tiny", seed=0, layers=list(layers))
