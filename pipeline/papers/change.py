"""The change that puts a preset into a params.yaml: only what is not there yet, and never over what is."""

import difflib
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from yaml import YAMLError

from pipeline.atomic import atomic_path
from pipeline.config.document import load, located, validated
from pipeline.config.params import Params
from pipeline.config.strict_yaml import parse
from pipeline.config.system_params import system_params
from pipeline.errors import ParamsError, UserError
from pipeline.papers.adaptation import Choices, Sections, adapt
from pipeline.papers.checks import differences, missing_entries, missing_layers, other_corpora, other_lengths
from pipeline.papers.insert import insert
from pipeline.papers.preset import Preset


@dataclass(frozen=True)
class Change:
    """What a preset changes in a params.yaml.

    Attributes:
        path: the file.
        old: its text.
        new: its text with the preset.
        added: section and name of the entries added.
        present: section and name of the entries that were there already.
        remarks: what is not as the preset has it, though it is no mistake.
    """

    path: Path
    old: str
    new: str
    added: list[tuple[str, str]]
    present: list[tuple[str, str]]
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


def plan(name: str, preset: Preset, choices: Choices, path: Path) -> Change:
    """Work out what putting a preset into a params.yaml changes; nothing is written.

    Raises:
        ParamsError: the file is not valid, lacks a corpus, embedding or protocol that is needed, has an entry of the
            same name with other contents, or would not be valid with the preset: a line for each problem.
        UserError: its YAML is written in a way that entries cannot be added to.
    """
    choices.check(preset)
    params = load(path)
    # Not read_text, which would turn a file's CRLF into LF.
    old = path.read_bytes().decode()
    _refuse(missing_entries(name, preset, choices, params), old, path)
    sections = adapt(preset, choices, choices.models(preset, params))
    data = parse(old, str(path))
    added, present = _divided(sections, data)
    problems = missing_layers(preset, choices, params)
    merged, invalid = _validated(_merged(data, sections), added)
    problems += [f"{problem} (with preset {name})" for problem in invalid]
    problems += differences(present, merged, params) if merged else []
    _refuse(problems, old, path)
    new = edited(old, _selected(sections, added), data, f"{preset.paper} (preset {name})", path)
    remarks = [*other_corpora(preset, choices, params), *other_lengths(preset, choices, params)]
    return Change(path, old, new, added, present, remarks)


def _refuse(problems: Iterable[str], text: str, path: Path) -> None:
    if lines := located(problems, text, path):
        raise ParamsError("\n".join(lines))


def _divided(sections: Sections, data: Mapping[str, Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The sections and names of entries that are not there, and of those that are, in the order of params.yaml's."""
    entries = [(section, name) for section in Params.model_fields for name in sections.get(section, {})]
    present = [(section, name) for section, name in entries if name in (data.get(section) or {})]
    return [entry for entry in entries if entry not in present], present


def _selected(sections: Sections, entries: Iterable[tuple[str, str]]) -> Sections:
    selected: Sections = {}
    for section, name in entries:
        selected.setdefault(section, {})[name] = sections[section][name]
    return selected


def _merged(data: Mapping[str, Any], sections: Sections) -> dict[str, Any]:
    """The data of a params.yaml with these entries, in the place of those of the same names."""
    return {**data, **{section: {**(data.get(section) or {}), **entries} for section, entries in sections.items()}}


def _validated(data: Mapping[str, Any], added: Iterable[tuple[str, str]]) -> tuple[Params | None, list[str]]:
    """The params that data hold, and all that is wrong with them, the systems' own params of new entries included."""
    params, problems = validated(data)
    for section, name in added:
        if section == "experiments" and params and name in params.experiments:
            try:
                system_params(name, params.experiments[name])
            except ParamsError as error:
                problems += str(error).splitlines()
    return params, problems


def edited(old: str, sections: Sections, data: Mapping[str, Any], comment: str, path: Path) -> str:
    """The text of a params.yaml with new entries.

    Args:
        old: the text.
        sections: section -> entries that it lacks.
        data: what the text says.
        comment: a line to stand above what is added to a section.
        path: of the file, for messages.

    Raises:
        UserError: it cannot be added to in such a way that it means what it should.
    """
    windows = 0 < old.count("\n") == old.count("\r\n")
    text = old.replace("\r\n", "\n") if windows else old
    try:
        for section, entries in sections.items():
            text = insert(text, section, entries, comment)
        right = parse(text, "") == _merged(data, sections)
    except (ValueError, YAMLError, ParamsError):
        right = False
    if not right:
        raise UserError(
            f"{path}: is written in a way that entries cannot be added to (an alias or braces over several lines?); "
            "write its sections as indented blocks"
        )
    return text.replace("\n", "\r\n") if windows else text
