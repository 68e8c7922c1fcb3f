"""What the models are, where their weights come from, and what they cost."""
