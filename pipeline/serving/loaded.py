"""A trained model in Python: what is loaded stays loaded, and any number of threads may ask."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.audio.voice_activity import LEAST_VOICED
from pipeline.extraction.computation import streams_of
from pipeline.features.base import Extractor
from pipeline.jobs.devices import device_names, torch_devices
from pipeline.jobs.executors import single_thread
from pipeline.jobs.workplace import Workplace
from pipeline.serving.backbones import Backbones
from pipeline.serving.embedding import Embeddings, Of, Parts, embedded
from pipeline.serving.lengths import checked_lengths
from pipeline.serving.models import TOP, FusedModel, Model, Probabilities
from pipeline.serving.own_statistics import check_alone, groups_of
from pipeline.serving.prediction import feature_identity
from pipeline.serving.samples import Sound, opened_sound
from pipeline.serving.trained_model import Outputs, TrainedModel, check_backbone_place
from pipeline.serving.value_model import AnyModel
from pipeline.serving.windows import LONGEST_CLIP, Clip, Windows, whole
from pipeline.storage.source import Arrays
from pipeline.systems.view import View

Recording = str | Path | NDArray[Any]
"""a file, or samples: floats in [-1, 1], int16 or int32, mono (n,), (channels, n) or (n, channels)"""
S = TypeVar("S", bound=AnyModel, covariant=True)


@dataclass(frozen=True, eq=False)
class Segment:
    """What a window of a recording sounds like.

    Attributes:
        start: where it begins (s).
        end: where it ends (s).
        emotion: the likeliest class; "" where nobody speaks.
        probabilities: of all classes, (classes,); NaN where nobody speaks, as they are not computed.
        voiced: share of the window that has voice, 0 to 1; nobody speaks below `LEAST_VOICED`.
    """

    start: float
    end: float
    emotion: str
    probabilities: NDArray[np.float64]
    voiced: float = 1.0

    @property
    def is_silent(self) -> bool:
        """Whether nobody speaks, so that nothing was computed."""
        return self.voiced < LEAST_VOICED


@dataclass(frozen=True, eq=False)
class Explanation:
    """What each part of a model says of a recording.

    Attributes:
        seconds: the recording's length.
        probabilities: the whole model's, (classes,), as `LoadedModel.predict_proba` gives.
        parts: name of an experiment or of a fusion -> each fold's (folds, classes); the whole is `TOP`.
    """

    seconds: float
    probabilities: NDArray[np.float64]
    parts: Mapping[str, Probabilities]


@dataclass(frozen=True)
class _Part:
    """An experiment's models, with their extractors and, once they were asked, their trained systems."""

    model: TrainedModel[Any]
    extractors: Mapping[str, Extractor[Any]]
    systems: list[Any] = field(default_factory=list)

    def outputs(self, X: View) -> Outputs:
        """Each fold's, (folds, N, columns)."""
        numbered = enumerate(self.systems)
        return np.stack([self.model.outputs_by(number, system, X) for number, system in numbered])


