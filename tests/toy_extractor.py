"""An extractor that worker processes can import, and `ser` with it: `python -m toy_extractor extract toy ...`."""

import os
import time

import numpy as np

from pipeline.features.base import Extractor, FeatureParams


class ToyParams(FeatureParams):
    pause: float = 0.0
    """how long a batch takes (s)"""
    tell: str = "samples"
    """what the values say: samples, process, threads, or blas (threads, without torch's)"""
    on_device: bool = False
    says_frames: bool = True
    """whether the frames are known before they are computed"""


class Toy(Extractor[ToyParams]):
    """A frame per 100 samples; its values depend on the whole batch, as the last bits of hidden states do."""

    name = "toy"
    version = "1"
    Params = ToyParams
    batch_seconds = 0.1
    sort_by_length = True

    def __init__(self, params, device="cpu"):
        super().__init__(params, device)
        self.uses_device = params.on_device
        self.uses_torch = params.tell == "threads"

    @property
    def frame_rate(self):
        return 160.0

    def frames(self, samples):
        return samples // 100 if self.params.says_frames else None

    @property
    def dims(self):
        return {"values": 100, "batch": 1}

    def extract(self, waves):
        time.sleep(self.params.pause)
        ways = {"samples": lambda: len(waves), "process": os.getpid, "threads": threads, "blas": blas_threads}
        told = ways[self.params.tell]()
        rows = [wave[: len(wave) // 100 * 100].reshape(-1, 100) for wave in waves]
        return [{"values": values, "batch": np.full((len(values), 1), told, np.float32)} for values in rows]


def threads():
    """Most threads of any numeric library of this process."""
    import torch

    return max(torch.get_num_threads(), blas_threads())


def blas_threads():
    """Most threads of numpy's and scipy's linear algebra."""
    import scipy.linalg  # noqa: F401 - has one of its own
    from threadpoolctl import threadpool_info

    return max(library["num_threads"] for library in threadpool_info())


if __name__ == "__main__":
    import toy_extractor

    from pipeline import cli, features

    find = features.find_extractor
    features.find_extractor = lambda name: toy_extractor.Toy if name == "toy" else find(name)
    cli.main()
