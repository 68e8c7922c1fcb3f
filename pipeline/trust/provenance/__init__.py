"""Where a clip is from: signed manifests, the registry, and reports."""
