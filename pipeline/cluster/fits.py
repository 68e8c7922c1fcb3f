"""What fits on the workers of a cluster, as the page and the API ask; loads nothing."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.errors import InvalidRequestError
from pipeline.models.registry import Models
from pipeline.models.spec import ModelSpec, Quality
from pipeline.runtime.acceleration import AccelerationSettings
from pipeline.runtime.device import Machine
from pipeline.runtime.model_cache import ModelCache
from pipeline.runtime.placement import Placement


class FittingModels(ModelCache):
    """A model cache that answers for the best worker on which a model fits.

    While no worker answers, it answers for those that did, at first for this computer.
    """

    def __init__(
        self,
        machines: Callable[[], list[Machine]],
        here: Machine,
        models: Models,
        settings: AccelerationSettings,
    ) -> None:
        """Use a function that lists the workers' machines."""
        super().__init__(here, models, settings)
        self._list_machines = machines
        self._seen = [here]
        self._caches: dict[Machine, ModelCache] = {}

    @property
    def machine(self) -> Machine:
        """Return the best machine."""
        return self._machines()[0]

    def placement(self, model_id: str, quality: Quality = "standard") -> Placement:
        """Return a model's placement where it is best; see `ModelCache.placement`."""
        return self._where(model_id, quality).placement(model_id, quality)

    def source(self, model_id: str, quality: Quality = "standard") -> ModelSpec:
        """Return a model's row with the files that are read there."""
        return self._where(model_id, quality).source(model_id, quality)

    def describe(self, model_id: str, quality: Quality = "standard") -> str:
        """Say how a model is held there."""
        return self._where(model_id, quality).describe(model_id, quality)

    def fits_on(self, machine: Machine, model_id: str, quality: Quality) -> bool:
        """Say whether a model fits on a machine."""
        try:
            self._cache_of(machine).placement(model_id, quality)
        except InvalidRequestError:
            return False
        return True

    def place_on(self, machine: Machine, model_id: str, quality: Quality) -> str:
        """Name where a model is computed on a machine; frames of the same place are the same."""
        place = self._cache_of(machine).placement(model_id, quality)
        return " ".join((place.device, place.dtype, place.weights, place.encoder_weights))

    def shares_on(self, machine: Machine, model_id: str, quality: Quality) -> bool:
        """Say whether several such machines can make a clip together."""
        return self._cache_of(machine).can_share(model_id, quality)

    def _where(self, model_id: str, quality: Quality) -> ModelCache:
        """Return the cache of the best machine on which a model fits.

        Raises InvalidRequestError, which says what would suffice, if it fits on none.
        """
        self.spec(model_id)  # raises for an unknown one
        machines = self._machines()
        for machine in machines:
            if self.fits_on(machine, model_id, quality):
                return self._cache_of(machine)
        try:
            self._cache_of(machines[0]).placement(model_id, quality)
        except InvalidRequestError as exc:
            raise InvalidRequestError(str(exc).replace("this machine", "this cluster")) from exc
        raise AssertionError("a model that fits was refused")

    def _machines(self) -> list[Machine]:
        """List the workers' machines, the best first."""
        if found := self._list_machines():
            self._seen = sorted(
                dict.fromkeys(found),
                key=lambda x: (x.device != "cpu", x.memory_bytes, x.operations_per_second),
                reverse=True,
            )
        return self._seen

    def _cache_of(self, machine: Machine) -> ModelCache:
        if machine not in self._caches:
            self._caches[machine] = ModelCache(machine, self._models, self.settings)
        return self._caches[machine]
