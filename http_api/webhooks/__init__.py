"""Webhooks: signed messages to the owner's servers when a video is completed or has failed."""
