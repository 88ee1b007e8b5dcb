"""Self-training: what a classifier is surest of among recordings without labels, it learns from as if they had them.

Class-balanced self-training (Zou et al. 2018, "Unsupervised domain adaptation for semantic segmentation via
class-balanced self-training", arXiv:1810.07911): of each class, the same share of the recordings that are taken for it,
so that the classes that are easy do not crowd out the others. Before, the classes' biases are moved until each is as
frequent as expected: from one corpus to another it is the thresholds between classes that move most.

The recordings are those of the test part too, without labels: it is transductive.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.keys import source_key
from pipeline.errors import UserError
from pipeline.systems.view import View

FloatArray = NDArray[np.float64]
Codes = NDArray[np.int64]

PULL = 1.0
"""of biases towards 0, in nats for a distance of 1: a few recordings need not have every class"""


def unlabelled(X: View) -> View:
    """The clean recordings of an experiment that are not among X; none where X does not know its experiment."""
    whole, known = X.whole(), {source_key(key) for key in X.keys}
    return whole[np.array([i for i, key in enumerate(whole.keys) if key not in known], np.int64)]


def corpora_of(X: View) -> list[str]:
    """The corpus of each utterance; "" for all where it is not known."""
    try:
        return X.groups("corpus")
    except UserError:
        return [""] * len(X)


def expected_shares(truth: FloatArray, corpora: Sequence[str]) -> dict[str, FloatArray]:
    """Corpus -> how frequent each class is expected to be: (classes,), summing to 1.

    Args:
        truth: (N, classes) share of each class in each labelled utterance; labels are shares of 1.
        corpora: of each.

    Returns:
        The shares among the labelled utterances of a corpus, each class counted once more (Laplace's rule).
    """
    own = np.array(corpora)
    counts = {corpus: truth[own == corpus].sum(axis=0) + 1 for corpus in sorted(set(corpora))}
    return {corpus: count / count.sum() for corpus, count in counts.items()}


def pseudo_labels(
    logits: FloatArray, corpora: Sequence[str], expected: Mapping[str, FloatArray], share: float
) -> Codes:
    """The classes that utterances without labels are taken for: (N,), -1 for those too unsure to be learned from.

    Args:
        logits: (N, classes), corpus by corpus independent.
        corpora: (N,) corpus of each.
        expected: corpus -> shares of the classes; a corpus that is not among them has them all alike.
        share: of the utterances taken for a class, those that are learned from, the surest, rounded up.
    """
    own, labels = np.array(corpora), np.full(len(logits), -1, np.int64)
    alike = np.full(logits.shape[1], 1 / logits.shape[1])
    for corpus in sorted(set(corpora)):
        here = own == corpus
        labels[here] = surest(with_shares(logits[here], expected.get(corpus, alike)), share)
    return labels


def with_shares(logits: FloatArray, shares: FloatArray) -> FloatArray:
    """Log-probabilities (N, classes) whose biases are such that the classes are as frequent as `shares` says.

    With `PULL` on the biases, which many recordings outweigh; it is convex.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax, logsumexp, softmax

    def loss(biases: FloatArray) -> tuple[float, FloatArray]:
        moved = logits + biases
        excess = softmax(moved, axis=1).sum(axis=0) - len(logits) * shares
        whole = logsumexp(moved, axis=1).sum() - len(logits) * shares @ biases + PULL * biases @ biases / 2
        return float(whole), excess + PULL * biases

    biases = minimize(loss, np.zeros(len(shares)), jac=True, method="L-BFGS-B").x
    return np.asarray(log_softmax(logits + biases, axis=1))


def surest(log_probabilities: FloatArray, share: float) -> Codes:
    """The most probable class of each utterance (N,), -1 for all but the surest share of those of a class."""
    taken = log_probabilities.argmax(axis=1)
    labels = np.full(len(taken), -1, np.int64)
    for code in range(log_probabilities.shape[1]):
        own = np.flatnonzero(taken == code)
        order = own[np.argsort(-log_probabilities[own, code], kind="stable")]
        labels[order[: int(np.ceil(share * len(own)))]] = code
    return labels
