"""`ser export --onnx`: an export's models as one graph besides, checked against those it was made from."""

import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pipeline.audio.samples import Wave
from pipeline.errors import UserError
from pipeline.experiments.model_folder import digest
from pipeline.jobs.executors import single_thread
from pipeline.serving.backbones import Backbones
from pipeline.serving.export_card import EXPORT, PAGE, ExportCard
from pipeline.serving.loaded import LoadedModel
from pipeline.serving.models import FusedModel, Model
from pipeline.serving.onnx.agreement import (
    TOLERANCE,
    Agreement,
    OnRecordings,
    Probabilities,
    agreement,
    clips,
    on_recordings,
)
from pipeline.serving.onnx.exportable import check_exportable, longest_clip
from pipeline.serving.onnx.graph import check_installed, described, in_int8, traced
from pipeline.serving.onnx.heard import NONE, Heard

NumberFormat = Literal["float32", "int8"]

GRAPH, EXAMPLE = "model.onnx", "predict_onnx.py"


@dataclass(frozen=True)
class Graph:
    """A graph and how it compares with what it was made from.

    Attributes:
        data: the file.
        rate: sampling rate of what it takes (Hz).
        number_format: of its matrix products.
        longest: of a clip (s).
        own: its agreement on clips that were made for it.
        float32: that of the graph in float32.
        float32_bytes: its size.
        recordings: what it gives of recordings of the project; None where none were here.
    """

    data: bytes
    rate: int
    number_format: NumberFormat
    longest: float
    own: Agreement
    float32: Agreement
    float32_bytes: int
    recordings: OnRecordings | None


def check_onnx(source: Model | FusedModel) -> None:
    """Refuse what cannot be a graph, before anything is computed.

    Raises:
        UserError: a package is missing, or the models cannot be one.
    """
    check_installed()
    check_exportable(source)


def add_onnx(
    folder: Path,
    source: Model | FusedModel,
    backbones: Backbones,
    card: ExportCard,
    number_format: NumberFormat,
    recordings: Heard,
) -> None:
    """Add the graph, an example that runs it and a part of the page to the folder of an export.

    Args:
        folder: of the export, with all else in it.
        source: its models.
        backbones: where their self-supervised model is.
        card: the export's.
        number_format: of the graph's matrix products.
        recordings: to check it on.

    Raises:
        UserError: the models cannot be a graph, or it does not give what they give.
    """
    known = {
        "labels": json.dumps(card.classes),
        "name": card.name,
        "export": digest((folder / EXPORT).read_bytes()),
        "licence": _licences(card),
        "number_format": number_format,
    }
    graph = made_graph(source, backbones, known, number_format, recordings)
    (folder / GRAPH).write_bytes(graph.data)
    shutil.copyfile(Path(__file__).with_name(EXAMPLE), folder / EXAMPLE)
    with (folder / PAGE).open("a", encoding="utf-8", newline="\n") as page:
        page.write(f"\n{section(graph)}\n")


def _licences(card: ExportCard) -> str:
    """Whose terms hold for a graph: the data's, and a self-supervised model's, which is in it."""
    data = "; ".join(sorted({corpus.licence for corpus in card.corpora}))
    models = "".join(f"; terms of {each.model}, which is in it" for each in card.pretrained)
    return f"terms of the training data: {data}{models}"


def made_graph(
    source: Model | FusedModel,
    backbones: Backbones,
    known: dict[str, str],
    number_format: NumberFormat,
    recordings: Heard = NONE,
) -> Graph:
    """The graph of trained models, checked.

    Args:
        source: the models.
        backbones: where their self-supervised model is.
        known: metadata for the file; `sampling_rate` and `longest_seconds` are added.
        number_format: of the graph's matrix products.
        recordings: to check it on, besides clips that are made for it.

    Raises:
        UserError: they cannot be a graph, or in float32 it does not give what they give, to `TOLERANCE`.
    """
    check_onnx(source)
    from pipeline.serving.onnx.assembly import assembled

    network, rate = assembled(source, backbones)
    longest = longest_clip(source)
    known = {**known, "sampling_rate": str(rate), "longest_seconds": f"{longest:g}"}
    with single_thread():
        plain = described(traced(network, rate), known)
    del network
    model = LoadedModel(source, backbones, "cpu")
    made, spoken = (_Compared.by(model, rate, samples) for samples in (clips(rate, longest), recordings.samples))
    found = agreement(plain, made.samples, made.wanted)
    _check_close(source, found)
    told = _on_recordings(plain, spoken, model, recordings)
    if told is not None:
        _check_close(source, told.agreement)
    if number_format == "float32":
        return Graph(plain, rate, "float32", longest, found, found, len(plain), told)
    small = described(in_int8(plain), known)
    own = agreement(small, made.samples, made.wanted)
    return Graph(small, rate, "int8", longest, own, found, len(plain), _on_recordings(small, spoken, model, recordings))


