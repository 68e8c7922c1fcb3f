"""What Kinora itself costs, beside the model: memory, time and overhead, as ratios of one run."""
