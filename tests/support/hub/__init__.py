"""A Hugging Face Hub on this machine: its API as the real client uses it, delivery network, Xet storage, faults."""

from .faults import Fault
from .repos import FakeRepo
from .server import TOKEN, FakeHub, Seen
from .xet import XetStore

__all__ = ["TOKEN", "FakeHub", "FakeRepo", "Fault", "Seen", "XetStore"]
