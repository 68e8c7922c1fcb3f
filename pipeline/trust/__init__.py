"""Moderation, watermarks, signed credentials and provenance checks."""
