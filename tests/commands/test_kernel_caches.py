"""Commands keep the code of few shapes of products, in the libraries' own caches, unless the user says how many."""

import os

import click
import pytest
from click.testing import CliRunner

from pipeline.commands.command import KERNEL_CACHES, Command


@pytest.mark.parametrize(("said", "kept"), [(None, "128"), ("7", "7")])
def test_caches_are_small_or_as_large_as_the_user_says(monkeypatch, said, kept):
    for cache in KERNEL_CACHES:
        monkeypatch.setenv(cache, said or "")  # put back at the end
        if said is None:
            monkeypatch.delenv(cache)

    @click.command(cls=Command)
    def command():
        click.echo(" ".join(os.environ[cache] for cache in KERNEL_CACHES))

    assert CliRunner().invoke(command).stdout == f"{kept} {kept}\n"
