"""The command `rbee sizes`. It is in `cli.py`, which is imported only when it is called."""
