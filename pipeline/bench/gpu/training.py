"""A training epoch of each of the five systems on a CPU and on a device, on features of the papers' shapes."""

from pathlib import Path

from pipeline.bench.gpu.encoders import forget_peak, memory_used, model_folder
from pipeline.bench.timing import Figure
from pipeline.bench.trainings import COUNT, QUICK_COUNT, SYSTEMS, emotions, features, train

NEAR = 0.02
"""largest relative difference of the first epoch's loss, without dropout: rounding grows while weights move"""


def measure(device: str, folder: Path, quick: bool) -> list[Figure]:
    """Of each: an epoch on both, and how far the loss of the first is from the CPU's."""
    return [figure for label in SYSTEMS for figure in _of(label, device, folder, quick)]


def _of(label: str, device: str, folder: Path, quick: bool) -> list[Figure]:
    count = QUICK_COUNT if quick else COUNT
    view = features(label, model_folder("wav2vec2-base", folder, quick), count, quick)
    cpu, cpu_loss, _ = train(label, view, emotions(count), "cpu", quick)
    forget_peak(device)
    gpu, gpu_loss, system = train(label, view, emotions(count), device, quick)
    apart, size = abs(gpu_loss - cpu_loss) / abs(cpu_loss), system.parameter_count()
    note = f"{gpu:.3g} s for {count} utterances, CPU {cpu:.3g} s; {size / 1e6:.3g} M parameters{memory_used(device)}"
    return [
        Figure("training", f"{label}: epoch, beside the CPU", cpu / gpu, "times", note=note),
        Figure("training", f"{label}: first loss, from the CPU's", apart, "", below=NEAR, check=True),
    ]
