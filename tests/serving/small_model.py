"""A model that needs no training, for tests of what is around models."""

from bad_inputs.model_folder import write

from pipeline.serving.backbones import ONLY_HERE
from pipeline.serving.loaded import LoadedModel
from pipeline.serving.models import Model


def small_model(folder):
    """A logistic regression of random numbers, loaded from a folder."""
    write(folder)
    return LoadedModel(Model.read(folder / "model"), ONLY_HERE)
