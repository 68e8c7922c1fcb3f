"""The cache of loaded pipelines, and the only caller of `from_pretrained`.

One model is resident at a time, shared by all tasks; another one is loaded after it was let go.
Where its parts go is `placement.py`'s decision, what is on the disk `fetch.py`'s.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import diffusers
import torch
from diffusers import DiffusionPipeline
from safetensors import SafetensorError
from transformers import AutoTokenizer

from pipeline.adapters import Adapter, AdapterFiles, can_switch, put_on, take_off
from pipeline.effort import DENOISERS
from pipeline.embeds import Embeds, EmbedsCache
from pipeline.errors import InvalidRequestError, ModelError
from pipeline.fetch import CHECKPOINT_PARTS, LocalFiles, fetch, not_here
from pipeline.hub import OnBytes
from pipeline.lora import Lora
from pipeline.machine import detect_machine

# Imported for its side effect too: diffusers loads classes of its own accord only from modules
# that are imported already.
from pipeline.mini import AutoencoderKinora
from pipeline.models import SHIPPED, Models
from pipeline.placement import (
    ENCODERS,
    Machine,
    Placement,
    describe,
    place,
    step_down,
)
from pipeline.spec import ModelSpec
from pipeline.speed import PLAIN, Settings, Speed, Work, choose_speed
from pipeline.switches import LoadBlocks, set_speed, use_compiled_blocks
from pipeline.turns import take_turns

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoadedModel:
    """A pipeline in memory, the row it came from and where it lives."""

    spec: ModelSpec
    pipe: DiffusionPipeline
    placement: Placement
    weights: str  # a name for them, and for how they are stored
    embeds: EmbedsCache = field(default_factory=EmbedsCache)
    speed: Speed = PLAIN
    adapters: tuple[Adapter, ...] = ()  # the LoRAs that it has on

    @property
    def device(self) -> torch.device:
        """The device that computes (weights may rest elsewhere when they are offloaded)."""
        return torch.device(self.placement.device)

    @property
    def fingerprint(self) -> str:
        """Return a name for what computes: what it makes is the same where it is the same."""
        return self.weights if self.speed == PLAIN else f"{self.weights} {self.speed.facts}"

    def read_prompt(
        self, prompt: str, negative_prompt: str, is_guided: bool, encode: Callable[[], Embeds]
    ) -> Embeds:
        """Return what `encode` makes of the words, or has made of them with the same weights."""
        words = prompt, negative_prompt if is_guided else None
        key = self.weights, self.placement.dtype, words
        return self.embeds.find(key, self.device, encode)


class Loader:
    """Loads models on demand and keeps the last one; safe to call from several threads."""

    def __init__(
        self,
        machine: Machine | None = None,
        models: Mapping[str, ModelSpec] = SHIPPED,
        settings: Settings | None = None,
        load_blocks: LoadBlocks | None = None,
    ) -> None:
        """Remember which machine and which models; nothing is loaded or looked at yet.

        `settings` are what may make them faster; `load_blocks` is ZeroGPU's, of compiled blocks.
        """
        self._machine = machine
        self._models = models if isinstance(models, Models) else Models(models.values())
        self.settings = settings or Settings()
        self._load_blocks = load_blocks
        self._unused = threading.Condition(threading.RLock())
        self._num_users = 0
        self._loaded: LoadedModel | None = None
        self._placements: dict[str, Placement] = {}  # of models that are not held as computed
        self._embeds = EmbedsCache()
        self._adapter_files = AdapterFiles(self._models)

    def spec(self, model_id: str) -> ModelSpec:
        """Return a model's row. Raises InvalidRequestError if there is none."""
        return self._models.find(model_id)

    def placement(self, model_id: str) -> Placement:
        """Return how a model is held on this machine, or would be.

        Raises InvalidRequestError if there is no such model, or if it does not fit.
        """
        spec = self.spec(model_id)
        if model_id not in self._placements:
            return place(spec, self._look(), others=self._models.values())
        return self._placements[model_id]

    def load(
        self, model_id: str, on_bytes: OnBytes | None = None, loras: Sequence[Lora] = ()
    ) -> LoadedModel:
        """Return a model, from memory if it is there; another one is let go when nobody uses it.

        With other `loras` it counts as another one, but is not read again where they can be
        switched. Whoever uses one must not ask for another. `on_bytes` is told of a download.
        Raises ModelError if it cannot be loaded, InvalidRequestError if it does not fit on this
        machine or a LoRA does not fit it.
        """
        spec = self.spec(model_id)
        with self._unused:
            placement = self.placement(model_id)
            adapters = self._adapter_files.open(loras, on_bytes)
            if not self._holds(spec, placement, adapters):
                # Another thread may have loaded it while this one waited.
                self._unused.wait_for(
                    lambda: not self._num_users or self._holds(spec, placement, adapters)
                )
            if self._holds(spec, placement) and self._can_switch():
                self._switch(adapters)
            if not self._holds(spec, placement, adapters):
                self._let_go()
                logger.info("Loading %s. %s", spec.id, describe(spec, placement, self._look()))
                # Compiled blocks would not know of LoRAs.
                load_blocks = None if adapters else self._load_blocks
                how = self._embeds, on_bytes, load_blocks, adapters
                self._loaded = load_model(spec, placement, *how)
            return self._loaded

    @contextmanager
    def use(
        self,
        model_id: str,
        on_bytes: OnBytes | None = None,
        work: Work | None = None,
        loras: Sequence[Lora] = (),
    ) -> Iterator[LoadedModel]:
        """Lend a model, that is neither let go nor replaced while the `with` block lasts.

        It is as fast as the settings allow for the `work`, plain if none is named.
        """
        with self._unused:
            model = self._speed_up(model_id, on_bytes, work, loras)
            self._num_users += 1
        try:
            yield model
        finally:
            with self._unused:
                self._num_users -= 1
                self._unused.notify_all()

    def _speed_up(
        self,
        model_id: str,
        on_bytes: OnBytes | None,
        work: Work | None,
        loras: Sequence[Lora],
    ) -> LoadedModel:
        """Load a model and put its switches on, as soon as nobody uses it with others."""
        while True:
            model = self.load(model_id, on_bytes, loras)
            how = self.settings, model.spec, model.placement, self._look()
            speed = PLAIN if work is None else choose_speed(*how, work)
            if model.speed == speed:
                return model
            if self._num_users:
                self._unused.wait()
                continue
            self._loaded = None  # what goes wrong in between is loaded anew
            set_speed(model.pipe, model.speed, speed)
            self._loaded = replace(model, speed=speed)

    def release(self) -> None:
        """Let the resident model go, as soon as nobody uses it."""
        with self._unused:
            self._unused.wait_for(lambda: not self._num_users)
            self._let_go()

    def step_down(self, model_id: str) -> bool:
        """Hold a model more frugally from now on; say whether that can be done.

        Nothing is loaded before somebody asks for it.
        """
        with self._unused:
            lower = step_down(self.placement(model_id))
            # Of several processes that share the work none can do so alone.
            if lower is None or self.settings.num_gpus > 1:
                return False
            logger.warning("The card is full: %s is held with offload=%r", model_id, lower.offload)
            self.hold(model_id, lower)
            return True

    @contextmanager
    def full_precision(self, model_id: str) -> Iterator[None]:
        """Hold a model in float32 while the `with` block lasts, then as before.

        Raises InvalidRequestError if it does not fit so; see `can_be_precise`.
        """
        precise = self._precise(model_id)
        with self._unused:
            before = self._placements.get(model_id)
            self._placements[model_id] = precise
        logger.warning("%s is held in float32 for once", model_id)
        try:
            yield
        finally:
            with self._unused:
                if before is None:
                    del self._placements[model_id]
                else:
                    self._placements[model_id] = before

    def can_be_precise(self, model_id: str) -> bool:
        """Say whether a model that is held in less could be held in float32."""
        if self._look().is_zero_gpu or self.settings.num_gpus > 1:
            return False
        if self.placement(model_id).dtype == "float32":
            return False
        try:
            return self._precise(model_id).dtype == "float32"
        except InvalidRequestError:
            return False

    def _precise(self, model_id: str) -> Placement:
        return place(self.spec(model_id), replace(self._look(), has_fast_bf16=False))

    def hold(self, model_id: str, placement: Placement) -> None:
        """Hold a model in a way of one's own from now on, whatever fits."""
        with self._unused:
            self._placements[model_id] = placement

    def _holds(
        self,
        spec: ModelSpec,
        placement: Placement,
        adapters: tuple[Adapter, ...] | None = None,
    ) -> bool:
        """Say whether a model is in memory, with just these LoRAs if that is asked."""
        held = self._loaded
        if held is None or (held.spec, held.placement) != (spec, placement):
            return False
        return adapters is None or held.adapters == adapters

    def _can_switch(self) -> bool:
        """Say whether the resident model can be given other LoRAs: not where switches are on."""
        is_plain = self._loaded.speed == PLAIN and self._load_blocks is None
        return is_plain and can_switch(self._loaded.placement)

    def _switch(self, adapters: tuple[Adapter, ...]) -> None:
        """Give the resident model other LoRAs; if one does not fit, it has none."""
        held = self._loaded
        if held.adapters == adapters:
            return
        self._loaded = None  # what is half done is nobody's model
        take_off(held.pipe)
        bare = replace(held, adapters=(), weights=_fingerprint(held.spec, held.placement))
        try:
            put_on(held.pipe, adapters, held.spec)
        except InvalidRequestError:
            self._loaded = bare
            raise
        logger.info("%s has other LoRAs: %s", held.spec.id, [x.facts for x in adapters])
        weights = _fingerprint(held.spec, held.placement, adapters)
        self._loaded = replace(bare, adapters=adapters, weights=weights)

    def _look(self) -> Machine:
        self._machine = self._machine or detect_machine()
        return self._machine

    def _let_go(self) -> None:
        if self._loaded is None:
            return
        self._loaded = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def load_model(
    spec: ModelSpec,
    placement: Placement,
    embeds: EmbedsCache | None = None,
    on_bytes: OnBytes | None = None,
    load_blocks: LoadBlocks | None = None,
    adapters: Sequence[Adapter] = (),
) -> LoadedModel:
    """Read the weights, downloading what is missing, and put them where the placement says.

    LoRAs are put on before that. `load_blocks` is asked for compiled ones, if the row names some.
    Raises ModelError, InvalidRequestError if a LoRA does not fit.
    """
    files = fetch(spec, on_bytes)
    dtypes = _dtypes(spec, placement)
    pipeline = getattr(diffusers, spec.pipeline)
    try:
        # fp8 comes after LoRAs, which it would take for weights of its own: until then a second
        # expert is in memory at full size too.
        is_late = bool(adapters) and placement.weights == "fp8"
        small = replace(placement, weights="full") if is_late else placement
        parts = _parts_of_their_own(pipeline, files, small, dtypes)
        tokenizers = _tokenizers(pipeline, files)
        pipe = pipeline.from_pretrained(
            str(files.folder),
            dtype=dtypes,
            use_safetensors=True,
            **parts,
            **dict.fromkeys([*tokenizers, *spec.left_out]),  # None: not to be loaded
        )
        pipe.register_modules(**tokenizers)
        _refuse_missing_weights(pipe)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as exc:
        raise ModelError(_cannot_load(spec)) from exc
    pipe.set_progress_bar_config(disable=True)
    put_on(pipe, adapters, spec)
    for name in DENOISERS if is_late else ():
        if (expert := getattr(pipe, name, None)) is not None:
            _cast_to_fp8(expert, dtypes["default"])
    if placement.tile_decoding:
        pipe.vae.enable_tiling()
    _put(pipe, placement)
    weights = _fingerprint(spec, placement, adapters)
    if load_blocks is not None and use_compiled_blocks(pipe, spec, load_blocks):
        weights += f" {spec.aot_blocks}"
    return LoadedModel(
        spec, pipe, placement, weights, embeds or EmbedsCache(), adapters=tuple(adapters)
    )


