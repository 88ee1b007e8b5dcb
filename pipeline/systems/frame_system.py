"""What the baselines over frames share: one framed feature, standardised, padded and masked."""

from abc import abstractmethod
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from torch import Tensor, nn

from pipeline.systems.layers.standardize import Standardize
from pipeline.systems.neural import Inputs, NeuralSystem, Ragged, TrainingParams
from pipeline.systems.view import View

Size = Annotated[int, Field(ge=1)]
"""a number of channels or units"""


def _odd(kernel: int) -> int:
    if kernel % 2 == 0:
        raise ValueError("must be odd, so that a frame is its window's middle")
    return kernel


Kernel = Annotated[int, Field(ge=1), AfterValidator(_odd)]
"""an odd number of frames"""


class BaselineParams(TrainingParams):
    """Params of the neural baselines; the training's are the text's of Zheng (2024, section 5.3)."""

    epochs: int = Field(20, ge=1)
    batch_size: int = Field(16, ge=1)
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.005, ge=0)
    schedule: Literal["constant", "step", "cosine"] = "step"
    step_epochs: int = Field(10, ge=1)
    step_factor: float = Field(0.1, gt=0, le=1)
    dropout: float = Field(0.5, ge=0, lt=1)


class FrameNetwork(nn.Module):
    """An encoder and a linear classifier over one role's frames.

    Args:
        role: the feature read; the arguments of `forward` are ROLE and ROLE_valid.
        encoder: (batch, frames, dims), valid (batch, frames) -> (batch, width).
        dims: width of the frames.
        width: of what the encoder gives.
        classes: how many.
    """

    def __init__(self, role: str, encoder: nn.Module, dims: int, width: int, classes: int) -> None:
        super().__init__()
        self.role = role
        self.standardize = nn.ModuleDict({role: Standardize(dims)})
        self.encoder = encoder
        self.classifier = nn.Linear(width, classes)

    def forward(self, **inputs: Tensor) -> Tensor:
        """Logits (batch, classes) of frames (batch, frames, dims), valid where ROLE_valid (batch, frames)."""
        x = self.standardize[self.role](inputs[self.role])
        logits: Tensor = self.classifier(self.encoder(x, inputs[f"{self.role}_valid"]))
        return logits


class FrameSystem(NeuralSystem):
    """A classifier over a view with one role, of frames of any number; subclasses give the `encoder`."""

    @abstractmethod
    def encoder(self, dims: int, settings: Any) -> tuple[nn.Module, int]:
        """What makes (batch, width) of frames (batch, frames, dims) and their mask, and that width."""

    def inputs(self, X: View) -> Inputs:
        """The frames."""
        return {X.roles[0]: Ragged(X.arrays(X.roles[0]))}

    def network(self, X: View, classes: int) -> nn.Module:
        """The network for features as those of X."""
        dims = X.dims(X.roles[0])
        encoder, width = self.encoder(dims, self.settings())
        return FrameNetwork(X.roles[0], encoder, dims, width, classes)
