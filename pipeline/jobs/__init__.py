"""Jobs on disk: queueing, running, signing and listing them."""
