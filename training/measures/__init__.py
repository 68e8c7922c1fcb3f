"""Numbers read off the frames of a clip alone, (F, H, W, 3) uint8: no model, no file."""
