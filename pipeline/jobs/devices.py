"""Torch devices: those asked for, those there are."""

import os

from pipeline.errors import ParamsError


def torch_devices(asked: str | None = None, cluster: str | None = None) -> list[str]:
    """The torch devices asked for, or of `SER_DEVICE` (with commas between), or cuda where there is one.

    With a cluster they are its workers' devices, which this machine need not have; cpu unless asked for.

    They are never part of a result's identity.

    Raises:
        ParamsError: one is not known to torch, or not there.
    """
    chosen = asked or os.environ.get("SER_DEVICE", "")
    if cluster:
        return device_names(chosen or "cpu")
    import torch

    names = device_names(chosen or ("cuda" if torch.cuda.is_available() else "cpu"))
    for name in names:
        try:
            torch.zeros(1, device=name).item()  # "meta" holds no values
        except (RuntimeError, AssertionError, ImportError) as error:
            reason = str(error).splitlines()[0]
            raise ParamsError(f"device {name!r} cannot be used ({reason}); see SER_DEVICE or --device") from error
    return names


def device_names(text: str) -> list[str]:
    """Names with commas between, one by one."""
    return [name.strip() for name in text.split(",")]