def _dtypes(spec: ModelSpec, placement: Placement) -> dict[str, torch.dtype]:
    """Return the type of every part: an autoencoder that its row says so of stays in float32.

    Only that: of a text encoder in another type the transformer cannot read the embeddings.
    """
    dtypes = {"default": getattr(torch, placement.dtype)}
    if "vae" in spec.parts and spec.parts["vae"].bytes_per_parameter == 4:
        dtypes["vae"] = torch.float32
    return dtypes


def _parts_of_their_own(
    pipeline: type[DiffusionPipeline],
    files: LocalFiles,
    placement: Placement,
    dtypes: dict[str, torch.dtype],
) -> dict[str, torch.nn.Module]:
    """Load the parts that come out of a single file, and the transformers that are made small.

    Those one by one: no two are in memory at full size.
    """
    index = pipeline.load_config(files.folder)
    parts = {}
    for name in DENOISERS:
        if placement.weights != "full" and index.get(name, [None])[0]:
            parts[name] = _read_part(index, name, files, dtypes, placement.weights)
    if files.checkpoint is not None:
        for name in CHECKPOINT_PARTS:
            parts[name] = parts.get(name) or _read_part(index, name, files, dtypes, "full")
    return parts


def _tokenizers(pipeline: type[DiffusionPipeline], files: LocalFiles) -> dict[str, object]:
    """Load the tokenizers that are saved inside a processor of pictures and video.

    Prompts are all that is read here, and the rest of such a processor wants torchvision.
    """
    index = pipeline.load_config(files.folder)
    return {
        name: AutoTokenizer.from_pretrained(files.folder / name)
        for name, value in index.items()
        if name.startswith("tokenizer") and str(value[1]).endswith("Processor")
    }


