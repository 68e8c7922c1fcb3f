"""The parts of `training.evaluate`, one in each module."""
