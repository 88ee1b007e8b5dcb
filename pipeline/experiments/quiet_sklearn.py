"""scikit-learn's splitters without a warning of what is checked here."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_sklearn() -> Iterator[None]:
    """Without the warning that a class has fewer utterances than there are folds: `check` refuses what is too few."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        yield
