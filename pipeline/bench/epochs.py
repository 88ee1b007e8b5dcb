"""`ser bench train --only epochs`: an epoch of each system, beside the processor's own rate in matrix products."""

import time
from pathlib import Path
from statistics import median

from pipeline.bench.timing import Figure, seconds
from pipeline.bench.trainings import COUNT, QUICK_COUNT, SYSTEMS, emotions, features, train
from pipeline.evaluation.training_cost import STEP

SIDE = 1024
"""rows and columns of the matrices whose product gives the rate"""
REPEATS = 5


def epochs(folder: Path, quick: bool) -> list[Figure]:
    """Processor time of each system's second epoch on one thread, and the share of the rate of products just then."""
    from pipeline.bench.extraction import encoder
    from pipeline.jobs.executors import training

    model = encoder(folder, quick)
    with training(network=True):
        return [figure for label in SYSTEMS for figure in _of(label, model, quick)]


def _of(label: str, model: str, quick: bool) -> list[Figure]:
    """Operations are counted as the report counts them, three times those of a prediction for every utterance."""
    count = QUICK_COUNT if quick else COUNT
    view = features(label, model, count, quick)
    before = _rate(quick)
    taken, _, system = train(label, view, emotions(count), "cpu", quick, time.process_time)
    peak, work = (before + _rate(quick)) / 2, STEP * system.operations(view)
    size = "toys, not representative; " if quick else ""
    note = f"{size}{work / taken / 1e9:.3g} of {peak / 1e9:.3g} GFLOP/s, {work / count / 1e9:.3g} GFLOP an utterance"
    return [
        Figure("epochs", f"{label}: {count} utterances", taken, "s", note=note),
        Figure("epochs", f"{label}: share of products' rate", 100 * work / taken / peak, "%"),
    ]


def _rate(quick: bool) -> float:
    """Floating-point operations per second of processor time in products of square matrices, in single precision."""
    import torch

    from pipeline.bench.product_share import WORK, Products

    product = Products([(SIDE, SIDE, SIDE)], torch.float32, "cpu", 1 if quick else WORK)
    product()
    return product.operations / median(seconds(product, time.process_time) for _ in range(1 if quick else REPEATS))
