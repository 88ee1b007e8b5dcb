"""The `ser` command: its subcommands by name, each imported only when it is called."""

from importlib import import_module

import click

from pipeline import __version__

COMMANDS = {
    "init": "Make a project of your recordings: params.yaml and dvc.yaml, ready for `dvc repro`.",
    "fetch": "Download a corpus, or say how to get it.",
    "graph": "Check params.yaml, and write dvc.yaml from it.",
    "run": "Run what has changed, as `dvc repro` does, with stages side by side.",
    "preset": "Experiments of the papers' tables, ready for params.yaml, with the published figures.",
    "benchmark": "Measure probes, pooled features and their fusion on corpora, beside published figures.",
    "corpora": "List the corpora that can be read, or say what of one is there, missing and unexpected.",
    "features": "List the feature extractors, their params and presets.",
    "extract": "Extract a feature of files, folders or a manifest, outside DVC.",
    "unpack": "Write the recordings inside a dataset's Arrow or Parquet files as files, for the reader hf_datasets.",
    "inspect": "Say what a feature file holds.",
    "compare": "Set experiments and revisions side by side: scores, differences, tests, changed params.",
    "audit": "Say what the training and test parts of any folds share: speakers, recordings, texts.",
    "report": "Write one HTML page of all that was measured.",
    "export": "Put a trained model into one folder or .zip, with a model card.",
    "predict": "Predict emotions of new recordings with a trained model.",
    "embed": "Write vectors that stand for recordings, by a trained model.",
    "app": "Serve trained models as a web page and an HTTP API.",
    "bench": "Measure speed, beside peers.",
}
"""name -> what it does; a command NAME is the function `NAME` of pipeline/commands/NAME.py"""


class Subcommands(click.Group):
    """A group whose commands are modules, which `--help` does not import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None when there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"pipeline.commands.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each does."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Subcommands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ser")
def main() -> None:
    """Speech emotion recognition: make a project, write its graph, look at what it makes. `dvc repro` runs it."""


if __name__ == "__main__":
    main()
