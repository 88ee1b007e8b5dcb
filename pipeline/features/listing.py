"""What `ser features` says of an extractor."""

from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from pipeline.features import find_extractor
from pipeline.features.base import Extractor
from pipeline.features.presets import presets_of


def describe(name: str) -> list[str]:
    """Lines on one extractor: its summary, what it gives, its params with defaults and units, its presets.

    No model is loaded.

    Raises:
        ParamsError: there is no extractor of that name.
    """
    kind = find_extractor(name)
    summary = (kind.__doc__ or "").strip().splitlines() or [""]
    presets = presets_of(name).items()
    return [
        f"{name} (version {kind.version}): {summary[0]}",
        *([f"  licence: {kind.licence}"] if kind.licence else []),
        *(f"  {line}" for line in _output(kind)),
        *(f"  {_param(field, info)}" for field, info in kind.Params.model_fields.items()),
        *(f"  preset {preset}: {_flow(values)}" for preset, values in presets),
    ]


def _output(kind: type[Extractor[Any]]) -> list[str]:
    """What an extractor with default params writes; a model's own sizes are not known before it is loaded."""
    if kind.uses_device:
        return ["output: as wide as the hidden size of the model, at the model's frame rate"]
    try:
        extractor = kind(kind.Params())
    except ValidationError:
        return ["output: depends on params that have no default"]
    if extractor.frame_rate:
        rows = f"{extractor.frame_rate:g} frames per second, the first at {extractor.first_frame:g} s"
    else:
        count = extractor.frames(extractor.params.sample_rate)
        rows = "frames at no fixed rate" if count is None else f"frames an utterance: {count}"
    return [
        f"output {stream}: {dim} dims, {extractor.dtypes[stream]}, {rows}" for stream, dim in extractor.dims.items()
    ]


def _param(field: str, info: FieldInfo) -> str:
    default = "required" if info.is_required() else _flow(info.get_default(call_default_factory=True))
    choices = get_args(info.annotation) if get_origin(info.annotation) is Literal else ()
    allowed = f" [{', '.join(map(str, choices))}]" if len(choices) > 1 else ""
    return f"{field} = {default}{allowed}: {info.description or ''}".rstrip(": ")


def _flow(value: Any) -> str:
    """A value on one line, as it can be written in params.yaml; `none` for null."""
    if value is None:
        return "none"
    value = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")
