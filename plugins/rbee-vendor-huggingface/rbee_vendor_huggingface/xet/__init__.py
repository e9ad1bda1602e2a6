"""Reading from Xet, the Hub's content-addressed storage: a client of the protocol inside rbee's download engine.

A file there is a list of *terms*; a term is a run of *chunks* (64 KiB on average, each compressed on its own) of a
*xorb*, which is an object of up to 64 MiB. The protocol: https://huggingface.co/docs/xet (version 1.1).
"""

from .cas import Cas
from .ranges import XetFile, xet_source

__all__ = ["Cas", "XetFile", "xet_source"]
