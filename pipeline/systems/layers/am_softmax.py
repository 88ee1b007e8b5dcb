"""AM-softmax: softmax of cosines with an additive margin.

Source: Wang et al. 2018, "Additive Margin Softmax for Face Verification", IEEE Signal Processing Letters 25(7).
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from pipeline.systems.layers.cross_entropy import CrossEntropy


class CosineClassifier(nn.Module):
    """`scale` times the cosine between a vector (batch, dims) and each class's weights: (batch, classes).

    The softmax of its output is the probability, without a margin; train it with `AMSoftmaxLoss`.
    """

    def __init__(self, dims: int, classes: int, scale: float = 30.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(classes, dims))
        nn.init.xavier_normal_(self.weight)
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        """Scaled cosines (batch, classes), from -scale to scale."""
        return self.scale * F.linear(F.normalize(x, dim=1), F.normalize(self.weight, dim=1))


class AMSoftmaxLoss(nn.Module):
    """Cross-entropy of scaled cosines, with `scale` times `margin` taken off the target's.

    Args:
        scale: s, as the classifier's.
        margin: m, of the cosine; with 0 it is plain cross-entropy.
        weight: weight of each class (classes,), or None.
        label_smoothing: share of a label spread evenly over all classes.
    """

    def __init__(
        self, scale: float = 30.0, margin: float = 0.2, weight: Tensor | None = None, label_smoothing: float = 0.0
    ) -> None:
        super().__init__()
        self.offset = scale * margin
        self.cross_entropy = CrossEntropy(weight, label_smoothing)

    def forward(self, logits: Tensor, y: Tensor) -> Tensor:
        """Mean loss of scaled cosines (batch, classes) and class numbers y (batch,).

        Where y are shares (batch, classes), each class's margin counts by its share.
        """
        shares = y if y.ndim == 2 else F.one_hot(y, logits.shape[1])
        loss: Tensor = self.cross_entropy(logits - self.offset * shares, y)
        return loss
