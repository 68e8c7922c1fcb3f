"""From a plan to a finished clip: conditioning, sampling, assembly, sound."""
