"""Stage `code`: what results depend on in the code, as digests of modules without comments and docstrings."""

from pathlib import Path

import click

from pipeline import paths
from pipeline.atomic import atomic_path
from pipeline.commands.command import Command
from pipeline.errors import ParamsError
from pipeline.graph import dvc_yaml
from pipeline.graph.code import code_text, package_digest
from pipeline.graph.current import params_for


@click.command(cls=Command, help=__doc__)
@click.option("--of", "digest", help="Digest of an installed package, as `ser graph` wrote it.")
def main(digest: str | None) -> None:
    """Write data/code/NAME.txt for each kind of stage that dvc.yaml has."""
    params_for("code")
    if digest is not None and digest != package_digest():
        raise ParamsError("dvc.yaml was written by another version of the installed package; run `ser graph`")
    files = [Path(file) for file in dvc_yaml.read().outs("code")]
    for file in files:
        with atomic_path(file) as temporary:
            temporary.write_text(code_text(file.name), encoding="utf-8", newline="\n")
    click.echo(f"code: {len(files)} digests in {paths.CODE}")


if __name__ == "__main__":
    main()
