"""No number that an option takes is NaN or infinite, which comparisons would let through."""

import click
import pytest
from click.testing import CliRunner

from pipeline.cli import main


def float_options(command, name=()):
    """Names of each command with an option that is a number, and the option."""
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            yield from float_options(command.get_command(context, each), (*name, each))
    for option in command.params:
        if isinstance(option.type, click.FloatRange | click.types.FloatParamType):
            yield *name, option.opts[-1]


FLOAT_OPTIONS = [*float_options(main)]


def test_there_are_some():
    assert {("app", "--max-seconds"), ("bench", "serve", "--seconds"), ("predict", "--window")} <= {*FLOAT_OPTIONS}


@pytest.mark.parametrize("words", FLOAT_OPTIONS, ids=" ".join)
@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_what_is_no_number_is_refused(words, number):
    *command, option = words
    window = ["--window", "3"] if option == "--hop" else []
    done = CliRunner().invoke(main, [*command, "model", "recording.wav", *window, f"{option}={number}"])
    assert done.exit_code == 2
    assert option.strip("-") in done.output
    assert f"{number} " in done.output
