"""Loads a model's weights and puts them where its placement says.

`part_loading.py` reads single parts, `download.py` owns the files on disk.
"""

from __future__ import annotations

import logging
import pickle
import pkgutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import diffusers
import torch
from diffusers import DiffusionPipeline
from diffusers.models import ModelMixin
from safetensors import SafetensorError
from safetensors.torch import load_file

from pipeline.errors import ModelError
from pipeline.models.compute_cost import DENOISERS
from pipeline.models.download import (
    LocalFiles,
    download_model,
    download_upsampler,
    not_here,
)
from pipeline.models.hub import OnBytes
from pipeline.models.spec import ModelSpec
from pipeline.runtime.acceleration import PLAIN, Acceleration
from pipeline.runtime.acceleration_hooks import LoadBlocks, use_compiled_blocks
from pipeline.runtime.layer_offload import offload_by_layer
from pipeline.runtime.lora_adapters import put_on
from pipeline.runtime.lora_files import Adapter
from pipeline.runtime.offload import DroppedEncoders, alternate_offload
from pipeline.runtime.part_loading import (
    cast_to_fp8,
    dtypes_of,
    read_part,
    read_parts_of_their_own,
    read_tokenizers,
    widen,
)
from pipeline.runtime.placement import ENCODERS, NARROW, STREAMED, Placement, source_of
from pipeline.runtime.prompt_cache import Embeds, PromptCache
from pipeline.runtime.widening import compute_in_float32

logger = logging.getLogger(__name__)

_BROKEN = (OSError, ValueError, KeyError, RuntimeError, SafetensorError, pickle.UnpicklingError)


@dataclass(frozen=True)
class LoadedModel:
    """A pipeline in memory, with its row and its placement."""

    spec: ModelSpec
    pipe: DiffusionPipeline
    placement: Placement
    weights: str  # identifies the weights and how they are stored
    prompt_cache: PromptCache = field(default_factory=PromptCache)
    acceleration: Acceleration = PLAIN
    adapters: tuple[Adapter, ...] = ()  # the LoRAs it has loaded
    revision: str | None = None  # the Hub commits of its files
    dropped: DroppedEncoders | None = None  # its text encoders, if they are not kept in memory
    upsampler: ModelMixin | None = None  # enlarges latents; loaded only for HD

    @property
    def device(self) -> torch.device:
        """The device that computes; offloaded weights may be elsewhere."""
        return torch.device(self.placement.device)

    @property
    def fingerprint(self) -> str:
        """Return a key for weights and optimizations: equal keys give equal output."""
        return (
            self.weights
            if self.acceleration == PLAIN
            else f"{self.weights} {self.acceleration.facts}"
        )

    def read_prompt(
        self, prompt: str, negative_prompt: str, is_guided: bool, encode: Callable[[], Embeds]
    ) -> Embeds:
        """Return the embeddings of a prompt: cached ones, or else the result of `encode`."""
        words = prompt, negative_prompt if is_guided else None
        key = self.weights, self.placement.dtype, words

        def load_and_encode() -> Embeds:
            if self.dropped is not None:
                self.dropped.load()
            if self.placement.weights not in NARROW:
                return encode()
            # The transformer computes in the type of the embeddings.
            return tuple(x.float() if x.is_floating_point() else x for x in encode())

        return self.prompt_cache.find(key, self.device, load_and_encode)


def find_pipeline(spec: ModelSpec) -> type[DiffusionPipeline]:
    """Return the pipeline class that a row names."""
    if ":" in spec.pipeline:
        return pkgutil.resolve_name(spec.pipeline)
    return getattr(diffusers, spec.pipeline)


def load_model(
    spec: ModelSpec,
    placement: Placement,
    prompt_cache: PromptCache | None = None,
    on_bytes: OnBytes | None = None,
    load_blocks: LoadBlocks | None = None,
    adapters: Sequence[Adapter] = (),
) -> LoadedModel:
    """Load the weights, downloading missing files, and put them where the placement says.

    LoRAs are loaded before that. `load_blocks` loads compiled blocks if the row names some. Raises
    ModelError if the model cannot be loaded, InvalidRequestError if a LoRA does not fit.
    """
    source = source_of(spec, placement)
    files = download_model(source, on_bytes)
    dtypes = dtypes_of(spec, placement)
    # Cast to fp8 after loading LoRAs, or their weights would be cast as well. Until then a second
    # expert is in memory at full size too.
    is_late = bool(adapters) and placement.weights == "fp8"
    is_dropped = placement.offload == "drop_encoder"
    absent = [name for name in ENCODERS if is_dropped and name in spec.parts]
    try:
        small = replace(placement, weights="full") if is_late else placement
        pipe = _read(source, files, small, dtypes, absent)
    except _BROKEN as exc:
        raise ModelError(_cannot_load(source)) from exc
    pipe.set_progress_bar_config(disable=True)
    put_on(pipe, adapters, spec)
    for name in DENOISERS if is_late else ():
        if (expert := getattr(pipe, name, None)) is not None:
            cast_to_fp8(expert, dtypes["default"])
    if placement.weights in NARROW:
        widen(pipe, placement)
    if placement.tile_decoding:
        pipe.vae.enable_tiling()
    dropped = None
    if absent:
        read = partial(_read_encoder, spec, files, placement)
        dropped = DroppedEncoders(pipe, absent, read, torch.device(placement.device))
    _put(pipe, placement)
    weights = name_weights(spec, files.revision, placement, adapters)
    if load_blocks is not None and use_compiled_blocks(pipe, spec, load_blocks):
        weights += f" {spec.aot_blocks}"
    return LoadedModel(
        spec,
        pipe,
        placement,
        weights,
        prompt_cache or PromptCache(),
        adapters=tuple(adapters),
        revision=files.revision,
        dropped=dropped,
    )


