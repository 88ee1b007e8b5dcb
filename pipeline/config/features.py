"""Entries of `features` and `embeddings` as extractors and their params."""

from collections.abc import Mapping
from typing import Any

from pipeline.config.params import Params
from pipeline.errors import ParamsError, nearest
from pipeline.features import EXTRACTORS, find_extractor
from pipeline.features.presets import PRESETS, resolve
from pipeline.strict import validate

SSL = "ssl"
"""the extractor of every entry of `embeddings`"""


def extractor_of(key: str, entry: Mapping[str, Any]) -> str:
    """The extractor that an entry of `features` names, or whose preset it takes.

    Raises:
        ParamsError: it names none, or one that is not known.
    """
    preset = entry.get("preset")
    name = entry.get("extractor", PRESETS[preset][0] if isinstance(preset, str) and preset in PRESETS else None)
    if name is None and "preset" in entry:
        raise ParamsError(
            f"{key}.preset: {preset!r} is not known{nearest(str(preset), PRESETS)}; known: {', '.join(PRESETS)}"
        )
    if name is None:
        raise ParamsError(f"{key}.extractor: is missing; known: {', '.join(_acoustic())}")
    if name == SSL:
        raise ParamsError(f"{key}.extractor: self-supervised models have their own section, embeddings")
    if not isinstance(name, str) or name not in EXTRACTORS:
        known = _acoustic()
        raise ParamsError(
            f"{key}.extractor: {name!r} is not known{nearest(str(name), known)}; known: {', '.join(known)}"
        )
    return name


def _acoustic() -> list[str]:
    return [name for name in EXTRACTORS if name != SSL]


def resolve_features(params: Params) -> list[str]:
    """Make every entry's extractor class and params known to `params.feature`; returns what is wrong with the rest."""
    problems = []
    for section in ("features", "embeddings"):
        for name, entry in getattr(params, section).items():
            key = f"{section}.{name}"
            try:
                extractor = SSL if section == "embeddings" else extractor_of(key, entry)
                own = {
                    field: value for field, value in entry.items() if section == "embeddings" or field != "extractor"
                }
                kind = find_extractor(extractor)
                params._features[name] = kind, validate(kind.Params, resolve(extractor, own, key), key)
            except ParamsError as error:
                problems += str(error).splitlines()
    return problems
