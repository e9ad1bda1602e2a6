"""A Hugging Face Hub on this machine: the API as the real client uses it, a delivery network, faults on demand."""

from .faults import Fault
from .repos import FakeRepo
from .server import TOKEN, FakeHub, Seen

__all__ = ["TOKEN", "FakeHub", "FakeRepo", "Fault", "Seen"]
