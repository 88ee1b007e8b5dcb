"""What recordings were found to be when they were last decoded, so that a corpus that grows is not decoded whole.

It lies beside the manifest, and is no output of a stage: without it, all recordings are decoded. A recording is known
by the bytes of its file, the part of it that it is, and the file's suffix, and only to the same code and libraries.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline import paths
from pipeline.atomic import atomic_path
from pipeline.audio.examination import Examination, Measures
from pipeline.audio.known_audio import recording_name
from pipeline.corpora import prints
from pipeline.corpora.manifest import Row

Known = Mapping[str, Examination]
"""the name of a recording, as `recording_name` makes it -> what it is"""


def read(corpus: str, identity: str) -> Known:
    """What is known of the recordings of a corpus; nothing, where nothing is, or by other code or libraries."""
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        arrays = load_file(paths.examined(corpus))
        if arrays["identity"].tobytes().decode() != identity:
            return {}
        counts, levels = arrays["counts"].tolist(), arrays["levels"].tolist()
        known = prints.parsed(arrays).items()
        return {
            key: Examination(Measures(*(int(n) for n in numbers), *own), print_)
            for (key, print_), numbers, own in zip(known, counts, levels, strict=True)
        }
    except (OSError, SafetensorError, ValueError, LookupError, TypeError, RecursionError):
        return {}


def write(corpus: str, identity: str, rows: Sequence[Row], examinations: Mapping[str, Examination]) -> None:
    """Keep what the recordings of rows are, in place of what was known.

    Args:
        corpus: its name.
        identity: what they depend on, of `known_audio.identity`.
        rows: of recordings, with those whose label is not kept.
        examinations: key -> of that row's recording.
    """
    from safetensors.numpy import save

    named = {recording_name(row.sha256, row.start, row.end, row.wav): examinations[row.key] for row in rows}
    measures = [each.measures for each in named.values()]
    arrays = {
        **prints.arrays({key: each.fingerprint for key, each in named.items()}),
        "identity": np.frombuffer(identity.encode(), np.uint8),
        "counts": np.array([(one.frames, one.rate, one.channels) for one in measures], np.int64),
        "levels": np.array([(one.swing, one.loudest, one.full) for one in measures], np.float64),
    }
    with atomic_path(paths.examined(corpus)) as temporary:
        temporary.write_bytes(save(arrays))
