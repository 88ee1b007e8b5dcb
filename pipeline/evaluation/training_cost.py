"""What training costs: floating-point operations of an epoch and of a whole training, by counting. Times differ by run.

A network's training step is three times its prediction, as the way back costs about twice the way forth (Kaplan et al.
2020, arXiv:2001.08361, section 2.1). Blocks that stay frozen cost less, so that this is the most it can be.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from pipeline.corpora.manifest import Row
from pipeline.evaluation.cost import Cards, experiments_of
from pipeline.experiments.parts import Parts

STEP = 3
"""operations of a training step, of those of a prediction"""

Figures = tuple[float | None, float | None]
"""operations per epoch, and of all epochs"""


def training_cost(found: Parts, rows: Iterable[Row]) -> dict[str, Any]:
    """Of a fold's model, the mean over folds, under `training`; nothing where there are no epochs, or it is not known.

    Utterances count as one of median length, for which a card tells the operations. Where utterances are repeated to
    balance corpora, and of transfers, it is not known how many were trained on.

    Args:
        found: of an experiment.
        rows: the manifest rows of its corpora.
    """
    operations, balanced = (found.card.get("cost") or {}).get("operations"), found.card.get("balance", "none") != "none"
    if operations is None or not found.curves or balanced or found.card.get("transfer"):
        return {}
    heard = {key for fold in found.folds for keys in fold.values() for key in keys}
    lengths = sorted(row.length for row in rows if row.key in heard)
    step = STEP * operations * lengths[len(lengths) // 2]
    epochs = Counter(int(row["fold"]) for row in found.curves)
    trained = [len(fold["train"]) for fold in found.folds]
    whole = np.mean([count * epochs[number] for number, count in enumerate(trained)])
    return {
        "training": {
            "operations_per_epoch": round(float(step * np.mean(trained))),
            "epochs": float(np.mean([epochs[number] for number in range(len(trained))])),
            "operations": round(float(step * whole)),
        }
    }


def training_costs(cards: Cards, results: Mapping[str, Mapping[str, Any]]) -> dict[str, Figures]:
    """Of each experiment and fusion, which costs what the experiments cost that it rests on.

    Args:
        cards: of all of these.
        results: name -> what `training_cost` says of it, among other things; there may be others.
    """
    parts = {name: [results.get(one, {}).get("training") for one in experiments_of(name, cards)] for name in cards}
    return {name: (_sum(own, "operations_per_epoch"), _sum(own, "operations")) for name, own in parts.items()}


def _sum(parts: Sequence[Mapping[str, float] | None], figure: str) -> float | None:
    known = [part[figure] for part in parts if part]
    return sum(known) if known and len(known) == len(parts) else None
