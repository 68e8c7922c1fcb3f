"""What can be said of where a clip comes from."""
