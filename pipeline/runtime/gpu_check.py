"""Says why an NVIDIA GPU of this computer cannot be used, by computing something small on it."""

from __future__ import annotations

import logging
import shutil

import torch

logger = logging.getLogger(__name__)

_CPU_BUILD = (
    "This computer has an NVIDIA GPU, but the installed torch {version} is a build for the CPU, as "
    "pip installs it on Windows; install one for CUDA, as pytorch.org/get-started says."
)
_OLD_DRIVER = (
    "The NVIDIA driver is too old for the installed torch {version}, which is built for CUDA "
    "{cuda}; update the driver, or install a torch for an older CUDA from pytorch.org/get-started."
)
_OLD_CARD = (
    "The installed torch {version} has no code for this computer's {card}; install a torch for an "
    "older CUDA from pytorch.org/get-started, if there is one for this GPU."
)
_BROKEN = "This computer's {card} does not compute ({reason}); restart the computer, or its driver."
# What torch and CUDA say.
_OF_AN_OLD_DRIVER = ("driver on your system is too old", "driver version is insufficient")
_OF_AN_OLD_CARD = ("no kernel image is available",)


def find_gpu_problem() -> str:
    """Return a sentence that says why an NVIDIA GPU cannot be used, and what to do.

    Empty if it can be used, or if there is none.
    """
    if torch.version.hip:
        return ""
    if not torch.cuda.is_available():
        return _why_not_available()
    try:
        x = torch.ones(32, 32, device="cuda")
        (x @ x).sum().item()
    except RuntimeError as exc:
        return explain(str(exc), torch.cuda.get_device_name())
    return ""


def _why_not_available() -> str:
    if torch.version.cuda is None:
        has_gpu = shutil.which("nvidia-smi") is not None  # which comes with the driver
        return _CPU_BUILD.format(version=torch.__version__) if has_gpu else ""
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as exc:
        # Without a GPU, or with one hidden by its owner, there is nothing to say.
        is_old = any(words in str(exc) for words in _OF_AN_OLD_DRIVER)
        return explain(str(exc), "GPU") if is_old else ""
    return ""


def explain(error: str, card: str) -> str:
    """Return the sentence for an error of CUDA on a card with this name."""
    facts = {"version": torch.__version__, "cuda": torch.version.cuda, "card": card}
    logger.info("CUDA: %s", error)
    if any(words in error for words in _OF_AN_OLD_DRIVER):
        return _OLD_DRIVER.format(**facts)
    if any(words in error for words in _OF_AN_OLD_CARD):
        return _OLD_CARD.format(**facts)
    return _BROKEN.format(reason=error.partition("\n")[0], **facts)
