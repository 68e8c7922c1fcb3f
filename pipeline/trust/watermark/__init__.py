"""The visible label and the invisible mark that frames bear."""
