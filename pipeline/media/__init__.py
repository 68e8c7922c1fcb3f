"""Read and write video, sound and pictures, and blend frames into one another."""
