"""Losses of numbers: concordance and squared error, of targets on scales of their own.

Sources: Lin 1989, "A concordance correlation coefficient to evaluate reproducibility", Biometrics 45(1), eq. 3; as a
loss, 1 - CCC: Atmaja & Akagi 2021, "Evaluation of error- and correlation-based loss functions for multitask learning
dimensional speech emotion recognition", Journal of Physics: Conference Series 1896, eq. 3.
"""

from torch import Tensor, nn

TINY = 1e-8
"""added to a denominator, which is 0 where nothing varies"""


class ConcordanceLoss(nn.Module):
    """1 - CCC over a batch, the mean over targets; moments divide by the number of utterances.

    Of one utterance, or of equal numbers throughout, there is no CCC: it counts 0.

    Args:
        scale: deviation of each target (targets,).
    """

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.scale: Tensor

    def forward(self, predicted: Tensor, y: Tensor) -> Tensor:
        """Loss of numbers predicted (batch, targets), where they are y (batch, targets)."""
        return 1 - concordance(predicted / self.scale, y / self.scale).mean()


class SquaredErrorLoss(nn.Module):
    """The mean squared error in units of each target's deviation.

    Args:
        scale: deviation of each target (targets,).
    """

    def __init__(self, scale: Tensor) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.scale: Tensor

    def forward(self, predicted: Tensor, y: Tensor) -> Tensor:
        """Loss of numbers predicted (batch, targets), where they are y (batch, targets)."""
        return ((predicted - y) / self.scale).square().mean()


def concordance(predicted: Tensor, y: Tensor) -> Tensor:
    """CCC of each target (targets,), of numbers (batch, targets)."""
    means = predicted.mean(dim=0) - y.mean(dim=0)
    centred, truth = predicted - predicted.mean(dim=0), y - y.mean(dim=0)
    spread = centred.square().mean(dim=0) + truth.square().mean(dim=0) + means.square()
    return 2 * (centred * truth).mean(dim=0) / (spread + TINY)


LOSSES = {"ccc": ConcordanceLoss, "mse": SquaredErrorLoss}
"""name in params -> loss"""
