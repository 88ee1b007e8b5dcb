"""openSMILE's feature sets eGeMAPS and ComParE, computed by audEERING's package `opensmile`, which is an extra.

The package is not open source: its licence, the audEERING Research License Agreement, allows it, and features and
models made with it, for research and other non-commercial use.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import Field

from pipeline.audio.samples import Signal, Wave
from pipeline.errors import UserError
from pipeline.features.base import Extractor, FeatureParams, Streams

SETS = {"egemaps": ("eGeMAPSv02", 88), "compare": ("ComParE_2016", 6373)}
"""value of `features` -> openSMILE's name of the set, and its number of features"""

SHORTEST = 0.06
"""shortest utterance that openSMILE measures (s): the window of its F0"""
LONGEST = 1800
"""longest utterance that is given to openSMILE (s), which takes it whole, and up to 1.6 GB for it"""


class OpensmileParams(FeatureParams):
    """Params of openSMILE's feature sets."""

    features: Literal["egemaps", "compare"] = Field(
        "egemaps",
        description="egemaps: eGeMAPS v02, 88 features (Eyben et al. 2016); compare: ComParE 2016, 6373 (Schuller et "
        "al. 2016)",
    )


class Opensmile(Extractor[OpensmileParams]):
    """openSMILE's functionals of a whole utterance, as the package `opensmile` (pip install opensmile) computes them.

    Streams: `values`, shape (1, 88) or (1, 6373), the features that `feature_names` names, to the last bit those of
    `opensmile.Smile.process_signal`; `valid`, shape (1, 1), 1 where the utterance could be measured. One shorter than
    60 ms cannot, and has zeros.
    """

    name = "opensmile"
    version = "1"
    Params = OpensmileParams
    licence = "openSMILE's: research and other non-commercial use only, of features and models made with it too"

    @property
    def full_version(self) -> str:
        """With the version of the package, and so of the openSMILE core in it, as another may give other values.

        Raises:
            UserError: the package is not installed.
        """
        return f"{self.version} (opensmile {_package().__version__})"

    def check_installed(self) -> None:
        """Import the package.

        Raises:
            UserError: it is not installed, or does not work on this machine.
        """
        _package()

    @property
    def frame_rate(self) -> float:
        """0: one row per utterance."""
        return 0.0

    def frames(self, samples: int) -> int:
        """1: one row per utterance."""
        return 1

    @property
    def dims(self) -> dict[str, int]:
        """The features of the set, and a validity flag."""
        return {"values": SETS[self.params.features][1], "valid": 1}

    @property
    def dtypes(self) -> dict[str, np.dtype[Any]]:
        """float32 features, as openSMILE gives them, and flags of one byte."""
        return {"values": np.dtype(np.float32), "valid": np.dtype(np.uint8)}

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features in order, spelt as in openSMILE.

        Raises:
            UserError: the package is not installed.
        """
        return tuple(self._smile.feature_names)

    def extract(self, waves: Sequence[Wave]) -> list[Streams]:
        """One row of features and a flag for each utterance; each is computed by itself."""
        return [self._measured(wave) for wave in waves]

    def extract_long(self, wave: Signal) -> Iterator[Streams]:
        """Yield one row of features and a flag for a long utterance.

        Raises:
            UserError: openSMILE, which takes it whole, would need too much memory.
        """
        seconds = len(wave) / self.params.sample_rate
        if seconds > LONGEST:
            raise UserError(f"opensmile: is {seconds:.0f} s long, and openSMILE takes {LONGEST} s at most; set clip")
        yield from super().extract_long(wave)

    def _measured(self, wave: Wave) -> Streams:
        rate = self.params.sample_rate
        valid = len(wave) >= round(SHORTEST * rate)
        values = self._smile(wave, rate)[..., 0] if valid else np.zeros((1, self.dims["values"]), np.float32)
        return {"values": values, "valid": np.array([[valid]], np.uint8)}

    @cached_property
    def _smile(self) -> Any:
        package = _package()
        return package.Smile(package.FeatureSet[SETS[self.params.features][0]], package.FeatureLevel.Functionals)


def _package() -> Any:
    """The package `opensmile`, imported when it is used, as that takes a second.

    Raises:
        UserError: it is not installed, or does not work on this machine.
    """
    try:
        import opensmile
    except ModuleNotFoundError as error:
        raise UserError(
            f"extractor opensmile: the package {error.name} is not installed; `pip install opensmile` (free for "
            "research and other non-commercial use only)"
        ) from error
    except (ImportError, OSError, RuntimeError) as error:  # its library is of another platform
        reason = str(error).splitlines()[0]
        raise UserError(f"extractor opensmile: the package opensmile does not work here ({reason})") from error
    return opensmile
