"""Loads models, caches them, places them in memory and makes them faster."""
