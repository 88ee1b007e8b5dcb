"""Constructors of systems: each field of a system's `Params` is a keyword, as are its seed and its device.

scikit-learn's conventions: a constructor stores what it is given, and `fit` says what is wrong with it.
"""

from collections.abc import Callable, Mapping
from inspect import Parameter, Signature
from typing import Any

import numpy as np
from pydantic import Field
from pydantic.fields import FieldInfo

from pipeline.errors import nearest
from pipeline.strict import Strict


class RunParams(Strict):
    """What every system's constructor takes beside its own params."""

    seed: int = Field(0, ge=0, le=2**32 - 1, description="of whatever is drawn")
    device: str = Field("cpu", min_length=1, description="torch device, for networks; no part of the result")


def constructor(owner: str, params: type[Strict]) -> Callable[..., None]:
    """The `__init__` of the class `owner`: a keyword for each field of `params` and of `RunParams`, as it shows."""
    fields = params.model_fields | RunParams.model_fields
    defaults = {name: _default(info) for name, info in fields.items()}

    def __init__(self: Any, **given: Any) -> None:  # noqa: N807
        for name in given:
            if name not in defaults:
                meant = nearest(name.lower(), defaults)
                raise TypeError(f"{owner} has no param {name!r}{meant}; known: {', '.join(defaults)}")
        vars(self).update(defaults | given)

    keywords = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=defaults[name], annotation=info.annotation)
        for name, info in fields.items()
    ]
    own = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    __init__.__signature__ = Signature([own, *keywords])  # type: ignore[attr-defined]
    __init__.__qualname__ = f"{owner}.__init__"
    __init__.__doc__ = _documented(fields)
    return __init__


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Params as params.yaml would have them: numbers of NumPy, as of a grid, are Python's, and tuples are lists."""
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _default(info: FieldInfo) -> Any:
    """A field's default; a tuple for a list, as all objects of the class share it."""
    value = info.get_default(call_default_factory=True)
    return tuple(value) if isinstance(value, list) else value


def _documented(fields: Mapping[str, FieldInfo]) -> str:
    lines = [f"    {name}: {info.description}" for name, info in fields.items() if info.description]
    return "\n".join(["Keep the params; `fit` validates them.", "", "Args:", *lines])
