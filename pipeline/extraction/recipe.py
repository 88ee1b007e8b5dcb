"""From an extractor's class to its features: the devices, the extractor, the audio of recordings, and the files."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.audio.audio_file import audio_file, prepare
from pipeline.audio.segments import Source
from pipeline.extraction.extraction import Summary, extract, take_stock
from pipeline.features.base import Extractor, FeatureParams
from pipeline.jobs.devices import torch_devices
from pipeline.jobs.workplace import USUAL, Workplace
from pipeline.storage.feature_file import FeatureFile
from pipeline.storage.sole_writer import sole_writer


def equipped(workplace: Workplace, extractor: type[Extractor[Any]]) -> Workplace:
    """The workplace with the devices that an extractor is to use there.

    A model's are those asked for, or the usual; another extractor that uses torch has those asked for, else the CPU.

    Raises:
        ParamsError: a device is not known to torch, or not there.
    """
    if not (extractor.uses_device or (extractor.uses_torch and workplace.devices)):
        return replace(workplace, devices=("cpu",))
    devices = torch_devices(",".join(workplace.devices), workplace.scheduler)
    return replace(workplace, devices=tuple(devices))


def make_extractor(extractor: type[Extractor[Any]], params: FeatureParams, workplace: Workplace) -> Extractor[Any]:
    """An extractor on the first of its devices; on the CPU where a cluster's workers make their own.

    Raises:
        ParamsError: a device is not known to torch, or not there.
        UserError: it needs a package that is not installed.
    """
    made = extractor(params, _own_device(equipped(workplace, extractor)))
    made.check_installed()
    return made


def _own_device(workplace: Workplace) -> str:
    """The device that this process computes on; a cluster's workers have theirs."""
    return "cpu" if workplace.scheduler else workplace.devices[0]


def extract_feature(
    extractor: type[Extractor[Any]],
    params: FeatureParams,
    audio: Path,
    out: Path,
    corpus: str,
    workplace: Workplace = USUAL,
    compression: str | None = None,
) -> Summary:
    """Write the feature file `out` of a corpus; wait while another process writes it.

    Args:
        extractor: its class.
        params: its params.
        audio: the audio folder of the corpus.
        out: the feature file; rows that it already has are copied.
        corpus: name kept in the file.
        workplace: where to compute.
        compression: None, or an HDF5 filter (gzip, lzf) for the streams.

    Raises:
        ParamsError: a device is not known to torch, or not there.
        UserError: there is no audio, a value is not finite, or a wave cannot be used.
    """
    file, memory = audio_file(audio, params.sample_rate), memory_beside(out)
    feature = extractor(params)
    feature.check_installed()
    with sole_writer(out):
        stock = take_stock(feature, file, out, workplace.workers) if feature.recall(memory) else None
        if stock is not None and not stock.missing:  # no device is needed, nor a model loaded
            place = replace(workplace, devices=("cpu",))
        else:
            place = equipped(workplace, extractor)
            feature.device = _own_device(place)
        summary = extract(feature, file, out, corpus, place, compression, stock)
        feature.keep(memory)
        return summary


def memory_beside(out: Path) -> Path:
    """Where what is known of a model is kept, beside the features that it made."""
    return out.with_name(out.name + ".model")


def extract_recordings(
    extractors: Mapping[Path, Extractor[Any]],
    recordings: Mapping[str, Source],
    corpus: str,
    workplace: Workplace = USUAL,
    compression: str | None = None,
) -> list[Summary]:
    """Write feature files of recordings outside a corpus, which are decoded once, whatever the rates.

    Waits while another process writes one of them.

    Args:
        extractors: feature file to make -> its extractor.
        recordings: key -> file, or segment of one.
        corpus: name kept in the files.
        workplace: where to compute.
        compression: None, or an HDF5 filter (gzip, lzf) for the streams.

    Raises:
        ParamsError: a device is not known to torch, or not there.
        UserError: a recording cannot be decoded, a value is not finite, or a wave cannot be used.
    """
    with ExitStack() as stack:
        for out in sorted(extractors):  # in one order, so that no two wait for each other
            stack.enter_context(sole_writer(out))
        audio = stack.enter_context(_temporary_audio(extractors, recordings, corpus, workplace.workers))
        return [
            extract(each, audio[each.params.sample_rate], out, corpus, equipped(workplace, type(each)), compression)
            for out, each in extractors.items()
        ]


def audio_beside(out: Path) -> Path:
    """Where the audio of recordings lies while their features are made."""
    return out.with_name(out.name + ".audio")


@contextmanager
def _temporary_audio(
    extractors: Mapping[Path, Extractor[Any]], recordings: Mapping[str, Source], corpus: str, workers: int | None
) -> Iterator[dict[int, FeatureFile]]:
    """Rate (Hz) -> audio, beside the first output that needs it until the end of the block."""
    files: dict[int, Path] = {}
    for out, extractor in extractors.items():
        files.setdefault(extractor.params.sample_rate, audio_beside(out))
    try:
        prepare(recordings, {path: rate for rate, path in files.items()}, corpus, workers)
        yield {rate: FeatureFile(path) for rate, path in files.items()}
    finally:
        for path in files.values():
            path.unlink(missing_ok=True)
