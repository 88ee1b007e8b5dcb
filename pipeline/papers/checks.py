"""What putting a preset into a params.yaml must not pass over: what is missing there, and what is there already.

Problems are lines that begin with a key of the file, as everywhere in `config`.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from pipeline.config.params import Params
from pipeline.corpora import READERS, find_reader
from pipeline.errors import nearest
from pipeline.features.ssl.extractor import SSLParams
from pipeline.papers.adaptation import Choices
from pipeline.papers.preset import Preset


def missing_entries(name: str, preset: Preset, choices: Choices, params: Params) -> list[str]:
    """A problem for each corpus, embedding and protocol that only the user can give, and did not.

    Args:
        name: the preset's name.
        preset: the preset.
        choices: what stands in for what.
        params: what the file has.
    """
    corpora = {choices.corpora.get(own, own): own for own in choices.needed_corpora(preset)}
    chosen = [("embeddings", embedding) for embedding in dict.fromkeys(choices.embeddings.values())]
    chosen += [("protocols", choices.protocol)] if choices.protocol else []
    return [
        *(
            _missing_corpus(name, corpus, own, params, _without(preset, choices, params, own))
            for corpus, own in corpora.items()
            if corpus not in params.corpora
        ),
        *(_missing(section, entry, params) for section, entry in chosen if entry not in getattr(params, section)),
    ]


def _missing_corpus(name: str, corpus: str, own: str, params: Params, cure: str) -> str:
    return (
        f"corpora: has no entry {corpus!r}{nearest(corpus, params.corpora)}, which preset {name} needs; add "
        f"`{corpus}: {{reader: {_reader_of(own) or 'folder'}, root: /path/to/{own}}}`, or name another: "
        f"--corpus {own}=NAME{cure}"
    )


def _reader_of(own: str) -> str:
    """The reader of a preset's corpus, as esd of `esd_en`; "" where any corpus will do."""
    return max((reader for reader in READERS if own == reader or own.startswith(f"{reader}_")), key=len, default="")


def _without(preset: Preset, choices: Choices, params: Params, own: str) -> str:
    """The option that leaves a corpus out, with the corpora that are there, if some will do; "" where none does."""
    needed = {one: replace(choices, only=(one,)).needed_corpora(preset) for one in preset.corpora if choices.takes(one)}
    others = [one for one, corpora in needed.items() if corpora and own not in corpora]
    there = [one for one in others if all(choices.corpora.get(c, c) in params.corpora for c in needed[one])]
    options = " ".join(f"--only {one}" for one in there) or f"--only NAME, of {', '.join(others)}"
    return f", or leave it out: {options}" if others else ""


def _missing(section: str, entry: str, params: Params) -> str:
    table = getattr(params, section)
    return f"{section}: has no entry {entry!r}{nearest(entry, table)}; known: {', '.join(table) or 'none'}"


def missing_layers(preset: Preset, choices: Choices, params: Params) -> list[str]:
    """A problem for each embedding chosen that lacks layers which the preset reads."""
    problems = []
    for name, chosen in choices.embeddings.items():
        needed, present = preset.embedding(name)["layers"], _meaning(params, "embeddings", chosen)["layers"]
        if "all" not in (needed, present) and set(needed) - set(present):
            problems.append(
                f"embeddings.{chosen}.layers: {list(present)} lack some of {needed}, which the preset reads; "
                f"make it {sorted({*needed, *present})}"
            )
    return problems


def differences(present: Iterable[tuple[str, str]], merged: Params, params: Params) -> list[str]:
    """A problem for each entry that is there with other contents; what they mean counts, not how they are written.

    More layers of an embedding than the preset reads are no difference.

    Args:
        present: section and name of the entries that both have.
        merged: the file's params, with the preset's entries in the place of its own.
        params: what the file has.
    """
    problems = []
    for section, name in present:
        theirs, own = (_meaning(source, section, name) for source in (merged, params))
        if section == "embeddings" and (own["layers"] == "all" or set(theirs["layers"]) <= set(own["layers"])):
            own["layers"] = theirs["layers"]
        if keys := [key for key in theirs if theirs[key] != own.get(key)]:
            option = f", or take yours: --embedding {name}={name}" if section == "embeddings" else ""
            problems.append(
                f"{section}.{name}: is there already and differs from the preset's in {', '.join(keys)}; "
                f"rename yours{option}"
            )
    return problems


def _meaning(params: Params, section: str, name: str) -> dict[str, Any]:
    if section in ("features", "embeddings"):
        extractor, feature_params = params.feature(name)
        return {"extractor": extractor.name, **feature_params.model_dump()}
    return dict(params.entry(section, name).model_dump())


def other_corpora(preset: Preset, choices: Choices, params: Params) -> list[str]:
    """A remark on each corpus that is another than the one in whose place it is, beside whose figures its scores stand.

    Tables and folders of one's own, whose readers have nothing to cite, may hold any corpus, the preset's too.
    """
    remarks = []
    for own in choices.needed_corpora(preset):
        theirs, chosen = _reader_of(own), choices.corpora.get(own, own)
        reader = params.corpora[chosen].reader
        if theirs and reader != theirs and find_reader(reader).citation:
            remarks.append(
                f"corpora.{chosen} is read by {reader}, and the published figures are of {theirs} (the preset's "
                f"{own}): they are no measure of scores on another corpus"
            )
    return remarks


def other_lengths(preset: Preset, choices: Choices, params: Params) -> list[str]:
    """A remark on each embedding chosen whose utterances are cut or extended in another way than the paper's."""
    remarks = []
    for name, chosen in choices.embeddings.items():
        theirs = SSLParams.model_validate(preset.embedding(name)).model_dump()
        own = _meaning(params, "embeddings", chosen)
        if differing := [f"{key} {theirs[key]}" for key in ("clip", "pad_to", "pad") if own[key] != theirs[key]]:
            remarks.append(
                f"embeddings.{chosen} is not cut and extended as the preset's {name}, with {', '.join(differing)}"
            )
    return remarks
