"""Params of training that every neural system takes; each system has its paper's defaults."""

from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from pipeline.systems.demands import Features
from pipeline.systems.normalisation import SystemParams

MASKED = ("logmel", "mfcc")
"""inputs that SpecAugment masks: (batch, frames, bands)"""

Optimizer = Literal["adam", "adamw", "sgd"]
Schedule = Literal["constant", "step", "cosine"]
Monitor = Literal["valid_loss", "valid_acc"]
Precision = Literal["float32", "bfloat16"]


class TrainingParams(SystemParams):
    """Params of every neural system's training."""

    epochs: int = Field(50, ge=1, description="most epochs")
    batch_size: int = Field(32, ge=1)
    accumulate: int = Field(1, ge=1, description="batches whose gradients are averaged into one step")
    optimizer: Optimizer = "adamw"
    learning_rate: float = Field(1e-4, gt=0)
    momentum: float = Field(0.0, ge=0, lt=1, description="of SGD")
    weight_decay: float = Field(0.0, ge=0)
    schedule: Schedule = "constant"
    step_epochs: int = Field(10, ge=1, description="epochs between the steps of the step schedule")
    step_factor: float = Field(0.1, gt=0, le=1, description="what a step multiplies the learning rate by")
    warmup_epochs: float = Field(0.0, ge=0, description="epochs in which the learning rate rises linearly from 0")
    clip_norm: float | None = Field(None, gt=0, description="largest norm of the gradient")
    monitor: Monitor = Field("valid_loss", description="the score of the validation part that picks the epoch kept")
    patience: int = Field(0, ge=0, description="epochs without a better score before training stops; 0 runs them all")
    stop: bool = Field(
        True,
        description="false only watches the validation part: all epochs run, and the last one's network is kept, "
        "as papers do that train for a number of epochs",
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="balanced weighs classes in the loss inversely to their frequency in the training part"
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="share of a label spread evenly over all classes")
    mixup: float = Field(0.0, ge=0, description="alpha of mixup's Beta distribution (Zhang et al. 2018); 0 for none")
    time_mask: int = Field(0, ge=0, description="longest time mask of SpecAugment (frames); 0 for none")
    frequency_mask: int = Field(0, ge=0, description="widest frequency mask of SpecAugment (bands); 0 for none")
    masks: int = Field(1, ge=1, description="masks of either kind on each utterance")
    seeds: int = Field(1, ge=1, description="networks trained from successive seeds; their probabilities are averaged")
    precision: Precision = Field(
        "float32",
        description="of products in the network; bfloat16 has 3 digits, and large ones take half the time where the "
        "processor has it (AMX, AVX-512 BF16, GPUs); weights, gradients, the loss and on a CPU LSTMs stay float32",
    )

    def unmet(self, features: Features) -> Iterator[str]:
        """Frames that SpecAugment can mask; see `SystemParams.unmet`."""
        if not {*MASKED} & {*features}:
            yield from (f"params.{problem}" for problem in self.unmasked())

    def idle(self) -> Iterator[tuple[str, str]]:
        """What other optimizers, other schedules and masks alone have a use for; see `SystemParams.idle`."""
        if self.optimizer != "sgd":
            yield "momentum", f"to optimizer {self.optimizer}"
        if self.schedule != "step":
            yield from ((key, f"to schedule {self.schedule}") for key in ("step_epochs", "step_factor"))
        if not (self.time_mask or self.frequency_mask):
            yield "masks", "without time_mask or frequency_mask"

    def unmasked(self) -> Iterator[str]:
        """What is wrong with the params of a network without an input that can be masked, as `key: problem`."""
        for key in ("time_mask", "frequency_mask"):
            if longest := getattr(self, key):
                yield f"{key}: {longest} masks nothing, as no {' or '.join(MASKED)} is read by frames; leave it out"
