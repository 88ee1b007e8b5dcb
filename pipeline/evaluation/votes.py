"""How near probabilities are to what raters chose, where these were counted."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pipeline.corpora.manifest import Row
from pipeline.experiments.predictions import Predictions
from pipeline.experiments.votes import class_shares

LEAST = 1e-15
"""of a probability, whose logarithm would have no bound"""


def vote_scores(found: Predictions, rows: Mapping[str, Row]) -> dict[str, Any]:
    """Cross-entropy and Kullback-Leibler divergence (nats) of the test part's probabilities to the raters' shares.

    The mean over test utterances with votes on the classes; the divergence is the cross-entropy less the entropy of the
    shares, which no system can go below. Nothing where there are no votes.

    Args:
        found: an experiment's or a fusion's predictions.
        rows: key -> row of the manifest.
    """
    entropies, crosses = [], []
    for i in found.where("test"):
        shares = class_shares(rows[found.keys[i]].votes, found.card.get("emotions"), found.classes)
        p = np.array([shares.get(name, 0.0) for name in found.classes])
        if shares:
            crosses.append(-float(p @ np.log(np.maximum(found.rows[i], LEAST))))
            entropies.append(-float(p @ np.log(np.maximum(p, LEAST))))
    if not crosses:
        return {}
    cross, entropy = float(np.mean(crosses)), float(np.mean(entropies))
    return {"votes": {"cross_entropy": cross, "KL": cross - entropy, "utterances": len(crosses)}}
