"""What `training.evaluate` measures, one part in each module."""