@dataclass(frozen=True)
class _Compared:
    """Clips (n,) and our own probabilities (N, classes) of them."""

    samples: Sequence[Wave]
    wanted: Probabilities

    @classmethod
    def by(cls, model: LoadedModel, rate: int, samples: Sequence[Wave]) -> "_Compared":
        rows = [model.predict_proba(clip, rate) for clip in samples]
        return cls(samples, np.reshape(rows, (len(rows), len(model.classes))))


def _on_recordings(graph: bytes, spoken: _Compared, model: LoadedModel, recordings: Heard) -> OnRecordings | None:
    """How a graph compares on recordings; None where there are none."""
    if not spoken.samples:
        return None
    labels = np.array([model.classes.index(emotion) for emotion in recordings.emotions], np.int64)
    return on_recordings(graph, spoken.samples, spoken.wanted, labels)


def _check_close(source: Model | FusedModel, found: Agreement) -> None:
    """Refuse a graph in float32 that does not give what the models give.

    Raises:
        UserError: it does not, to `TOLERANCE`.
    """
    if not found.difference <= TOLERANCE:
        raise UserError(
            f"--onnx: {source.card.name}: the graph's probabilities differ by {found.difference:.2g}, and "
            f"{TOLERANCE:g} is the most; export it without --onnx, and report this"
        )


def section(graph: Graph) -> str:
    """What the page says of a graph."""
    int8 = (
        f" Its matrix products are in int8: probabilities differ by up to {graph.own.difference:.2g}, and "
        f"{graph.own.same:.0%} of the clips have the same likeliest class; in float32 the file would have "
        f"{graph.float32_bytes / 1e6:.1f} MB."
        if graph.number_format == "int8"
        else ""
    )
    return f"""\
## ONNX

`{GRAPH}` ({len(graph.data) / 1e6:.1f} MB) is all of it as one graph, a self-supervised model included, whose \
licence holds for it too: `samples`, float32 (1, n) in [-1, 1] at {graph.rate} Hz, give `probabilities`, float32 \
(1, classes), in the order of `labels` in its metadata. A clip has {graph.longest:g} s at most. `{EXAMPLE}` shows how, \
and needs only onnxruntime and numpy; it takes WAV files of 16 bits at {graph.rate} Hz, which ffmpeg makes of others:

```sh
ffmpeg -i recording.mp3 -ar {graph.rate} -c:a pcm_s16le speech.wav
python {EXAMPLE} speech.wav
```

Checked against the models in here on {graph.own.clips} synthetic clips: the probabilities of the graph in float32 \
differ by less than {_bound(graph.float32.difference)}.{int8}

{_spoken(graph)}"""


def _spoken(graph: Graph) -> str:
    """What the page says of recordings of the project."""
    if graph.recordings is None:
        return "No recordings were at hand to check it on, and speech can differ by more than clips: measure your own."
    found, exact = graph.recordings.agreement, graph.number_format == "float32"
    by = f"less than {_bound(found.difference)}" if exact else f"up to {found.difference:.2g}"
    return (
        f"On {found.clips} recordings of the data, evenly taken, this file's probabilities differ by {by}, and "
        f"{found.same:.1%} have the same likeliest class; UA is {graph.recordings.ours:.1%} by the models and "
        f"{graph.recordings.theirs:.1%} by this file. Models in here were trained on these recordings, so this UA says "
        "how alike the two are, and not how good they are."
    )


def _bound(difference: float) -> str:
    """The power of ten above a difference, as its digits are those of one processor's rounding."""
    return f"1e{math.floor(math.log10(max(difference, 1e-9))) + 1}"
