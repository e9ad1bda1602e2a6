"""A plugin alone in a process of its own, asked hook by hook; what it does to that process is watched.

`PluginProcess` is the parent's side. What `VendorContract` and `BackendContract` ask is asked through it, so that a
plugin that hangs, crashes or changes the process it runs in does so to nobody else.
"""

from .host import Answer, PluginProcess

__all__ = ["Answer", "PluginProcess"]
