"""What may be asked for and what may come out: rules and detectors."""
