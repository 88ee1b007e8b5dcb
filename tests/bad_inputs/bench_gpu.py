"""Devices that `ser bench gpu` cannot measure."""

from bad_inputs.registry import bad_input


@bad_input("device: a GPU that is not there", says="no GPU: torch says: ")
def no_such_gpu(folder):
    return ["bench", "gpu", "--device", "cuda:99"]


@bad_input("device: a name that torch does not know", says="no GPU: torch says: ")
def no_device(folder):
    return ["bench", "gpu", "--device", "gpu7"]
