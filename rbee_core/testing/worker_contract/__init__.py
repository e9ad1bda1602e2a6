"""What every worker has to be, as tests: an author subclasses `WorkerContract` and overrides three fixtures.

```python
class TestMyWorker(WorkerContract):
    @pytest.fixture(scope="class")
    @classmethod
    def variant(cls) -> str:
        return "my-worker-cpu"

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> str:
        return "file:/where/it/lies"

    @pytest.fixture(scope="class")
    @classmethod
    def question(cls) -> WorkerRequest:
        return WorkerRequest("/v1/audio/speech", {"input": "Hello."}, check=is_audio)
```

The worker is really built, and really started, as its ``worker.toml`` says; requests go over real sockets. One that
runs language models behind OpenAI's API passes `LanguageWorkerContract`, which brings the question, and asks more.
"""

from ..drive_worker import WorkerAnswer
from .answers import AnswersContract
from .base import Build
from .language import LanguageContract
from .life import LifeContract
from .request import WorkerRequest

__all__ = ["Build", "LanguageWorkerContract", "WorkerAnswer", "WorkerContract", "WorkerRequest"]


class WorkerContract(AnswersContract, LifeContract):
    """The conformance class of every worker."""


class LanguageWorkerContract(LanguageContract, WorkerContract):
    """The conformance class of workers that run language models behind OpenAI's API."""
