"""What every worker has to be, as tests: a worker's author subclasses `WorkerContract` and overrides two fixtures.

```python
class TestMyWorker(WorkerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def variant(cls) -> str:
        return "my-worker-cpu"

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> str:
        return "demo:stories"
```

The worker is really built, and really started, as its ``worker.toml`` says; requests go over real sockets. The model
has to be one of language that answers chats.
"""

from .api import ApiContract
from .life import LifeContract

__all__ = ["WorkerContract"]


class WorkerContract(ApiContract, LifeContract):
    """The conformance class."""
