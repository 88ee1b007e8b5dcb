"""LSTM layers are torch's; in half precision, on a CPU, they compute as without it."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402
from torch.nn.utils.rnn import pack_sequence  # noqa: E402

from pipeline.systems.layers.bilstm import BiLSTM  # noqa: E402
from pipeline.systems.layers.lstm_layers import LSTMLayers  # noqa: E402


def made(cls):
    torch.manual_seed(0)
    return cls(5, 4, batch_first=True, bidirectional=True)


def test_the_layers_are_those_of_torch():
    x = torch.randn(2, 7, 5)
    mine, theirs = made(LSTMLayers), made(nn.LSTM)
    assert [*mine.state_dict()] == [*theirs.state_dict()]
    torch.testing.assert_close(mine(x)[0], theirs(x)[0], rtol=0, atol=0)


@pytest.mark.parametrize("values", [torch.randn(2, 7, 5), pack_sequence([torch.randn(7, 5), torch.randn(3, 5)])])
def test_on_a_cpu_half_precision_changes_nothing(values):
    layers = made(LSTMLayers)
    wanted, _ = layers(values)
    with torch.autocast("cpu", torch.bfloat16):
        found, _ = layers(values)
    if not isinstance(found, torch.Tensor):
        found, wanted = found.data, wanted.data
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def test_what_a_layer_before_them_gives_in_half_precision_is_taken():
    encoder = BiLSTM(5, 4, layers=2)
    with torch.autocast("cpu", torch.bfloat16):
        states = encoder(torch.randn(2, 7, 5).bfloat16(), torch.ones(2, 7, dtype=torch.bool))
    states.sum().backward()
    assert states.dtype == torch.float32
    assert all(weight.grad.dtype == torch.float32 for weight in encoder.parameters())
