"""Requests, storyboards and plans: validation, windows and recipes. Runs no model."""
