"""What CAF and its single streams share: the paper's training, and what stands around the streams."""

from pydantic import Field

from pipeline.systems.training.params import TrainingParams


class CAFBaseParams(TrainingParams):
    """The training's are the paper's: AdamW 1e-4, batches of 64; its weight decay is torch's default."""

    weight_decay: float = Field(0.01, ge=0)
    batch_size: int = Field(64, ge=1)
    stream_dim: int = Field(256, ge=2, multiple_of=2, description="width that a stream is projected to")
    dropout: float = Field(0.1, ge=0, lt=1, description="before the classifier")
