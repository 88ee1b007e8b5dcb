"""Features of one corpus made to be distributed as those of another, without a label of either.

`moments` gives each dimension the reference's mean and standard deviation. `coral` gives all dimensions together the
reference's covariance too (CORAL: Sun, Feng & Saenko 2016, "Return of frustratingly easy domain adaptation",
algorithm 1): they are standardised as the paper asks for, whitened by their own correlations and coloured with the
reference's. Where the paper adds the identity to both, which a covariance of hundreds of dimensions never gets rid of,
they are shrunk as Ledoit & Wolf say: hardly, where there are many frames.

It is transductive: the statistics are those of all recordings of a group, the test part's too.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.keys import source_key
from pipeline.errors import DataError, ParamsError, UserError
from pipeline.experiments.shrunk_covariance import FloatArray, Spectrum
from pipeline.storage.header import Header
from pipeline.storage.source import OWN, Source

Method = Literal["moments", "coral"]

CONSTANT = 1e-8
"""a standard deviation that is taken for none"""


def align(
    target: Mapping[str, Source],
    groups: Mapping[str, str],
    reference: Mapping[str, Source],
    reference_keys: Sequence[str],
    method: Method,
) -> dict[str, Source]:
    """Sources of the target's rows, each stream aligned to the reference's when a row is asked for.

    Statistics are over all frames of a group's recordings, and over all frames of the reference's; values that are
    undefined (NaN) are in none and stay so.

    Args:
        target: role -> source of the features to be aligned.
        groups: key of each recording of the target -> its group, which is aligned on its own: corpus or speaker.
        reference: role -> source of what they are aligned to, the target's roles at least.
        reference_keys: its recordings that count.
        method: `moments` or `coral`.

    Returns:
        Role -> source of the recordings that have a group, and their copies, float32.

    Raises:
        ParamsError: a role is of waveforms, whose samples have no dimensions to align.
        DataError: the two corpora's features differ in role, stream or dimensions, or there is nothing to align to.
        UserError: a recording's group is not known, or a source lacks a recording.
    """
    from threadpoolctl import threadpool_limits

    if unknown := next((key for key, group in sorted(groups.items()) if not group), None):
        raise UserError(
            f"feature alignment needs the group of every recording, and that of {unknown!r} is not known; give its "
            "speaker in the manifest, or align by corpus"
        )
    if not reference_keys:
        raise DataError("feature alignment needs recordings to align to, and there are none")
    with threadpool_limits(1):  # how a product is summed depends on the threads
        return {
            role: _aligned(role, source, groups, _counterpart(role, source, reference), reference_keys, method)
            for role, source in target.items()
        }


def _counterpart(role: str, source: Source, reference: Mapping[str, Source]) -> Source:
    """The reference's source of a role, whose streams are the target's."""
    if role == "waveform" or source.header.extractor == "waveform":
        raise ParamsError(
            f"align: {source.label} holds waveforms, whose samples have no dimensions to align; choose `align: none`, "
            "or a system that reads features"
        )
    if role not in reference:
        raise DataError(f"{source.label}: is aligned as {role}, and what it is aligned to has {', '.join(reference)}")
    other = reference[role]
    if (own := _dims(source)) != (wanted := _dims(other)):
        raise DataError(f"{source.label}: has streams of {own} dimensions, and {other.label} of {wanted}")
    return other


def _dims(source: Source) -> dict[str, int]:
    return {name: source.streams[name].shape[1] for name in sorted(source.streams) if name != OWN}


@dataclass(frozen=True)
class Frames:
    """The frames of one stream of some recordings, which can be gone through again and again.

    Attributes:
        source: where they are.
        keys: the recordings, in the order that they are gone through.
        stream: the stream.
    """

    source: Source
    keys: Sequence[str]
    stream: str

    def __iter__(self) -> Iterator[FloatArray]:
        """Each recording's own frames (frames, dims), without those of a window that come after them."""
        for i in self.source.index(self.keys).tolist():
            rows = np.asarray(self.source.row(i, self.stream), np.float64)
            if OWN in self.source.streams:
                rows = rows[: int(self.source.row(i, OWN).sum())]
            yield rows


