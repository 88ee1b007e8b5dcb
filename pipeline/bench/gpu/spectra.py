"""Log-Mel spectrograms and MFCC on a device, beside the CPU's."""

from functools import partial
from pathlib import Path
from statistics import median

from pipeline.bench.features import CEPSTRA, FITTED, SPECTRA, run_all
from pipeline.bench.gpu.encoders import difference, utterances
from pipeline.bench.timing import Figure, Skipped, seconds
from pipeline.features import find_extractor

EXACT = 1e-4
"""largest relative difference: single precision on both"""


def measure(device: str, folder: Path, quick: bool) -> list[Figure]:
    """Each setting of `ser bench features`: how many times as fast as the CPU, and the largest relative difference."""
    cases = [("logmel", *item) for item in SPECTRA.items()] + [("mfcc", *item) for item in CEPSTRA.items()]
    waves, figures = utterances(4 if quick else 200), []
    for name, label, params in cases:
        cls = find_extractor(name)
        if not cls.uses_torch:
            raise Skipped(f"{name} is computed without torch")
        own = cls.Params(**{key: value for key, value in params.items() if key not in FITTED})
        theirs, ours = (partial(run_all, cls(own, at), waves) for at in ("cpu", device))
        apart = difference(ours(), theirs())
        cpu, gpu = (median(seconds(task) for _ in range(1 if quick else 3)) for task in (theirs, ours))
        note = f"{len(waves) / gpu:.0f} utterances/s, CPU {len(waves) / cpu:.0f}"
        figures += [
            Figure("spectra", f"{name} {label}: beside the CPU", cpu / gpu, "times", note=note),
            Figure("spectra", f"{name} {label}: relative difference", apart, "", below=EXACT, check=True),
        ]
    return figures
