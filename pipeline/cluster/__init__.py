"""Runs jobs on the GPUs of several machines with Ray; only `joining.py` is imported without it."""
