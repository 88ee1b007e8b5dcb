"""What putting a preset into a params.yaml must not pass over: what is missing there, and what is there already."""

from collections.abc import Iterable
from typing import Any

from pipeline.config.params import Params
from pipeline.corpora import READERS
from pipeline.errors import ParamsError, nearest
from pipeline.features.ssl.extractor import SSLParams
from pipeline.papers.adapt import Choices, Wanted
from pipeline.papers.preset import Preset

Place = tuple[tuple[str, ...], str]
"""path of a mapping, and the name of an entry in it"""


def missing(name: str, wanted: Wanted, params: Params) -> list[str]:
    """A line for each corpus, embedding and protocol that only the user can give, and did not.

    Args:
        name: the preset's name.
        wanted: its entries.
        params: what the file has.
    """
    found = []
    for corpus, role in wanted.corpora.items():
        if corpus not in params.corpora:
            reader = next((known for known in READERS if role == known or role.startswith(f"{known}_")), "folder")
            found.append(
                f"corpora has no entry {corpus!r}{nearest(corpus, params.corpora)}, which preset {name} needs; add "
                f"`{corpus}: {{reader: {reader}, root: /path/to/{role}}}`, or name another: --corpus {role}=NAME"
            )
    for (section,), names in wanted.named.items():
        table = getattr(params, section)
        for entry in names:
            if entry not in table:
                known = ", ".join(table) or "none"
                found.append(f"{section} has no entry {entry!r}{nearest(entry, table)}; known: {known}")
    return found


def refuse_others(present: Iterable[Place], preset: Params, params: Params) -> None:
    """Refuse entries that are there with other contents; what counts is what they mean, not how they are written.

    Args:
        present: entries that both have.
        preset: the file's params, with the preset's entries in the place of its own.
        params: what the file has.

    Raises:
        ParamsError: an entry differs. More layers of an embedding than the preset reads are no difference.
    """
    for where, name in present:
        mine, theirs = (_meaning(settings, where, name) for settings in (preset, params))
        if where == ("embeddings",) and set(mine["layers"]) <= set(theirs["layers"]):
            theirs["layers"] = mine["layers"]
        differing = [key for key in mine if mine[key] != theirs.get(key)]
        if differing:
            own = f", or take yours: --embedding {name}={name}" if where == ("embeddings",) else ""
            raise ParamsError(
                f"{'.'.join([*where, name])}: is there already and differs from the preset's in "
                f"{', '.join(differing)}; rename yours{own}"
            )


def _meaning(params: Params, where: tuple[str, ...], name: str) -> dict[str, Any]:
    if where[0] in ("features", "embeddings"):
        return dict(params.feature(name)[1].model_dump())
    table = getattr(params, where[0])
    return dict((table[where[1]] if len(where) > 1 else table)[name].model_dump())


def refuse_lacking_layers(preset: Preset, choices: Choices, params: Params) -> None:
    """Refuse chosen embeddings without the layers that the preset reads.

    Raises:
        ParamsError: one lacks some.
    """
    for name, chosen in choices.embeddings.items():
        needed, had = preset.embedding(name)["layers"], params.feature(chosen)[1].model_dump()["layers"]
        if set(needed) - set(had):
            raise ParamsError(
                f"embeddings.{chosen}.layers: {list(had)} lack some of {needed}, which the preset reads; "
                f"make it {sorted({*needed, *had})}"
            )


def other_lengths(preset: Preset, choices: Choices, params: Params) -> list[str]:
    """A line for each embedding chosen whose utterances are cut or extended in another way than the paper's."""
    found = []
    for name, chosen in choices.embeddings.items():
        own = SSLParams.model_validate(preset.embedding(name)).model_dump()
        taken = params.feature(chosen)[1].model_dump()
        differing = [f"{key} {own[key]}" for key in ("clip", "pad_to", "pad") if taken[key] != own[key]]
        if differing:
            found.append(
                f"embeddings.{chosen} is not cut and extended as the preset's {name}, with {', '.join(differing)}"
            )
    return found
