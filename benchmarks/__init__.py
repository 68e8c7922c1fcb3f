"""Measures what Kinora costs on top of the model: memory, time and overhead, as ratios."""
