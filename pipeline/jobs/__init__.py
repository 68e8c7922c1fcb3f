"""Jobs on disk: how they wait, run, are delivered and listed again."""
