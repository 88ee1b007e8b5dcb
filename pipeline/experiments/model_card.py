"""What an experiment's trained models say of themselves: the schema `ser-model/1` of their `card.json`."""

from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from pipeline.config.experiments import Balance, ClassSet
from pipeline.config.protocols import GroupedKFold, ProtocolParams, StratifiedSplit, repeats
from pipeline.config.transfers import Origin, TransferScheme
from pipeline.corpora.emotions import EMOTIONS
from pipeline.experiments.model_folder import Classes, CorpusTitle, Digest, Name, check_folds
from pipeline.features.ssl.streams import TINY
from pipeline.strict import Strict
from pipeline.systems import find_system, systems

FORMAT: Final = "ser-model/1"

Count = Annotated[int, Field(ge=0)]
Operations = Annotated[float, Field(ge=0)]


class Recipe(Strict):
    """How the features of a role were computed in training."""

    extractor: str
    version: str
    params: dict[str, Any]
    weights: str = Field(
        pattern="^([0-9a-f]{64})?$", description="SHA-256 of the self-supervised model's weights, or nothing"
    )


class FeatureCost(Strict):
    """What the pretrained model of a feature costs."""

    digest: str
    weights: str
    parameters: Count | None
    operations: Operations | None


class Cost(Strict):
    """What a prediction costs; nothing where that is not known."""

    parameters: Count
    pretrained_parameters: Count | None
    operations: Operations | None
    pretrained_operations: Operations | None
    features: list[FeatureCost]


class TrainedCard(Strict):
    """What the cards of all trained models have, of classes or of numbers."""

    name: Name
    system: str
    corpus: CorpusTitle
    protocol: Annotated[ProtocolParams | TransferScheme, Field(discriminator="scheme")]
    speaker_dependent: bool
    selected_on_validation: bool
    trained_on_validation: bool
    random_backbone: bool
    transductive: bool
    params: dict[str, Any]
    inputs: dict[str, str] = Field(description="role -> extractor")
    seed: int = Field(ge=0, le=2**32 - 1)
    refitted: bool = Field(False, description="whether one model was trained again, on all that the folds have")
    trainings: int = Field(1, ge=1, description="of each fold, where there are several")
    transfer: Origin | None = Field(None, description="what was tuned, or fitted with a share of the corpus")
    cost: Cost
    learned_from: dict[Literal["pretrained", "votes"], Digest] = Field(
        {}, description="weights in a folder that networks started from, and raters' votes"
    )
    features: dict[str, Recipe] = Field(min_length=1, description="by role")
    weights: list[Digest] = Field(description="of each fold's file")

    def check_training(self) -> None:
        """Hold what is said of the training against itself.

        Raises:
            ValueError: something does not belong together.
        """
        if (self.transfer is None) == isinstance(self.protocol, TransferScheme):
            raise ValueError(f"the scheme {self.protocol.scheme} and transfer do not belong together")
        self._check_protocol()
        self._check_roles()
        models = [self.params.get("model"), *(recipe.params.get("model") for recipe in self.features.values())]
        if self.random_backbone != (TINY in models):
            raise ValueError(f"random_backbone is {self.random_backbone}, and the models are {models}")

    def _check_protocol(self) -> None:
        """Hold the folds that a protocol tells of against those that are there."""
        count = len(self.weights)
        if self.refitted:
            if count != 1:
                raise ValueError(f"a refitted model is one, and there are {count}")
        elif isinstance(self.protocol, GroupedKFold | StratifiedSplit):
            wanted = repeats(self.protocol) * getattr(self.protocol, "folds", 1) * self.trainings
            if wanted != count:
                raise ValueError(f"the protocol has {wanted} folds, and there are {count} models")

    def _check_roles(self) -> None:
        if self.system not in systems():
            raise ValueError(f"there is no system {self.system!r}")
        system = find_system(self.system)
        if missing := {*system.roles} - {*self.features}:
            raise ValueError(f"{self.system} has no {min(missing)}")
        for role, recipe in self.features.items():
            if role not in (*system.roles, *system.optional) or recipe.extractor not in system.extractors(role):
                raise ValueError(f"{self.system} takes no {role!r} made by {recipe.extractor!r}")
        if self.inputs != {role: recipe.extractor for role, recipe in self.features.items()}:
            raise ValueError("inputs and features differ")


class ModelCard(TrainedCard):
    """The card; every key is there but for those with a default; no other is."""

    format: Literal["ser-model/1"]
    emotions: ClassSet | None = Field(description="class -> the labels merged into it; nothing for labels")
    balance: Balance = Field("none", description="what utterances were repeated for, in training")
    labels: Literal["majority", "votes"] = Field("majority", description="what was trained on")
    classes: Classes = Field(min_length=1, description="the experiment's emotions")
    folds: list[list[str]] = Field(min_length=1, description="those that each fold's model was trained on")

    @model_validator(mode="after")
    def _belongs_together(self) -> "ModelCard":
        if self.classes != sorted(self.classes):
            raise ValueError("the classes are not in the order of the alphabet")
        for name in self.classes:
            if name not in (EMOTIONS if self.emotions is None else self.emotions):
                raise ValueError(f"the class {name!r} is none of the emotions")
        check_folds(self.folds, self.classes, self.weights)
        self.check_training()
        return self
