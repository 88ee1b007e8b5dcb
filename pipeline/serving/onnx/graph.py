"""A network as an ONNX graph, the same bytes every time; and its int8, of products of matrices alone."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError

INPUT, OUTPUT = "samples", "probabilities"
OPSET = 17
"""the first with STFT; old enough for every ONNX Runtime since 1.12"""
LARGEST = 2**31 - 2**20
"""bytes of a graph, which protobuf can hold"""


def check_installed() -> None:
    """Refuse to go on without the packages of the extra `export`.

    Raises:
        UserError: one is not installed.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise UserError(f"--onnx needs the package {error.name}: pip install 'ser-pipeline[export]'") from error


def traced(network: Any, rate: int) -> bytes:
    """The graph of a network, which takes any number of samples.

    `torch.onnx.export` traces it (`dynamo=False`): its other way, by `torch.export`, takes twenty times as long for
    the same graph.

    Args:
        network: samples (1, n) -> probabilities (1, classes); see `assembly.Emotions`.
        rate: of the samples (Hz).

    Raises:
        UserError: it is too large for a graph.
    """
    import torch

    size = sum(value.numel() * value.element_size() for value in network.state_dict().values())
    if size > LARGEST:
        raise UserError(f"--onnx: the models have {size / 1e9:.1f} GB, and a graph can have 2; try --models refitted")
    samples = torch.from_numpy(np.random.default_rng(0).normal(0, 0.1, (1, rate)).astype(np.float32))
    file: Any = BytesIO()  # which this way of exporting takes, though it is not in the signature
    with _tracing(), torch.inference_mode():
        torch.onnx.export(
            network,
            (samples,),
            file,
            dynamo=False,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {1: "n"}},
        )
    return file.getvalue()


@contextmanager
def _tracing() -> Iterator[None]:
    """No remarks on what a trace fixes, and attention written out, which has no operator otherwise."""
    import torch

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


def described(graph: bytes, known: Mapping[str, str]) -> bytes:
    """The graph with metadata, name -> text."""
    import onnx

    model = onnx.load_from_string(graph)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, dict(known))
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString(deterministic=True))


def in_int8(graph: bytes) -> bytes:
    """The graph with the weights of its matrix products in int8, a scale for each column, and activations rounded so.

    Convolutions, features and classifiers of vectors, which are in double precision, stay as they are.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    chosen = _float32_products(onnx.load_from_string(graph))
    with TemporaryDirectory(prefix="ser-onnx-") as folder, _no_remarks():
        here, there = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        here.write_bytes(graph)
        quantize_dynamic(
            here,
            there,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=chosen,
        )
        return there.read_bytes()


def _float32_products(model: Any) -> list[str]:
    """The names of the matrix products with weights in single precision, but for those of features."""
    import onnx

    weights = {each.name for each in model.graph.initializer if each.data_type == onnx.TensorProto.FLOAT}
    products = [node for node in model.graph.node if node.op_type == "MatMul" and node.input[1] in weights]
    return [node.name for node in products if "/slopes." not in node.name]


@contextmanager
def _no_remarks() -> Iterator[None]:
    """Nothing of the quantiser's log, which advises to prepare the graph for formats that are not used here."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


class Session:
    """A graph in ONNX Runtime, on one thread of the CPU, as sums are rounded otherwise with another number."""

    def __init__(self, graph: bytes) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level, options.intra_op_num_threads = 3, 1
        self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def probabilities(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Of samples (n,) in [-1, 1], (classes,)."""
        (rows,) = self._session.run([OUTPUT], {INPUT: samples[None]})
        return np.asarray(rows)[0]
