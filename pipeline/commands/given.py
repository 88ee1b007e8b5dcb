"""What options give as NAME=VALUE: corpora, models, lists of folds."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.graph.first_params import Corpus

PATHS = ("/", "./", "../", "~")
"""how a source begins that is no name of a hub"""


def named(option: str, given: Iterable[str], example: str) -> dict[str, str]:
    """Name -> value, in the order given.

    Args:
        option: the option's name, for the message.
        given: its values.
        example: what one looks like.

    Raises:
        ParamsError: one has not the form, its name could be no part of a file name, or a name stands twice.
    """
    from pipeline.config.references import name_problem
    from pipeline.errors import ParamsError

    values: dict[str, str] = {}
    for each in given:
        name, mark, value = each.partition("=")
        if not (name and mark and value):
            raise ParamsError(f"{option} {each!r}: expected {example}")
        if problem := name_problem(name):
            raise ParamsError(f"{option} {each!r}: {problem}")
        if name in values:
            raise ParamsError(f"{option}: two have one name, {name!r}; give each its own")
        values[name] = value
    return values


def corpora_of(given: Iterable[str]) -> "list[Corpus]":
    """Corpora by NAME=ROOT, each recognised.

    Raises:
        ParamsError: one has not the form, a name stands twice, or a root is no folder.
        UserError: no reader knows a folder.
    """
    from pipeline.corpora.recognition import recognise
    from pipeline.graph.first_params import Corpus

    roots = named("--corpus", given, "NAME=ROOT, as ravdess=/path/to/ravdess")
    folders = {name: own_folder(f"--corpus {f'{name}={root}'!r}", root) for name, root in roots.items()}
    return [Corpus(name, folder, recognise(folder)) for name, folder in folders.items()]


def models_of(given: Iterable[str]) -> dict[str, str]:
    """Self-supervised models by NAME=SOURCE: name -> hub name or folder.

    Raises:
        ParamsError: one has not the form, a name stands twice, or what begins as a path does is no folder.
    """
    sources = named("--model", given, "NAME=SOURCE, as hubert=facebook/hubert-base-ls960")
    return {
        name: str(own_folder(f"--model {f'{name}={source}'!r}", source)) if source.startswith(PATHS) else source
        for name, source in sources.items()
    }


def own_folder(what: str, given: str) -> Path:
    """A folder as params.yaml should have it: as given where it is inside the project, else absolute.

    Raises:
        ParamsError: it is no folder; `what` begins the message.
    """
    from pipeline.errors import ParamsError

    folder = Path(given).expanduser()
    if not folder.is_dir():
        state = "is not a folder" if folder.exists() else "does not exist"
        raise ParamsError(f"{what}: {str(folder)!r} {state}")
    inside = not folder.is_absolute() and ".." not in folder.parts
    return folder if inside else folder.absolute()