class Loaded(ABC, Generic[S]):
    """A trained experiment or fusion that stays loaded.

    Features and networks are computed by one thread at a time, so that answers do not depend on how many ask.

    Attributes:
        name: the experiment's or the fusion's.
        source: what it is made of, where it lies.
    """

    def __init__(self, source: S, backbones: Backbones, device: str | None = None) -> None:
        models = source.leaves()
        check_backbone_place(models, backbones)
        torch = any(model.uses_torch for model in models)
        workplace = Workplace(1, "", tuple(device_names(device)) if device else ())
        self.source, self._backbones, self._lock = source, backbones, RLock()
        self._device = (torch_devices(device) if torch or device else ["cpu"])[0]
        self._parts = [_Part(model, model.extractors(workplace, backbones)) for model in models]
        every = [extractor for part in self._parts for extractor in part.extractors.values()]
        self._extractors = {feature_identity(extractor): extractor for extractor in every}
        self._rates = sorted({extractor.params.sample_rate for extractor in every})
        self.name = source.card.name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.source.columns})"

    @abstractmethod
    def predict(self, recording: Recording, sampling_rate: int | None = None) -> Any:
        """What a recording sounds like; args as of `embed`, and errors but that of a layer."""

    def embed(
        self, recording: Recording, sampling_rate: int | None = None, *, of: Of = "network"
    ) -> NDArray[np.float32]:
        """A vector (dims,) that stands for a recording; see `pipeline.serving.embedding`.

        Args:
            recording: a file, or samples: floats in [-1, 1], int16 or int32, mono (n,), (channels, n) or (n, channels).
            sampling_rate: of samples (Hz), 4 to 768 kHz; a file says its own.
            of: `network`, what the last layers of networks hear, and features where there are none; or `states`, the
                mean of all features over time, hidden states among them.

        Raises:
            UserError: the recording cannot be read, or is longer than ten minutes; or a file of the model is damaged,
                it has no layer before its last, or standardises by statistics of several recordings.
            DataError: the samples, or their rate, are none.
        """
        return Embeddings.joined([self._embedded(recording, sampling_rate, of)]).vectors[0]

    def _embedded(self, recording: Recording, sampling_rate: int | None, of: Of) -> Parts:
        """A recording's vector by part, (1, dims) each."""
        if of == "network":
            check_alone(model for model in self.source.leaves() if model.has_networks)
        clip = self._whole(recording, sampling_rate)
        with self._lock:
            asked = [(part.model.card.name, embedded(X, part.systems, of)) for part, X in self._asked([clip])]
        return {f"{experiment}/{name}": own for experiment, parts in asked for name, own in parts.items()}

    def embed_all(self, recordings: Mapping[str, Path], of: Of = "network") -> Embeddings:
        """Vectors of recordings (key -> file); see `embed`.

        Raises:
            RecordingsError: some cannot be decoded, or are longer than ten minutes; nothing is computed then.
        """
        checked_lengths(recordings, LONGEST_CLIP)
        return Embeddings.joined([self._embedded(path, None, of) for path in recordings.values()])

    def cut(self, sound: Sound, windows: Windows) -> Iterator[Clip]:
        """Yield the windows of samples that come once, in order, at the rates that the model's features need."""
        return windows.cut(sound, self._rates)

    def numbers_of(self, clips: Iterable[Clip]) -> Iterator[tuple[Clip, NDArray[np.float64]]]:
        """Yield each of some clips with the model's numbers (columns,), which are NaN where nobody speaks.

        One is predicted after another: networks round otherwise when they compute several at once, and an answer would
        depend on its neighbours, on their silence, and on how fast a stream comes.

        Raises:
            UserError: as `outputs`.
        """
        check_alone(self.source.leaves())
        nothing = np.full(len(self.source.columns), np.nan)
        for clip in clips:
            yield clip, nothing.copy() if clip.voiced < LEAST_VOICED else self.outputs([clip])[0]

    def outputs(self, clips: Sequence[Clip]) -> Outputs:
        """What the model gives for clips, (N, columns), the mean over the models of each.

        Raises:
            UserError: a model standardises by statistics of several recordings.
        """
        return np.asarray(self.source.combined(self._leaves(clips)).mean(axis=0))

    def of_whole(self, recording: Recording, sampling_rate: int | None) -> NDArray[np.float64]:
        """What the model gives for a recording, (columns,); see `predict`."""
        return np.asarray(self.outputs([self._whole(recording, sampling_rate)])[0])

    def of_windows(
        self, recording: Recording, sampling_rate: int | None, windows: Windows
    ) -> Iterator[tuple[Clip, NDArray[np.float64]]]:
        """Yield the windows of a recording of any length, with the model's numbers: see `numbers_of`."""
        with opened_sound(recording, sampling_rate) as sound:
            yield from self.numbers_of(self.cut(sound, windows))

    def _leaves(self, clips: Sequence[Clip]) -> dict[Path, Outputs]:
        """Each experiment's, folder -> (folds, N, columns)."""
        check_alone(self.source.leaves())
        with self._lock:
            return {part.model.folder: part.outputs(X) for part, X in self._asked(clips)}

    def _whole(self, recording: Recording, rate: int | None) -> Clip:
        with opened_sound(recording, rate) as sound:
            return whole(sound, self._rates)

    def _asked(self, clips: Sequence[Clip]) -> Iterator[tuple[_Part, View]]:
        """Each experiment, whose systems are loaded when it is first asked, and the features of clips."""
        keys = [str(number) for number in range(len(clips))]
        arrays = {name: self._features(each, keys, clips) for name, each in self._extractors.items()}
        groups = groups_of(keys, {})
        for part in self._parts:
            sources = {role: [arrays[feature_identity(extractor)]] for role, extractor in part.extractors.items()}
            X = View(keys, sources, groups)
            with single_thread():
                if not part.systems:
                    folds = range(part.model.count)
                    part.systems[:] = [part.model.trained(n, X[:1], self._device, self._backbones) for n in folds]
                yield part, X

    def _features(self, extractor: Extractor[Any], keys: Sequence[str], clips: Sequence[Clip]) -> Arrays:
        rate = extractor.params.sample_rate
        rows = streams_of(extractor, {key: clip.samples[rate] for key, clip in zip(keys, clips, strict=True)})
        return Arrays(
            {name: [streams[name] for streams in rows] for name in rows[0]},
            keys,
            extractor.name,
            extractor.params.model_dump(mode="json"),
            extractor.frame_rate,
            extractor.name,
        )


