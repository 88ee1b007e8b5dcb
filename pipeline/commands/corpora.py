"""`ser corpora`: what corpora there are readers of, and what of them is there."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.commands.command import Command

if TYPE_CHECKING:
    from pipeline.corpora.base import CorpusParams


@click.command(cls=Command)
@click.argument("name", required=False)
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option(
    "--table", metavar="NAME", help="With FOLDER: its table or list, as labels.csv or data/casia/casia.jsonl."
)
@click.option("--project", is_flag=True, help="Check every corpus of params.yaml in the working folder.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.pass_context
def corpora(
    ctx: click.Context, name: str | None, folder: Path | None, table: str | None, project: bool, form: str
) -> None:
    """List the corpora that there are readers of, or say what of one is there.

    With NAME and FOLDER, hold the folder against what is published of the corpus that the reader NAME reads:
    recordings, speakers and labels, what is missing (by name, where names follow a rule or are in the corpus's tables),
    and audio files that are not the corpus's. NAME may be a corpus of params.yaml, too, whose columns, numbers and
    emotions then count in FOLDER. With NAME alone, check that corpus of params.yaml in the working folder, or, where it
    has none of that name, say what is published of the reader's. `ser fetch` gets corpora, or says how.

    The exit code is 0 where a corpus is complete; 1 where recordings are missing, an audio file is not the corpus's, or
    two files of one name differ. Copies, documents, audio that a table does not list, and what is not read are said and
    no fault.
    """
    from pipeline.errors import ParamsError, printable

    if project and name is not None:
        raise ParamsError("NAME and --project exclude each other; leave one out")
    if table is not None and folder is None:
        raise ParamsError("--table is of a FOLDER; give one, or leave it out")
    wanted = _wanted(name, folder, table or "", project)
    if wanted:
        values, lines = _checked(wanted)
    else:
        values, lines = _described(name)
    if form == "json":
        click.echo(json.dumps(values, ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(map(printable, lines)))
    ctx.exit(int(bool(wanted) and not all(value["complete"] for value in values)))


def _wanted(name: str | None, folder: Path | None, table: str, project: bool) -> "Mapping[str, CorpusParams]":
    """Name -> params of the corpora that are to be checked; none where a reader is to be described, or all.

    Raises:
        ParamsError: params.yaml is missing or wrong, or there is no reader of that name.
    """
    from pipeline.config.document import load
    from pipeline.config.params import FILE
    from pipeline.corpora import READERS
    from pipeline.corpora.base import CorpusParams
    from pipeline.strict import validate

    if folder is not None and name is not None and name in READERS:
        return {name: validate(CorpusParams, {"reader": name, "root": folder, "table": table})}
    if project:
        return load().corpora
    known = load().corpora if name is not None and FILE.is_file() else {}
    if name is not None and name not in known:
        _reader(name, known)
    if folder is not None and name is not None:
        return {name: known[name].model_copy(update={"root": folder, **({"table": table} if table else {})})}
    return {name: known[name]} if name is not None and name in known else {}


def _reader(name: str, corpora: "Mapping[str, CorpusParams]") -> None:
    """Refuse a name that is neither a reader's nor a corpus's.

    Raises:
        ParamsError: it is.
    """
    from pipeline.corpora import READERS
    from pipeline.errors import ParamsError, nearest

    if name not in READERS:
        known = dict.fromkeys([*corpora, *READERS])
        raise ParamsError(f"unknown corpus {name!r}{nearest(name, known)}; known: {', '.join(known)}")


def _checked(wanted: "Mapping[str, CorpusParams]") -> tuple[list[dict[str, Any]], list[str]]:
    """What of corpora is there, as values and as lines; of one that cannot be read, why."""
    from pipeline.corpora import find_reader
    from pipeline.corpora.coverage import coverage
    from pipeline.errors import UserError
    from pipeline.report.coverage import coverage_lines, coverage_values

    values, lines = [], []
    for name, params in wanted.items():
        try:
            one = coverage(params)
        except UserError as error:
            if len(wanted) == 1:
                raise
            values.append({"corpus": name, "reader": params.reader, "complete": False, "error": str(error)})
            lines += [f"{name}: cannot be read", *(f"  error       {line}" for line in str(error).splitlines())]
        else:
            values.append(coverage_values(name, one))
            lines += coverage_lines(name, one, find_reader(params.reader))
    return values, lines


def _described(name: str | None) -> tuple[list[dict[str, Any]], list[str]]:
    """What readers say of their corpora, as values and as lines: of one, or of all."""
    from pipeline.corpora import READERS, find_reader
    from pipeline.report.coverage import reader_lines, reader_table, reader_values

    readers = [find_reader(each) for each in ([name] if name is not None else READERS)]
    return [*map(reader_values, readers)], reader_lines(readers[0]) if name is not None else reader_table(readers)
