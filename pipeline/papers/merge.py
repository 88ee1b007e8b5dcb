"""Put a preset into a params.yaml: only what is not there yet, and never over what is."""

import difflib
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yaml import YAMLError

from pipeline.atomic import atomic_path
from pipeline.config.document import load
from pipeline.config.params import Params
from pipeline.config.strict_yaml import parse
from pipeline.errors import ParamsError, UserError
from pipeline.papers.adapt import Choices, Wanted, adapt
from pipeline.papers.checks import Place, missing, other_lengths, refuse_lacking_layers, refuse_others
from pipeline.papers.insert import extend, insert
from pipeline.papers.preset import Entries, Preset
from pipeline.strict import validate
from pipeline.systems import find_system

Copied = Mapping[str, list[str]]
"""role -> features that are extracted from copies"""

ORDER = ("copies", "features", "embeddings", "protocols", "experiments", "fusions")


@dataclass(frozen=True)
class Change:
    """What a preset changes in a params.yaml.

    Attributes:
        path: the file.
        old: its text.
        new: its text with the preset.
        added: keys of the entries added, as `experiments.caf.NAME`.
        present: keys of the entries that were there already.
        remarks: what is not as the preset has it, though it is no mistake.
    """

    path: Path
    old: str
    new: str
    added: list[str]
    present: list[str]
    remarks: list[str]

    def diff(self) -> str:
        """The change as a unified diff."""
        lines = difflib.unified_diff(
            self.old.splitlines(keepends=True), self.new.splitlines(keepends=True), str(self.path), str(self.path), n=1
        )
        return "".join(lines)

    def write(self) -> None:
        """Write the file, whole or not at all, if anything changes."""
        if self.new == self.old:
            return
        target = self.path.resolve()
        with atomic_path(target) as temporary:
            temporary.write_bytes(self.new.encode())
            shutil.copymode(target, temporary)


def merge(name: str, preset: Preset, choices: Choices, path: Path) -> Change:
    """Work out what putting a preset into a params.yaml changes; nothing is written.

    Raises:
        ParamsError: the file is not valid, lacks a corpus, embedding or protocol that is needed, has an entry of the
            same name with other contents, or would not be valid with the preset.
        UserError: its YAML is written in a way that entries cannot be added to.
    """
    params = load(path)
    # Not read_text, which would turn a file's CRLF into LF.
    old = path.read_bytes().decode()
    wanted = adapt(preset, choices)
    lacking = missing(name, wanted, params)
    if lacking:
        raise ParamsError("\n".join(f"{path}: {line}" for line in lacking))
    _train_chosen_models(preset, choices, wanted, params)
    data = _unshared(parse(old, str(path)))
    new, present = _split(wanted, data)
    settings = _validated(path, _with(data, wanted.sections, wanted.copied))
    try:
        refuse_others(present, settings, params)
        refuse_lacking_layers(preset, choices, params)
        text = _edited(old, new, wanted.copied, data, f"{preset.paper} (preset {name})")
    except UserError as error:
        raise type(error)(f"{path}: {error}") from error
    _validate_systems(path, settings, new)
    added = [".".join([*where, entry]) for where, entries in new.items() for entry in entries]
    kept = [".".join([*where, entry]) for where, entry in present]
    return Change(path, old, text, added, kept, other_lengths(preset, choices, params))


def _train_chosen_models(preset: Preset, choices: Choices, wanted: Wanted, params: Params) -> None:
    """Where an experiment trains a model itself, put the model of the chosen embedding into its params."""
    models = {
        preset.embedding(name)["model"]: params.feature(chosen)[1].model_dump()["model"]
        for name, chosen in choices.embeddings.items()
    }
    for where, entries in wanted.sections.items():
        for entry in entries.values() if where[0] == "experiments" else ():
            given = entry.get("params", {})
            if given.get("model") in models:
                entry["params"] = {**given, "model": models[given["model"]]}


def _split(wanted: Wanted, data: Mapping[str, Any]) -> tuple[dict[tuple[str, ...], Entries], list[Place]]:
    """The entries that are not there, in the order of the file's sections, and the places of those that are."""
    new: dict[tuple[str, ...], Entries] = {}
    present = []
    for where in sorted(wanted.sections, key=lambda place: ORDER.index(place[0])):
        table = _at(data, where)
        for name, entry in wanted.sections[where].items():
            if name in table:
                present.append((where, name))
            else:
                new.setdefault(where, {})[name] = entry
    return new, present


def _at(data: Mapping[str, Any], where: tuple[str, ...]) -> Mapping[str, Any]:
    for key in where:
        data = data.get(key) or {}
    return data


def _unshared(value: Any) -> Any:
    """A copy in which what YAML's aliases share stands by itself, so that a change of one is none of the other."""
    if isinstance(value, dict):
        return {key: _unshared(item) for key, item in value.items()}
    return [_unshared(item) for item in value] if isinstance(value, list) else value


def _with(data: Mapping[str, Any], sections: Mapping[tuple[str, ...], Entries], copied: Copied) -> dict[str, Any]:
    """The data of a params.yaml with these entries, in the place of those of the same names."""
    found: dict[str, Any] = _unshared(data)
    for where, entries in sections.items():
        table = found
        for key in where:
            table[key] = table.get(key) or {}
            table = table[key]
        table.update(_unshared(entries))
    for role in copied:
        found["copied"] = found.get("copied") or {}
        found["copied"][role] = [*(found["copied"].get(role) or []), *_not_copied(data, copied, role)]
    return found


def _not_copied(data: Mapping[str, Any], copied: Copied, role: str) -> list[str]:
    had = _at(data, ("copied",)).get(role) or []
    return [name for name in copied[role] if name not in had]


def _validated(path: Path, data: Mapping[str, Any]) -> Params:
    try:
        return validate(Params, data)
    except ParamsError as error:
        lines = str(error).splitlines()
        raise ParamsError("\n".join(f"{path} with the preset would not be valid: {line}" for line in lines)) from error


def _validate_systems(path: Path, settings: Params, new: Iterable[tuple[str, ...]]) -> None:
    """Validate the own params of the systems that get experiments."""
    for system in [where[1] for where in new if where[0] == "experiments"]:
        classifier = find_system(system).load()
        for name, experiment in settings.experiments[system].items():
            key = f"{path} with the preset would not be valid: experiments.{system}.{name}.params"
            validate(classifier.Params, experiment.params, key)


def _edited(
    old: str, new: Mapping[tuple[str, ...], Entries], copied: Copied, data: Mapping[str, Any], comment: str
) -> str:
    """The text with the new entries.

    Raises:
        UserError: it cannot be added to in such a way that it means what it should.
    """
    windows = 0 < old.count("\n") == old.count("\r\n")
    text = old.replace("\r\n", "\n") if windows else old
    try:
        for where, entries in new.items():
            text = insert(text, where, entries, comment)
        for role in copied:
            if names := _not_copied(data, copied, role):
                text = extend(text, ("copied", role), names)
        right = parse(text, "") == _with(data, new, copied)
    except (ValueError, YAMLError, ParamsError):
        right = False
    if not right:
        raise UserError(
            "is written in a way that entries cannot be added to (an alias or braces over several lines?); "
            "write its sections as indented blocks"
        )
    return text.replace("\n", "\r\n") if windows else text
