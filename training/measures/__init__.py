"""Measurements of a clip's frames alone, (F, H, W, 3) uint8: no model, no file."""
