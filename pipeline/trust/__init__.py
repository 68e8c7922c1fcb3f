"""What is refused, and what can be said of where a clip comes from."""