def _read(
    spec: ModelSpec,
    files: LocalFiles,
    placement: Placement,
    dtypes: dict[str, torch.dtype],
    absent: Sequence[str],
) -> DiffusionPipeline:
    """Read a pipeline into memory without the `absent` parts, stored as the placement says."""
    pipeline = find_pipeline(spec)
    parts = read_parts_of_their_own(spec, pipeline, files, placement, dtypes)
    tokenizers = read_tokenizers(pipeline, files)
    pipe = pipeline.from_pretrained(
        str(files.folder),
        dtype=dtypes,
        use_safetensors=True,
        **spec.pipeline_options,
        **parts,
        **dict.fromkeys([*tokenizers, *absent, *spec.left_out]),  # None: do not load
    )
    pipe.register_modules(**tokenizers)
    _refuse_missing_weights(pipe)
    return pipe


def load_upsampler(model: LoadedModel, on_bytes: OnBytes | None = None) -> LoadedModel:
    """Return a loaded model with its latent upsampler, downloaded if it is missing.

    With offloading it stays in RAM between its calls. Raises ModelError if it cannot be loaded.
    """
    spec, placement = model.spec, model.placement
    assert spec.second_pass is not None  # or else nothing asks for it
    file = download_upsampler(spec, on_bytes)
    make = pkgutil.resolve_name(spec.second_pass.upsampler)
    try:
        with torch.device("meta"):
            upsampler = make(**spec.second_pass.upsampler_options)
        dtype = getattr(torch, placement.dtype)
        weights = {name: x.to(dtype) for name, x in load_file(file).items()}
        upsampler.load_state_dict(weights, assign=True)
    except _BROKEN as exc:
        raise ModelError(_cannot_load(spec)) from exc
    upsampler.to(placement.device if placement.offload == "none" else "cpu").eval()
    return replace(model, upsampler=upsampler)


def _read_encoder(
    spec: ModelSpec, files: LocalFiles, placement: Placement, name: str
) -> torch.nn.Module:
    """Read a text encoder. Raises ModelError if its files are missing or damaged."""
    index, dtypes = find_pipeline(spec).load_config(files.folder), dtypes_of(spec, placement)
    try:
        encoder = read_part(index, name, files, dtypes, placement.encoder_weights)
    except _BROKEN as exc:
        raise ModelError(_cannot_load(spec)) from exc
    if placement.weights in NARROW:
        compute_in_float32(encoder)
    return encoder


def _put(pipe: DiffusionPipeline, placement: Placement) -> None:
    """Move a pipeline's parts to the device, or set up offloading."""
    device = torch.device(placement.device)
    if placement.offload in ("none", "drop_encoder"):
        pipe.to(device)
    elif placement.offload == "encode_first":
        alternate_offload(pipe, device, ENCODERS)
    elif placement.offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    else:
        offload_by_layer(
            pipe,
            device,
            streamed=_streamed(pipe, placement),
            is_lean=placement.offload == "group_lean",
            whole=() if placement.splits_autoencoder else ("vae",),
        )


def _streamed(pipe: DiffusionPipeline, placement: Placement) -> set[str]:
    """Return the parts whose layers are copied in CUDA streams, which need a GPU.

    An autoencoder's are not: streams rely on the order of the first call, which tiles change.
    """
    if placement.device != "cuda" or placement.offload not in STREAMED:
        return set()
    encoders = ENCODERS if placement.encoder_weights != "full" else ()
    return pipe.components.keys() - {"vae", *encoders}


def name_weights(
    spec: ModelSpec,
    revision: str | None,
    placement: Placement,
    adapters: Sequence[Adapter] = (),
) -> str:
    """Return a key for a model's weights, from its commits or from a folder's file sizes and times.

    It also covers the dtype, how weights are stored, single files and LoRAs.
    """
    how = f" {placement.dtype} {placement.weights}"
    if placement.encoder_weights != "full":
        how += f" encoder {placement.encoder_weights}"
    for name, file in source_of(spec, placement).files.items():
        path = Path(file.address)
        how += f" {name} {_facts_of([path]) if path.is_file() else file.address}"
    if adapters:
        how += f" {[(x.sha256, x.weight, *([x.expert] * bool(x.expert))) for x in adapters]}"
    if not Path(spec.repository).is_dir():
        return f"{spec.repository} {revision} {spec.checkpoint}{how}"
    return f"{spec.id} {_facts_of(sorted(Path(spec.repository).rglob('*.safetensors')))}{how}"


def _facts_of(files: Sequence[Path]) -> list[tuple[str, int, int]]:
    """Return the names, sizes and times of files, which change if a file is replaced."""
    return [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]


def _refuse_missing_weights(pipe: DiffusionPipeline) -> None:
    """Raise ValueError if a file lacks some weights of its part; diffusers only warns."""
    for name, part in pipe.components.items():
        if isinstance(part, torch.nn.Module) and any(x.is_meta for x in part.parameters()):
            raise ValueError(f"weights of the {name} are missing")


def _cannot_load(spec: ModelSpec) -> str:
    if spec.ships_with_app:
        return (
            f"The weights of {spec.label} are missing or damaged; download the repository again, "
            "with its assets folder."
        )
    if spec.files:
        names = ", ".join(file.name for file in spec.files.values())
        return (
            f"{spec.label} could not be loaded: {names} is damaged, or made for another model; get "
            "it again, or use another file."
        )
    if Path(spec.repository).is_dir():
        return f"{spec.label} could not be loaded: files in its folder are missing or damaged."
    return not_here(spec)
