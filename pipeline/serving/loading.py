"""Loading trained models, to ask them about many recordings."""

import weakref
from contextlib import ExitStack
from pathlib import Path

from pipeline.errors import UserError
from pipeline.serving.backbones import Backbones, backbones_here
from pipeline.serving.export_reading import opened_model
from pipeline.serving.loaded import LoadedModel
from pipeline.serving.loaded_regressor import LoadedRegressor
from pipeline.serving.value_model import AnyModel, ValueModel


def load_model(
    model: str | Path, *, ssl_model: str | Path | None = None, download: bool = False, device: str | None = None
) -> LoadedModel | LoadedRegressor:
    """Load a trained model, to ask it about many recordings.

    Args:
        model: what `ser export` made, a folder or a .zip file.
        ssl_model: folder of the self-supervised model, in the place of the one that the trained models name.
        download: whether that model may be fetched from its hub.
        device: torch device; default `SER_DEVICE`, or a GPU where there is one.

    Raises:
        ParamsError: there is no such export.
        UserError: a file is missing or damaged, or the self-supervised model is not here or another.

    Example:
        model = load_model("exports/pooled_en")
        model.predict("speech.wav")                        # an emotion, of model.classes
        model.predict_proba(samples, 16000)                # probabilities, in their order
        for segment in model.predict_segments("talk.wav", window=3, hop=1):
            print(segment.start, segment.end, segment.emotion)
        load_model("exports/rated").predict("speech.wav")  # of an experiment with targets: {"valence": 3.1, ...}
    """
    backbones = backbones_here(None if ssl_model is None else Path(ssl_model), download)
    with ExitStack() as stack:
        model_here = loaded(stack.enter_context(opened_model(str(model))), backbones, device)
        weakref.finalize(model_here, stack.pop_all().close)
    return model_here


def load_classifier(
    model: str | Path, *, ssl_model: str | Path | None = None, download: bool = False, device: str | None = None
) -> LoadedModel:
    """Load a trained model that tells emotions; args and errors as of `load_model`.

    Raises:
        UserError: it tells numbers.
    """
    known = load_model(model, ssl_model=ssl_model, download=download, device=device)
    if isinstance(known, LoadedRegressor):
        targets = ", ".join(known.targets)
        raise UserError(f"{model}: predicts numbers ({targets}), and here emotions are needed; `ser predict` asks it")
    return known


def loaded(source: AnyModel, backbones: Backbones, device: str | None = None) -> LoadedModel | LoadedRegressor:
    """The models of an export, to be asked.

    Args:
        source: what `opened_model` gives.
        backbones: where self-supervised models may be taken from.
        device: torch device; None for the usual.

    Raises:
        ParamsError: the place of a self-supervised model is given, and no model takes one.
        UserError: a model does not fit the program.
    """
    if isinstance(source, ValueModel):
        return LoadedRegressor(source, backbones, device)
    return LoadedModel(source, backbones, device)
