"""Cross-entropy whose class weights count the same in batches of any size."""

from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812


class CrossEntropy(nn.Module):
    """The mean over utterances of their class's weight times their cross-entropy.

    `torch.nn.CrossEntropyLoss` divides by the batch's own sum of weights, so that a batch of one class is not weighted
    at all, and small batches hardly. Without weights it is the same.

    Args:
        weight: of each class (classes,), or None.
        label_smoothing: share of a label spread evenly over all classes.
    """

    def __init__(self, weight: Tensor | None = None, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.weight: Tensor | None
        self.register_buffer("weight", weight)
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, y: Tensor) -> Tensor:
        """Loss of logits (batch, classes) and class numbers y (batch,), or shares of classes y (batch, classes)."""
        weight, smoothing = self.weight, self.label_smoothing
        if weight is None or not smoothing:
            return F.cross_entropy(logits, y, weight, reduction="none", label_smoothing=smoothing).mean()
        # torch would weigh what is spread over the other classes by theirs: a rare one's would draw all utterances.
        weighted = (y if y.ndim == 2 else F.one_hot(y, logits.shape[1])) * weight
        own = weighted.sum(dim=1, keepdim=True)
        losses = F.cross_entropy(logits, weighted / own, reduction="none", label_smoothing=smoothing)
        return (own[:, 0] * losses).mean()
