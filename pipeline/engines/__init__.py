"""One small file per family of diffusers pipelines: one window in, latents out."""
