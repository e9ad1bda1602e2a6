"""Plugins into and out of the environment that rbee runs in: asked for, shown, installed, recorded, restored."""
