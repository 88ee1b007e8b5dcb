"""Decision-level fusions of `experiments.fusion_methods`, as modules that can be traced."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.experiments.combiner import Combiner
from pipeline.experiments.fusion_methods import Average, Linear


class FusedFolds(nn.Module):
    """The combiners of a fusion, one for each fold."""

    def __init__(self, folds: Sequence[Combiner], classes: int) -> None:
        super().__init__()
        self.folds = nn.ModuleList(_module(combiner, classes) for combiner in folds)

    def forward(self, branches: list[Tensor]) -> Tensor:
        """Probabilities (folds, classes) from those of the branches, (folds, classes) each."""
        rows = [fold([branch[n : n + 1] for branch in branches]) for n, fold in enumerate(self.folds)]
        return torch.cat(rows)


def _module(combiner: Combiner, classes: int) -> nn.Module:
    if isinstance(combiner, Linear):
        return Regression(combiner, classes)
    assert isinstance(combiner, Average)  # noqa: S101 - `exportable` has refused others
    return Mean(combiner)


class Regression(nn.Module):
    """`fusion_methods.Linear`."""

    def __init__(self, combiner: Linear, classes: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.from_numpy(combiner.weight).T.contiguous())
        self.register_buffer("bias", torch.from_numpy(combiner.bias))
        fitted = [*combiner.layout.fitted]
        self.register_buffer("places", torch.eye(classes, dtype=torch.float64)[fitted])
        self.weight: Tensor
        self.bias: Tensor
        self.places: Tensor

    def forward(self, branches: list[Tensor]) -> Tensor:
        """(1, classes) from those of the branches."""
        return (torch.cat(branches, dim=1) @ self.weight + self.bias).softmax(dim=1) @ self.places


class Mean(nn.Module):
    """`fusion_methods.Average`."""

    def __init__(self, combiner: Average) -> None:
        super().__init__()
        self.shares = combiner.shares.tolist()

    def forward(self, branches: list[Tensor]) -> Tensor:
        """(1, classes) from those of the branches."""
        parts = [share * branch for share, branch in zip(self.shares, branches, strict=True)]
        return torch.stack(parts).sum(dim=0)