@dataclass(frozen=True)
class Moments:
    """Mean and standard deviation of each dimension, (dims,); 0 where nothing is defined."""

    mean: FloatArray
    std: FloatArray

    @classmethod
    def of(cls, frames: Iterable[FloatArray]) -> "Moments":
        """Take them in two passes, undefined values left out."""
        count = np.maximum(sum((~np.isnan(rows)).sum(axis=0) for rows in frames), 1)
        mean = sum(np.nansum(rows, axis=0) for rows in frames) / count
        square = sum(np.nansum(np.square(rows - mean), axis=0) for rows in frames) / count
        return cls(mean, np.sqrt(square))

    def standardised(self, rows: FloatArray) -> FloatArray:
        """Rows (N, dims) of mean 0 and deviation 1; what never varies is only centred."""
        return np.asarray((rows - self.mean) / np.where(self.std > CONSTANT, self.std, 1))


@dataclass(frozen=True)
class Distribution:
    """How the frames of a stream are distributed.

    Attributes:
        moments: of each dimension.
        correlations: of the dimensions, standardised; None where they do not count.
    """

    moments: Moments
    correlations: Spectrum | None = None

    @classmethod
    def of(cls, frames: Frames, method: Method) -> "Distribution":
        """As far as the method needs it."""
        moments = Moments.of(frames)
        if method == "moments":
            return cls(moments)
        standardised = (np.nan_to_num(moments.standardised(rows), nan=0) for rows in frames)
        return cls(moments, Spectrum.of(standardised, sum(len(rows) for rows in frames), len(moments.mean)))


def moved(rows: NDArray[Any], own: Distribution, wanted: Distribution) -> NDArray[np.float32]:
    """Rows (N, dims) of one distribution as those of another."""
    z = own.moments.standardised(np.asarray(rows, np.float64))
    missing = np.isnan(z)
    if own.correlations and wanted.correlations:
        white = own.correlations.power(np.where(missing, 0, z), -0.5)
        z = np.where(missing, np.nan, wanted.correlations.power(white, 0.5))
    return np.asarray(z * wanted.moments.std + wanted.moments.mean, np.float32)


def _aligned(
    role: str, source: Source, groups: Mapping[str, str], other: Source, keys: Sequence[str], method: Method
) -> "Aligned":
    members: dict[str, list[str]] = {}
    for key in sorted(groups):  # sums depend on the order, and a mapping's order on who made it
        members.setdefault(groups[key], []).append(key)
    streams = _dims(source)
    wanted = {name: Distribution.of(Frames(other, sorted(keys), name), method) for name in streams}
    own = {
        group: {name: Distribution.of(Frames(source, held, name), method) for name in streams}
        for group, held in members.items()
    }
    return Aligned(source, groups, own, wanted)


class Aligned:
    """A source whose rows are moved from their group's distribution to the reference's; see `align`."""

    def __init__(
        self,
        source: Source,
        groups: Mapping[str, str],
        own: Mapping[str, Mapping[str, Distribution]],
        wanted: Mapping[str, Distribution],
    ) -> None:
        self.source = source
        self.groups, self.own, self.wanted = groups, own, wanted
        self.keys: Sequence[str] = [key for key in source.keys if source_key(key) in groups]

    @property
    def label(self) -> str:
        """What errors call it."""
        return self.source.label

    @property
    def header(self) -> Header:
        """What made the features."""
        return self.source.header

    @property
    def streams(self) -> Mapping[str, NDArray[Any]]:
        """The shapes of the streams, (sum of frames, dims): their numbers are had by `row` alone, and are NaN here."""
        given = self.source.streams
        shapes = {name: np.broadcast_to(np.float32(np.nan), given[name].shape) for name in self.wanted}
        return shapes | {name: given[name] for name in given if name == OWN}

    def index(self, keys: Iterable[str]) -> NDArray[np.int64]:
        """Find the rows of these keys.

        Raises:
            DataError: a recording has no group to be aligned by.
            UserError: there is none of a key.
        """
        keys = list(keys)
        if strange := next((key for key in keys if source_key(key) not in self.groups), None):
            raise DataError(f"{self.label}: {strange!r} has no group to be aligned by")
        return self.source.index(keys)

    def row(self, i: int, stream: str = "values") -> NDArray[Any]:
        """One utterance's frames of a stream, (frames, dims)."""
        rows = self.source.row(i, stream)
        if stream == OWN:
            return rows
        group = self.groups[source_key(self.source.keys[i])]
        return moved(rows, self.own[group][stream], self.wanted[stream])
