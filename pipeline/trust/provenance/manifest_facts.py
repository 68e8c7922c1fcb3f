"""Reads with c2pa what the manifests of a file say; also a program of its own, which prints it.

    python manifest_facts.py FILE MIME_TYPE SETTINGS     (c2pa's settings, as JSON)

A file that makes c2pa hang, crash or swell then ends this process alone. It imports nothing of
Kinora's and starts in 0.4 s.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

try:
    import c2pa
except (ImportError, OSError, RuntimeError):  # no native library for this platform
    c2pa = None

_STORE_TYPE = "application/c2pa"
_MAX_BYTES = 512 << 20  # of memory, what is mapped included
_MAX_CHARACTERS = 16 << 20  # of the answer, which the caller holds more than once
_MAX_CHECKED = 64  # manifests of one file: each is checked together with all those below it
_MAX_STORE_BYTES = 8 << 20  # of all of them together


def read_facts(path: Path, mime_type: str, settings: dict[str, Any]) -> dict[str, Any]:
    """Return c2pa's `report` on a file, and a check of each of its manifests by itself.

    `assertions` are those of the file's own manifest. `checks` has for each manifest, by label, its
    store (base64) and c2pa's results without the file; it lacks those that cannot be read alone.
    Without credentials, only `error` is there: "" for none, or the name of c2pa's error.
    """
    context = c2pa.Context.from_dict(settings)
    try:
        with path.open("rb") as file:
            reader = c2pa.Reader.try_create(mime_type, file, context=context)
            if reader is None:
                return {"error": ""}
            with reader:
                return _facts_of(reader, context)
    except (c2pa.C2paError.ManifestNotFound, c2pa.C2paError.NotSupported):
        return {"error": ""}
    except (c2pa.C2paError, ValueError, KeyError, TypeError, RecursionError) as exc:
        return {"error": type(exc).__name__}


def _facts_of(reader: c2pa.Reader, context: c2pa.Context) -> dict[str, Any]:
    report = json.loads(reader.json())
    active = report["active_manifest"]
    detailed = json.loads(reader.detailed_json())
    checks: dict[str, Any] = {}
    num_bytes = 0
    labels = [active, *(label for label in report.get("manifests", {}) if label != active)]
    for label in labels[:_MAX_CHECKED]:
        with contextlib.suppress(c2pa.C2paError, ValueError, KeyError):
            stream = io.BytesIO()
            reader.resource_to_stream(label, stream)
            num_bytes += len(stream.getvalue())
            if num_bytes > _MAX_STORE_BYTES:
                break
            checks[label] = _check(label, stream.getvalue(), context)
    assertions = detailed["manifests"][active].get("assertion_store") or {}
    return {"report": report, "assertions": assertions, "checks": checks}


def _check(label: str, store: bytes, context: c2pa.Context) -> dict[str, Any]:
    """Check a manifest by itself. Raises ValueError if its store is another one's."""
    with c2pa.Reader(_STORE_TYPE, io.BytesIO(store), context=context) as reader:
        report = json.loads(reader.json())
    if report["active_manifest"] != label:
        raise ValueError(label)
    results = report["validation_results"]["activeManifest"]
    return {"store": base64.b64encode(store).decode("ascii"), "results": results}


def main(path: str, mime_type: str, settings: str) -> None:
    """Print the facts as JSON. Exits with 1 if they are too many."""
    with contextlib.suppress(ImportError, OSError, ValueError):  # not on Windows, nor every Mac
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MAX_BYTES, _MAX_BYTES))
    answer = json.dumps(read_facts(Path(path), mime_type, json.loads(settings)))
    if len(answer) > _MAX_CHARACTERS:
        sys.exit("too much")
    sys.stdout.write(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
