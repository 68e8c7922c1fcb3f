"""From a request to a plan: what is asked for, checked and cut into windows."""
