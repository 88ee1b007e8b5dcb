"""The base of every params object, and its validation with errors that name the key."""

from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import ParamsError, nearest


class Strict(BaseModel):
    """A validated, immutable set of params; unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


M = TypeVar("M", bound=Strict)


def validate(model: type[M], values: Mapping[str, Any], key: str = "") -> M:
    """Make a params object from plain values; `key` is where they stand, for the error.

    Raises:
        ParamsError: one line for each mistake: the key, the value, what was expected, and the nearest right name.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ParamsError("\n".join(_describe(model, key, dict(item)) for item in error.errors())) from error


def _describe(model: type[BaseModel], key: str, error: dict[str, Any]) -> str:
    location = [str(part) for part in error["loc"] if part != "[key]"]
    name = ".".join([*([key] if key else []), *location])
    if error["type"] == "extra_forbidden":
        known = _names_at(model, location[:-1])
        return f"{name}: unknown key{nearest(location[-1], known)}; known: {', '.join(known)}"
    if error["type"] == "missing":
        return f"{name}: is missing"
    message = error["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    shown = repr(error["input"])
    if isinstance(error["input"], dict):
        return f"{name or 'the file'}: {message}"
    return f"{name}: {message}; it is {shown if len(shown) < 80 else shown[:77] + '...'}"


def _names_at(model: Any, location: list[str]) -> list[str]:
    """The field names of the model that stands at a location inside `model`."""
    for part in location:
        if isinstance(model, type) and issubclass(model, BaseModel) and part in model.model_fields:
            model = model.model_fields[part].annotation
        elif get_origin(model) is dict:
            model = get_args(model)[1]
    if get_origin(model) is dict:
        model = get_args(model)[1]
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []
