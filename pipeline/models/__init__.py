"""The models: their facts, abilities, downloads and computing cost. Imports no torch."""
