"""How models are loaded, kept, placed in memory and made faster."""
