"""Hidden states on a GPU: those of the CPU, whatever they are batched with, the same every time."""

import numpy as np
import pytest
from ssl_checkpoints import CHECKPOINTS, build, build_whisper, save, save_whisper

from pipeline.features.ssl.extractor import SSL, SSLParams

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("name", [*CHECKPOINTS, "whisper"])
def test_states_are_those_of_the_cpu_and_come_again(name, tmp_path):
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    folder = save_whisper(build_whisper(), tmp_path) if name == "whisper" else save(build(name), tmp_path)
    rng = np.random.default_rng(0)
    waves = [rng.standard_normal(n).astype(np.float32) for n in (9000, 16000, 4000)]
    params = SSLParams(model=str(folder), layers=(0, 2), precision="float32", chunk_seconds=5)
    gpu, cpu = SSL(params, "cuda"), SSL(params)
    together = gpu.extract(waves)
    for wave, found, again in zip(waves, together, gpu.extract(waves), strict=True):
        (wanted,), (alone,) = cpu.extract([wave]), gpu.extract([wave])
        for stream in wanted:
            np.testing.assert_allclose(found[stream], wanted[stream], rtol=1e-4, atol=1e-4)
            np.testing.assert_allclose(alone[stream], wanted[stream], rtol=1e-4, atol=1e-4)
            np.testing.assert_array_equal(again[stream], found[stream])
