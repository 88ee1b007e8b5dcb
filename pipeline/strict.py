"""The base of every params object, and its validation with errors that name the key."""

import re
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError

from pipeline.errors import ParamsError, nearest


class Strict(BaseModel):
    """A validated, immutable set of params; unknown keys are refused, and so is text or true where a number is due.

    Its validator is built when it is first used: most are only a part of another's, or of nothing that is asked for.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)


M = TypeVar("M", bound=Strict)


def validate(model: type[M], values: Mapping[str, Any], key: str = "") -> M:
    """Make a params object from plain values; `key` is where they stand, for the error.

    Raises:
        ParamsError: one line for each mistake: the key, the value, what was expected, and the nearest right name.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ParamsError("\n".join(_lines(model, key, error))) from error


def _lines(model: type[BaseModel], key: str, error: ValidationError) -> list[str]:
    """One line for each mistake; a misspelt key is one mistake, not an unknown key and a missing one."""
    items = [
        (dict(item), *_place(model, [str(part) for part in item["loc"] if part != "[key]"])) for item in error.errors()
    ]
    meant = {(*keys[:-1], nearest(keys[-1], known)) for item, keys, known in items if item["type"] == "extra_forbidden"}
    return [
        _describe(key, item, keys, known)
        for item, keys, known in items
        if item["type"] != "missing" or (*keys[:-1], nearest(keys[-1], [keys[-1]])) not in meant
    ]


def _describe(key: str, error: dict[str, Any], keys: list[str], known: list[str]) -> str:
    name = ".".join([*([key] if key else []), *keys])
    if error["type"] == "extra_forbidden":
        return f"{name}: unknown key{nearest(keys[-1], known)}; known: {', '.join(known)}"
    if error["type"] == "missing":
        return f"{name}: is missing"
    if error["type"] == "union_tag_not_found":
        return f"{name}.{error['ctx']['discriminator'].strip(chr(39))}: is missing"
    if error["type"] == "union_tag_invalid":
        tags = [tag.strip("'") for tag in error["ctx"]["expected_tags"].split(", ")]
        tag, scheme = error["ctx"]["tag"], error["ctx"]["discriminator"].strip("'")
        return f"{name}.{scheme}: {tag!r} is not known{nearest(tag, tags)}; known: {', '.join(tags)}"
    message = error["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if isinstance(error["input"], dict):
        return f"{name or 'the file'}: {message}"
    return f"{name}: {message}; it is {_shown(error['input'])}{_meant(error)}"


def _meant(error: dict[str, Any]) -> str:
    """The nearest of the texts that a value could be, where it is none of them."""
    if error["type"] != "literal_error" or not isinstance(error["input"], str):
        return ""
    return nearest(error["input"], re.findall("'([^']*)'", error["ctx"]["expected"]))


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python writes no integer of thousands of digits
        return "too long a number to show"
    return text if len(text) < 80 else text[:77] + "..."


def _place(model: Any, location: list[str]) -> tuple[list[str], list[str]]:
    """A location's keys as the file has them, and the names its last key is one of.

    pydantic's location also has the tag of a union's member, which is no key of the file.
    """
    keys: list[str] = []
    known: list[str] = []
    for part in location:
        if get_origin(model) is Annotated:
            model = get_args(model)[0]
        if get_origin(model) in (Union, UnionType):
            tagged = [member for member in get_args(model) if part in _tags(member)]
            if tagged:
                model = tagged[0]
                continue
        keys.append(part)
        fields = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}
        known = list(fields)
        model = fields[part].annotation if part in fields else (get_args(model) or (None,))[-1]
    return keys, known


def _tags(model: Any) -> list[str]:
    """What the literals of a model can be."""
    return [tag for info in getattr(model, "model_fields", {}).values() for tag in get_args(info.annotation)]
