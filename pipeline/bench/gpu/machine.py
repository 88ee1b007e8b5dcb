"""What a run on a device was made with: the card, and the versions of what computes on it."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version

import torch


def device_facts(device: str) -> dict[str, str]:
    """Name -> what it is, in words."""
    facts = {"device": device, "python": platform.python_version(), "torch": torch.__version__}
    facts |= {name: _version(name) for name in ("transformers", "numpy")}
    if torch.device(device).type != "cuda":
        return facts
    card = torch.cuda.get_device_properties(device)
    return facts | {
        "card": f"{card.name}, {card.total_memory / 1e9:.0f} GB, compute capability {card.major}.{card.minor}",
        "driver": _driver(),
        "CUDA": str(torch.version.cuda),
        "cuDNN": str(torch.backends.cudnn.version()),
        "TensorFloat-32": f"products {torch.get_float32_matmul_precision()!r}; never in ours",
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _driver() -> str:
    """As nvidia-smi says it; "unknown" where it cannot be asked."""
    asked = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        answer = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return answer.stdout.partition("\n")[0].strip()