def _read_part(
    index: dict[str, list[str]],
    name: str,
    files: LocalFiles,
    dtypes: dict[str, torch.dtype],
    weights: str,
) -> torch.nn.Module:
    """Load one part, its weights stored in eight bits if that is wanted."""
    part = getattr(diffusers, index[name][1])
    options: dict[str, object] = {"dtype": dtypes.get(name, dtypes["default"])}
    if weights == "int8":
        options["quantization_config"] = _int8()
    if files.checkpoint is not None and name in CHECKPOINT_PARTS:
        # The configuration is said: diffusers guesses it from shapes, and looks on the Hub.
        source = {"config": str(files.folder), "subfolder": name}
        module = part.from_single_file(str(files.checkpoint), **source, **options)
    else:
        module = part.from_pretrained(files.folder, subfolder=name, use_safetensors=True, **options)
    if weights == "fp8":
        _cast_to_fp8(module, options["dtype"])
    return module


def _cast_to_fp8(module: torch.nn.Module, compute_dtype: torch.dtype) -> None:
    module.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=compute_dtype)


def _int8() -> diffusers.TorchAoConfig:
    """Return what makes diffusers keep weights as int8: torchao is no requirement of Kinora."""
    from torchao.quantization import Int8WeightOnlyConfig

    return diffusers.TorchAoConfig(Int8WeightOnlyConfig())


