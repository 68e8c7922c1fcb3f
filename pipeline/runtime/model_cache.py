"""Keeps one loaded model in memory, shared by all tasks, and replaces it on demand.

`memory_plan.py` decides where its parts are held; `loading.py` loads them. What imports diffusers
is imported only then: it takes seconds, and the page is there without it.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from pipeline.errors import InvalidRequestError
from pipeline.models.hub import OnBytes
from pipeline.models.lora import Lora
from pipeline.models.registry import SHIPPED, Models
from pipeline.models.spec import UPSAMPLER, ModelSpec, Quality
from pipeline.runtime.acceleration import (
    PLAIN,
    AccelerationSettings,
    Work,
    can_share,
    choose_acceleration,
)
from pipeline.runtime.device import Machine, detect_machine
from pipeline.runtime.lora_files import Adapter, AdapterFiles
from pipeline.runtime.memory_plan import describe, place
from pipeline.runtime.placement import (
    Memory,
    Placement,
    can_switch_loras,
    source_of,
    step_down,
)
from pipeline.runtime.prompt_cache import PromptCache

if TYPE_CHECKING:
    from pipeline.runtime.acceleration_hooks import LoadBlocks
    from pipeline.runtime.loading import LoadedModel

logger = logging.getLogger(__name__)


class ModelCache:
    """Loads models on demand and keeps the last one; thread-safe."""

    def __init__(
        self,
        machine: Machine | None = None,
        models: Mapping[str, ModelSpec] = SHIPPED,
        settings: AccelerationSettings | None = None,
        load_blocks: LoadBlocks | None = None,
    ) -> None:
        """Use a machine and a table of models; loads nothing and detects nothing yet.

        `settings` are the user's optimizations; `load_blocks` loads compiled blocks on ZeroGPU.
        """
        self._machine = machine
        self._models = models if isinstance(models, Models) else Models(models.values())
        self.settings = settings or AccelerationSettings()
        self._load_blocks = load_blocks
        self._unused = threading.Condition(threading.RLock())
        self._num_users = 0
        self._loaded: LoadedModel | None = None
        # Overrides of the computed placements, by model and quality.
        self._placements: dict[tuple[str, Quality], Placement] = {}
        self._prompt_cache = PromptCache()
        self._adapter_files = AdapterFiles(self._models)

    def spec(self, model_id: str) -> ModelSpec:
        """Return a model's row. Raises InvalidRequestError if there is none."""
        return self._models.find(model_id)

    def placement(self, model_id: str, quality: Quality = "standard") -> Placement:
        """Return a model's placement on this machine for a quality, loaded or not.

        Raises InvalidRequestError if there is no such model, or if it does not fit.
        """
        spec = self.spec(model_id)
        if self.machine.is_zero_gpu:
            quality = spec.qualities[-1]  # one size of GPU for everything that a Space makes
        if (model_id, quality) in self._placements:
            return self._placements[model_id, quality]
        try:
            return place(spec.at(quality), self.machine, others=self._models.values())
        except InvalidRequestError as exc:
            if quality != "hd":
                raise
            self.placement(model_id)  # raises for a model that does not fit at all
            raise InvalidRequestError(
                f"{spec.label} fits on this machine, but not in HD; choose the quality standard."
            ) from exc

    def source(self, model_id: str, quality: Quality = "standard") -> ModelSpec:
        """Return a model's row with the files that its placement reads.

        Raises InvalidRequestError as `placement` does.
        """
        return source_of(self.spec(model_id).at(quality), self.placement(model_id, quality))

    def describe(self, model_id: str, quality: Quality = "standard") -> str:
        """Say in a sentence how a model is held, and how much memory that takes.

        Raises InvalidRequestError as `placement` does.
        """
        placement = self.placement(model_id, quality)
        return describe(self.spec(model_id).at(quality), placement, self.machine)

    def can_share(self, model_id: str, quality: Quality = "standard") -> bool:
        """Say whether several machines like this one can make a clip together; not tried in HD.

        Raises InvalidRequestError as `placement` does.
        """
        return quality == "standard" and can_share(self.spec(model_id), self.placement(model_id))

    def load(
        self,
        model_id: str,
        on_bytes: OnBytes | None = None,
        loras: Sequence[Lora] = (),
        quality: Quality = "standard",
    ) -> LoadedModel:
        """Return a model, loading it if it is not in memory, as soon as no other one is in use.

        A model with other `loras` counts as another model, but is not loaded again if its LoRAs can
        be switched, nor for another `quality` with the same placement. A caller that uses a model
        must not load another one: it would wait forever. `on_bytes` reports a download. Raises
        ModelError if the model cannot be loaded, InvalidRequestError if it does not fit on this
        machine or a LoRA does not fit it.
        """
        from pipeline.runtime.loading import load_model, load_upsampler

        spec = self.spec(model_id)
        with self._unused:
            placement = self.placement(model_id, quality)
            adapters = self._adapter_files.open(loras, on_bytes, spec.own_loras)
            if not self._holds(spec, placement, adapters):
                # Another thread may load it while this one waits.
                self._unused.wait_for(
                    lambda: not self._num_users or self._holds(spec, placement, adapters)
                )
            if self._holds(spec, placement) and self._can_switch():
                self._switch(adapters)
            if not self._holds(spec, placement, adapters):
                self._let_go()
                logger.info("Loading %s. %s", spec.id, describe(spec, placement, self.machine))
                # Compiled blocks would ignore LoRAs.
                load_blocks = None if adapters else self._load_blocks
                how = self._prompt_cache, on_bytes, load_blocks, adapters
                self._loaded = load_model(spec, placement, *how)
            assert self._loaded is not None
            if UPSAMPLER in spec.at(quality).parts and self._loaded.upsampler is None:
                self._loaded = load_upsampler(self._loaded, on_bytes)
            return self._loaded

    @contextmanager
    def use(
        self,
        model_id: str,
        on_bytes: OnBytes | None = None,
        work: Work | None = None,
        loras: Sequence[Lora] = (),
        quality: Quality = "standard",
    ) -> Iterator[LoadedModel]:
        """Use a model in a `with` block; it is neither released nor replaced meanwhile.

        Optimizations are chosen for `work`; without it there are none. Raises the errors of `load`.
        """
        with self._unused:
            model = self._accelerate(model_id, on_bytes, work, loras, quality)
            self._num_users += 1
        try:
            yield model
        finally:
            with self._unused:
                self._num_users -= 1
                self._unused.notify_all()

    def _accelerate(
        self,
        model_id: str,
        on_bytes: OnBytes | None,
        work: Work | None,
        loras: Sequence[Lora],
        quality: Quality,
    ) -> LoadedModel:
        """Load a model and apply its optimizations, as soon as it is not in use with others."""
        from pipeline.runtime.acceleration_hooks import apply_acceleration

        while True:
            model = self.load(model_id, on_bytes, loras, quality)
            how = self.settings, model.spec, model.placement, self.machine
            acceleration = PLAIN if work is None else choose_acceleration(*how, work)
            if model.acceleration == acceleration:
                return model
            if self._num_users:
                self._unused.wait()
                continue
            self._loaded = None  # after an error in between the model is loaded again
            apply_acceleration(model.pipe, model.acceleration, acceleration)
            self._loaded = replace(model, acceleration=acceleration)

    def release(self) -> None:
        """Release the resident model as soon as it is not in use."""
        with self._unused:
            self._unused.wait_for(lambda: not self._num_users)
            self._let_go()

    def step_down(
        self, model_id: str, short_of: Memory = "gpu", quality: Quality = "standard"
    ) -> bool:
        """Switch a model to a placement that needs less of a memory; False if there is none.

        The model is loaded again at the next `load` or `use`.
        """
        with self._unused:
            lower = step_down(self.placement(model_id, quality), short_of)
            # With several GPUs all processes would have to change together.
            if lower is None or self.settings.num_gpus > 1:
                return False
            logger.warning(
                "Out of %s memory: %s is now held with offload=%r",
                {"gpu": "GPU", "ram": "pinned"}[short_of],
                model_id,
                lower.offload,
            )
            self.hold(model_id, lower, quality)
            return True

    @contextmanager
    def full_precision(self, model_id: str, quality: Quality = "standard") -> Iterator[None]:
        """Hold a model in float32 inside a `with` block, then as before.

        Raises InvalidRequestError if it does not fit in float32; see `can_be_precise`.
        """
        precise, key = self._precise(model_id, quality), (model_id, quality)
        with self._unused:
            before = self._placements.get(key)
            self._placements[key] = precise
        logger.warning("Trying %s again in float32", model_id)
        try:
            yield
        finally:
            with self._unused:
                if before is None:
                    del self._placements[key]
                else:
                    self._placements[key] = before

    def can_be_precise(self, model_id: str, quality: Quality = "standard") -> bool:
        """Say whether a model that is not in float32 could be held in float32."""
        if self.machine.is_zero_gpu or self.settings.num_gpus > 1:
            return False
        if self.placement(model_id, quality).dtype == "float32":
            return False
        try:
            return self._precise(model_id, quality).dtype == "float32"
        except InvalidRequestError:
            return False

    def _precise(self, model_id: str, quality: Quality) -> Placement:
        slow = replace(self.machine, has_fast_bf16=False, has_fast_fp16=False, has_fast_int8=False)
        return place(self.spec(model_id).at(quality), slow)

    def hold(self, model_id: str, placement: Placement, quality: Quality = "standard") -> None:
        """Set a model's placement for a quality from now on, without checking that it fits."""
        with self._unused:
            self._placements[model_id, quality] = placement

    def _holds(
        self,
        spec: ModelSpec,
        placement: Placement,
        adapters: tuple[Adapter, ...] | None = None,
    ) -> bool:
        """Say whether a model is in memory, and with exactly these LoRAs if `adapters` is given."""
        held = self._loaded
        if held is None or (held.spec, held.placement) != (spec, placement):
            return False
        return adapters is None or held.adapters == adapters

    def _can_switch(self) -> bool:
        """Say whether the resident model's LoRAs can be changed: not with optimizations on."""
        held = self._loaded
        if held is None or held.acceleration != PLAIN or self._load_blocks is not None:
            return False
        return can_switch_loras(held.placement)

    def _switch(self, adapters: tuple[Adapter, ...]) -> None:
        """Change the resident model's LoRAs; if one does not fit, the model is left without any."""
        from pipeline.runtime.loading import name_weights
        from pipeline.runtime.lora_adapters import put_on, take_off

        held = self._loaded
        assert held is not None
        if held.adapters == adapters:
            return
        self._loaded = None  # do not offer a model that is half changed
        take_off(held.pipe)
        bare = replace(
            held, adapters=(), weights=name_weights(held.spec, held.revision, held.placement)
        )
        try:
            put_on(held.pipe, adapters, held.spec)
        except InvalidRequestError:
            self._loaded = bare
            raise
        logger.info("Changed the LoRAs of %s to %s", held.spec.id, [x.facts for x in adapters])
        weights = name_weights(held.spec, held.revision, held.placement, adapters)
        self._loaded = replace(bare, adapters=adapters, weights=weights)

    @property
    def machine(self) -> Machine:
        """Return the machine, detected on first use."""
        self._machine = self._machine or detect_machine()
        return self._machine

    def _let_go(self) -> None:
        if self._loaded is None:
            return
        self._loaded = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
