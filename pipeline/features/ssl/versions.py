"""Which versions of `transformers` the encoders of speech are run with."""

from importlib.metadata import version

from pipeline.errors import UserError

OLDEST = 5
"""major version; the modules and masks of those before it are called otherwise"""


def check_transformers() -> None:
    """Refuse a version whose modules are others, in one line, where they would fail one by one.

    Raises:
        UserError: it is too old.
    """
    there = version("transformers")
    if int(there.partition(".")[0]) < OLDEST:
        raise UserError(
            f"transformers {there} is too old for hidden states: run `pip install 'transformers>={OLDEST}.0,<6'`"
        )
