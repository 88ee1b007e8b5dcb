"""Training from features that take ten times the memory that is to be had: the same model as with all of it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from pipeline.bench.timing import Figure, Skipped

TIMES = 10
"""features on the disk, of the limit"""
LIMIT_MB, QUICK_MB = 64, 24
DIMS, FRAMES = 1024, 100
"""of an utterance, in single precision: 0.4 MB"""
CLASSES = ("angry", "happy", "neutral", "sad")
SYSTEMS = ("lstm", "probe")
"""a network, which reads its batches; and a classifier of one vector an utterance, which reads one after the other"""

PROGRAM = """\
import sys
from pathlib import Path
from pipeline.bench.memory import trained
print(trained(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
"""
"""what a process runs: a system, the features, and how much memory it may take beyond its start (bytes; 0: any)"""


def limited(folder: Path, quick: bool) -> list[Figure]:
    """Train on features of ten times the memory limit, and without a limit."""
    if not Path("/proc/self/statm").is_file():
        raise Skipped("only Linux says, and limits, what a process takes")
    folder.mkdir(parents=True)
    limit = (QUICK_MB if quick else LIMIT_MB) << 20
    size = _write_features(folder / "features.h5", TIMES * limit)
    figures = []
    for system in SYSTEMS:
        models = [_model(system, folder / "features.h5", most) for most in (limit, 0)]
        if models[0] != models[1]:
            raise AssertionError(f"{system} is another model when memory is short")
        note = f"{size / 1e6:.0f} MB of features in {limit / 1e6:.0f} MB beyond the start; the same bytes as without"
        figures.append(
            Figure("memory", f"{system}, features trained on", size / limit, "times", at_least=10, note=note)
        )
    return figures


def _write_features(path: Path, size: int) -> int:
    """Write features of at least so many bytes, and tell how many."""
    from pipeline.storage.feature_writer import FeatureWriter
    from pipeline.storage.header import Header, Outline

    count = -(-size // (4 * DIMS * FRAMES))
    keys, dims, dtypes = [f"u{i:06d}" for i in range(count)], {"values": DIMS}, {"values": np.dtype(np.float32)}
    outline = Outline(
        Header("logmel", "1", {}, 100.0, "synthetic"), keys, np.zeros((count, 32), np.uint8), dims, dtypes
    )
    rng = np.random.default_rng(0)
    bank = rng.standard_normal((FRAMES, DIMS)).astype(np.float32)
    with FeatureWriter(path, outline, np.full(count, FRAMES, np.int64)) as writer:
        for i in range(count):
            writer.put(i, "values", np.roll(bank, i, axis=1) + np.float32(i % len(CLASSES)))
    return 4 * DIMS * FRAMES * count


def _model(system: str, features: Path, most: int) -> str:
    """The digest of a model, trained by a process that may take so much memory beyond its start."""
    source = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])])
    # Arrays of any size by mapping, so that what is freed is given back, and the limit counts what is used.
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    environment |= {"SER_MEMORY": "0" if most else "64"}
    command = [sys.executable, "-c", PROGRAM, system, str(features), str(most)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)  # noqa: S603
    if done.returncode:
        raise Skipped(f"training {system} fails: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")
    return done.stdout.strip()


def trained(system: str, features: Path, most: int) -> str:
    """Train one epoch, or one fit, and tell the digest of the model."""
    from hashlib import sha256
    from tempfile import TemporaryDirectory

    from pipeline.storage.feature_file import FeatureFile
    from pipeline.systems import find_system
    from pipeline.systems.view import View

    params = {"epochs": 1, "units": 8, "batch_size": 4} if system == "lstm" else {"c": (0.01,), "folds": 2}
    file = FeatureFile(features)
    role = "mfcc" if system == "lstm" else "logmel"
    whole = View(file.keys, {role: [file]})
    labels = [CLASSES[i % len(CLASSES)] for i in range(len(file))]
    few = slice(0, 4 * len(CLASSES))
    find_system(system).load()(**params, seed=0).fit(whole[few], labels[few])  # imports what it needs
    if most:
        _limit(most)
    model = find_system(system).load()(**params, seed=0).fit(whole, labels)
    with TemporaryDirectory() as folder:
        model.save(Path(folder) / "model")
        return sha256((Path(folder) / "model").read_bytes()).hexdigest()


def _limit(most: int) -> None:
    """Let this process take so many bytes more: of the heap and of other memory that is no mapped file's."""
    import resource

    data = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[5]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_DATA, (data + most, data + most))