def _put(pipe: DiffusionPipeline, placement: Placement) -> None:
    """Move a pipeline's parts to the device, or see to it that they are moved when needed."""
    device = torch.device(placement.device)
    if placement.offload == "none":
        pipe.to(device)
    elif placement.offload == "encode_first":
        take_turns(pipe, device, ENCODERS)
    elif placement.offload == "model":
        pipe.enable_model_cpu_offload(device=device)
    else:
        pipe.enable_group_offload(
            onload_device=device,
            offload_type="leaf_level",
            # A stream needs a card.
            use_stream=placement.offload == "group" and device.type == "cuda",
        )


def _fingerprint(spec: ModelSpec, placement: Placement, adapters: Sequence[Adapter] = ()) -> str:
    """Name a model's weights: by revision, or by the sizes and times of the files of a folder.

    In another type, in eight bits or with other LoRAs, they are others.
    """
    how = f" {placement.dtype} {placement.weights}"
    if adapters:
        how += f" {[(adapter.sha256, adapter.weight) for adapter in adapters]}"
    if not Path(spec.repository).is_dir():
        return f"{spec.repository} {spec.revision} {spec.checkpoint}{how}"
    files = sorted(Path(spec.repository).rglob("*.safetensors"))
    facts = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return f"{spec.id} {facts}{how}"


def _refuse_missing_weights(pipe: DiffusionPipeline) -> None:
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
    if Path(spec.repository).is_dir():
        return f"{spec.label} could not be loaded: files in its folder are missing or damaged."
    return not_here(spec)


def is_uniform(vae: object) -> bool:
    """Say whether a latent frame from the middle of a clip is like any other.

    The embedded autoencoder projects eight frames anywhere in the same way; a causal one encodes a
    latent frame from all that came before it.
    """
    return isinstance(vae, AutoencoderKinora)
