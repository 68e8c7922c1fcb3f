"""The cache of loaded pipelines, and the only caller of `from_pretrained`.

One model is resident at a time, shared by all tasks; another one is loaded after it was let go.
"""

from __future__ import annotations

import gc
import logging
import threading
from dataclasses import dataclass
from pathlib import Path

import diffusers
import psutil
import torch
from diffusers import (
    AutoencoderKLLTXVideo,
    LTXConditionPipeline,
    LTXVideoTransformer3DModel,
)
from safetensors import SafetensorError

from pipeline.errors import ModelError

# Imported for its side effect too: diffusers loads classes of its own accord only from modules
# that are imported already.
from pipeline.mini import AutoencoderKinora
from pipeline.models import MODELS, get_model
from pipeline.placement import GIGABYTE, Machine, Placement, is_zero_gpu, place
from pipeline.spec import ModelSpec

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedModel:
    """A pipeline in memory, the row it came from and where it lives."""

    spec: ModelSpec
    pipe: LTXConditionPipeline
    placement: Placement
    fingerprint: str  # of the weights: what they make is the same where it is the same

    @property
    def device(self) -> torch.device:
        """The device that computes (weights may rest elsewhere when they are offloaded)."""
        return torch.device(self.placement.device)


class Loader:
    """Loads models on demand and keeps the last one; safe to call from several threads."""

    def __init__(
        self, machine: Machine | None = None, models: dict[str, ModelSpec] = MODELS
    ) -> None:
        """Remember which machine and which models; nothing is loaded or looked at yet."""
        self._machine = machine
        self._models = models
        self._lock = threading.Lock()
        self._loaded: LoadedModel | None = None

    def spec(self, model_id: str) -> ModelSpec:
        """Return a model's row. Raises InvalidRequestError if there is none."""
        return self._models[model_id] if model_id in self._models else get_model(model_id)

    def load(self, model_id: str) -> LoadedModel:
        """Return a model, from memory if it is there. Raises ModelError if it cannot be loaded."""
        spec = self.spec(model_id)
        with self._lock:
            if self._loaded is None or self._loaded.spec != spec:
                self._release()
                self._machine = self._machine or detect_machine()
                self._loaded = _load(spec, place(spec, self._machine))
            return self._loaded

    def release(self) -> None:
        """Let the resident model go."""
        with self._lock:
            self._release()

    def _release(self) -> None:
        if self._loaded is None:
            return
        self._loaded = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def detect_machine() -> Machine:
    """Look at the machine: CUDA and MPS when present, else the CPU."""
    if is_zero_gpu():
        # The GPU is only there inside a decorated call; 48 GB is half of ZeroGPU's card.
        return Machine("cuda", 48 * GIGABYTE, has_fast_bf16=True, is_zero_gpu=True)
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        return Machine("cuda", properties.total_memory, torch.cuda.is_bf16_supported())
    memory = psutil.virtual_memory().total
    if torch.backends.mps.is_available():
        return Machine("mps", memory, has_fast_bf16=True)
    capabilities = torch.cpu.get_capabilities()
    has_bf16 = any(capabilities.get(name) for name in ("avx512_bf16", "amx_bf16"))
    return Machine("cpu", memory, has_fast_bf16=bool(has_bf16))


def _load(spec: ModelSpec, placement: Placement) -> LoadedModel:
    """Read the weights and put them where the placement says."""
    logger.info("Loading %s as %s", spec.id, placement)
    dtype = getattr(torch, placement.dtype)
    try:
        parts = _checkpoint_parts(spec, dtype)
        pipe = getattr(diffusers, spec.pipeline).from_pretrained(
            str(spec.repository), revision=spec.revision, dtype=dtype, use_safetensors=True, **parts
        )
        _refuse_missing_weights(pipe)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as exc:
        raise ModelError(_cannot_load(spec)) from exc
    pipe.set_progress_bar_config(disable=True)
    if placement.tile_decoding:
        pipe.vae.enable_tiling()
        pipe.vae.use_framewise_decoding = True
    if placement.offload == "model":
        pipe.enable_model_cpu_offload(device=placement.device)
    elif placement.offload == "group":
        pipe.enable_group_offload(
            onload_device=torch.device(placement.device), offload_type="leaf_level", use_stream=True
        )
    else:
        pipe.to(placement.device)
    return LoadedModel(spec, pipe, placement, _fingerprint(spec))


def _fingerprint(spec: ModelSpec) -> str:
    """Name a model's weights: by revision, or by the sizes and times of the files of a folder."""
    if not isinstance(spec.repository, Path):
        return f"{spec.repository} {spec.revision} {spec.checkpoint}"
    files = sorted(spec.repository.rglob("*.safetensors"))
    facts = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return f"{spec.id} {facts}"


def _checkpoint_parts(spec: ModelSpec, dtype: torch.dtype) -> dict[str, object]:
    """Load the parts that come as a single file instead of the repository's."""
    if spec.checkpoint is None:
        return {}
    return {
        "transformer": LTXVideoTransformer3DModel.from_single_file(spec.checkpoint, dtype=dtype),
        "vae": AutoencoderKLLTXVideo.from_single_file(spec.checkpoint, dtype=dtype),
    }


def _refuse_missing_weights(pipe: LTXConditionPipeline) -> None:
    """Raise ValueError if a part has weights that its file lacks: diffusers only warns."""
    for name, part in pipe.components.items():
        if isinstance(part, torch.nn.Module) and any(x.is_meta for x in part.parameters()):
            raise ValueError(f"weights of the {name} are missing")


def _cannot_load(spec: ModelSpec) -> str:
    if isinstance(spec.repository, Path):
        return (
            f"The weights of {spec.label} are missing or damaged; get the repository again, with "
            "its assets folder."
        )
    return (
        f"{spec.label} could not be loaded from the Hub; check the network and the disk space, "
        "or choose the embedded model."
    )


def is_uniform(vae: object) -> bool:
    """Say whether a latent frame from the middle of a clip is like any other.

    The embedded autoencoder projects eight frames anywhere in the same way; a causal one encodes a
    latent frame from all that came before it.
    """
    return isinstance(vae, AutoencoderKinora)
