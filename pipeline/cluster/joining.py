"""Joins the cluster that KINORA_CLUSTER names; Ray is imported only then."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from pipeline.errors import KinoraError
from pipeline.models.registry import Models
from pipeline.runtime.acceleration import read_settings
from pipeline.settings import read_variable

if TYPE_CHECKING:
    from pipeline.cluster.cluster import Cluster


# Ray ends a process that has not reached the head for a minute; a page is to wait for it instead.
# And while there is no head, a call must not start a cluster of its own. What SIGTERM does is the
# app's to decide; with Ray's handler it ends by abort().
_SETTINGS = {
    "RAY_DISABLE_FAILURE_SIGNAL_HANDLER": "1",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "1000000000",
    "RAY_ENABLE_AUTO_CONNECT": "0",
}
# Whoever reaches a cluster's ports can run code on it. A user may choose otherwise.
_DEFAULTS = {"RAY_AUTH_MODE": "token", "RAY_USAGE_STATS_ENABLED": "0"}


def prepare() -> None:
    """Set what Ray reads from the environment once, when it is imported."""
    os.environ |= _DEFAULTS | dict(os.environ) | _SETTINGS


def join_cluster(models: Models) -> Cluster | None:
    """Join the Ray cluster that KINORA_CLUSTER names; None without it.

    Raises KinoraError if Ray is not installed or there is no such cluster.
    """
    address = read_variable("KINORA_CLUSTER")
    if not address:
        return None
    if find_spec("ray") is None:
        raise KinoraError(
            "KINORA_CLUSTER is set, but Ray is not installed; run pip install -r "
            "requirements-cluster.txt, or unset it."
        )
    prepare()
    from pipeline.cluster.cluster import Cluster

    return Cluster(address, models, read_settings())
