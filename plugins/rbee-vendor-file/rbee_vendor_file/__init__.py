"""Models from this machine's own disk, for rbee."""