class LoadedModel(Loaded[Model | FusedModel]):
    """A trained experiment or fusion that tells emotions; `load_model` makes one.

    Attributes:
        classes: the emotions, in the order of probabilities.
    """

    def __init__(self, source: Model | FusedModel, backbones: Backbones, device: str | None = None) -> None:
        super().__init__(source, backbones, device)
        self.classes = source.columns

    def predict(self, recording: Recording, sampling_rate: int | None = None) -> str:
        """The likeliest emotion of a recording; see `predict_proba`."""
        return self.classes[int(self.predict_proba(recording, sampling_rate).argmax())]

    def predict_proba(self, recording: Recording, sampling_rate: int | None = None) -> NDArray[np.float64]:
        """Probabilities of all classes, (classes,): the mean over the models, as `ser predict` gives.

        Args:
            recording: a file, or samples: floats in [-1, 1], int16 or int32, mono (n,), (channels, n) or (n, channels).
            sampling_rate: of samples (Hz), 4 to 768 kHz; a file says its own.

        Raises:
            UserError: the recording cannot be read, or is longer than ten minutes; or a file of the model is damaged,
                or it standardises by statistics of several recordings.
            DataError: the samples, or their rate, are none.
        """
        return self.of_whole(recording, sampling_rate)

    def explain(self, recording: Recording, sampling_rate: int | None = None) -> Explanation:
        """What each experiment and fusion in the model says of a recording; args and errors as of `predict_proba`."""
        clip = self._whole(recording, sampling_rate)
        parts = self.source.parts(self._leaves([clip]))
        probabilities = np.asarray(parts[TOP].mean(axis=0))[0]
        return Explanation(clip.end - clip.start, probabilities, {name: each[:, 0] for name, each in parts.items()})

    def predict_segments(
        self,
        recording: Recording,
        sampling_rate: int | None = None,
        *,
        window: float = 3.0,
        hop: float = 1.0,
        voice_activity: str = "energy",
    ) -> Iterator[Segment]:
        """Emotions over time, in a recording of any length: one window after another, in bounded memory.

        Windows begin every `hop` s; what is left over in the end is heard in a last window that ends with the
        recording. A recording that is shorter than a window is one segment. Windows in which nobody speaks have no
        emotion.

        Args:
            recording: as of `predict_proba`.
            sampling_rate: likewise.
            window: length of a window (s).
            hop: from the beginning of one to that of the next (s).
            voice_activity: what tells whether anybody speaks: `energy`, `webrtc` (extra `vad`), or `none`, which takes
                all for speech.

        Raises:
            ParamsError: the window or the hop is too short or too long, or voice activity is none of these.
            UserError: as `predict_proba`; or the package of `webrtc` is not installed.
        """
        of_windows = self.of_windows(recording, sampling_rate, Windows(window, hop, voice_activity))
        return (self._segment(clip, row) for clip, row in of_windows)

    def segments_of(self, sound: Sound, windows: Windows) -> Iterator[Segment]:
        """Emotions over time in samples that come once, in order: see `predict_segments`."""
        return self.heard(self.cut(sound, windows))

    def heard(self, clips: Iterable[Clip]) -> Iterator[Segment]:
        """Yield what each of some clips sounds like; see `numbers_of`."""
        return (self._segment(clip, row) for clip, row in self.numbers_of(clips))

    def _segment(self, clip: Clip, row: NDArray[np.float64]) -> Segment:
        emotion = "" if clip.voiced < LEAST_VOICED else self.classes[int(row.argmax())]
        return Segment(clip.start, clip.end, emotion, row, clip.voiced)
