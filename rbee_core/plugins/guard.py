"""The one place where a plugin's exceptions turn into rbee's errors, and into what is remembered about the plugin."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

from ..errors import ErrorCode, RbeeError, UsageError
from .failures import LOAD, Failure
from .isolation import one_line, out_of_space, reason_of, signals_noted, stdout_diverted
from .records import PluginRecord

if TYPE_CHECKING:
    from ..jobs import Job
    from .problems import PluginProblem

T = TypeVar("T")

#: Where a command plugin fails once it is loaded.
COMMAND = "its command"


class FaultyPluginError(Exception):
    """Something is wrong with the plugin as such; raised by rbee's own checks while loading it.

    :param reason: one line.
    :param status: ``error`` or ``incompatible``.
    :param rule: which rule of a check it breaks (`rbee_core.checking.rules`).
    :param problems: everything of that sort, where there is more than the reason tells.
    """

    def __init__(
        self,
        reason: str,
        status: str = "error",
        *,
        rule: str = "plugin-object",
        problems: Sequence[PluginProblem] = (),
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.status = status
        self.rule = rule
        self.problems = problems


class WrongTypeError(TypeError):
    """A hook returned something that its specification does not allow."""


class Memory(Protocol):
    """Where failures and passes are noted."""

    def failed(self, record: PluginRecord, failure: Failure) -> None: ...
    def passed(self, record: PluginRecord, where: str) -> None: ...


class Guard:
    """Runs plugin code.

    :param memory: where failures and passes are noted.
    :param strict: re-raise a plugin's exception as it is (``RBEE_STRICT_PLUGINS``), for authors and CI.
    """

    def __init__(self, memory: Memory, *, strict: bool = False) -> None:
        self.memory = memory
        self.strict = strict

    def run(self, record: PluginRecord, where: str, action: Callable[[], T], *, job: Job | None = None) -> T:
        """Run ``action``, code of the plugin ``record``; ``where`` is ``load`` or the hook's name.

        What the person did is not the plugin's failure and passes through: Ctrl-C, SIGTERM, a cancelled job. Nor are an
        `RbeeError` from a hook, which is its regular way to say no, and a full disk.

        :raises RbeeError: ``PLUGIN_ERROR`` for anything else it raised.
        """
        with signals_noted() as signalled:
            try:
                with stdout_diverted():
                    result = action()
            except BaseException as error:  # noqa: BLE001 — plugin code may raise anything
                self._sort(error, record, where, signalled(), job)
            if signalled() == signal.SIGINT:
                raise KeyboardInterrupt  # the plugin swallowed it
            if signalled() == signal.SIGTERM:
                raise SystemExit(128 + signal.SIGTERM)
        self.memory.passed(record, where)
        return result

    def run_command(self, record: PluginRecord, action: Callable[[], T], regular: tuple[type[BaseException], ...]) -> T:
        """Run a command plugin's command: what it prints and how it takes Ctrl-C is its own affair.

        :param regular: how commands end on purpose.
        :raises RbeeError: ``PLUGIN_ERROR`` for any other exception.
        """
        on_purpose: tuple[type[BaseException], ...] = (RbeeError, UsageError, *regular)
        try:
            result = action()
        except on_purpose:
            raise
        except Exception as error:
            if self.strict:
                raise
            raise self.failed(record, failure_from(error, COMMAND)) from error
        self.memory.passed(record, COMMAND)
        return result

    def _sort(
        self, error: BaseException, record: PluginRecord, where: str, signalled: int | None, job: Job | None
    ) -> None:
        """Raise what ``error`` means."""
        if signalled is not None:
            if not isinstance(error, Exception):
                raise error
            raise (KeyboardInterrupt() if signalled == signal.SIGINT else SystemExit(128 + signalled)) from error
        if isinstance(error, RbeeError | UsageError) and where != LOAD:
            raise error
        if job is not None and job.cancelled:
            raise job.interruption() from error
        if out_of_space(error):
            raise RbeeError(
                ErrorCode.INSUFFICIENT_DISK,
                f"The disk is full: {reason_of(error)}",
                "Free some space, or choose another place (RBEE_MODELS_DIR, RBEE_HOME).",
            ) from error
        if self.strict and not isinstance(error, FaultyPluginError | WrongTypeError):
            raise error
        raise self.failed(record, failure_from(error, where)) from error

    def failed(self, record: PluginRecord, failure: Failure) -> RbeeError:
        """Remember a failure, and word it as the error to raise."""
        self.memory.failed(record, failure)
        return describe(record, failure)


def failure_from(error: BaseException, where: str) -> Failure:
    """What to remember of an exception."""
    if isinstance(error, FaultyPluginError):
        return Failure(where, one_line(error.reason), error.status)
    if isinstance(error, WrongTypeError):
        return Failure(where, one_line(str(error)))
    return Failure(where, reason_of(error))


def describe(record: PluginRecord, failure: Failure) -> RbeeError:
    """``PLUGIN_ERROR`` naming the plugin, its distribution, what it failed at and why."""
    who = f"Plugin '{record.name}' ({record.title})"
    if failure.status == "incompatible":
        return RbeeError(
            ErrorCode.PLUGIN_ERROR,
            f"{who} {failure.reason}.",
            f"Install a version of {record.dist} that was made for this rbee, or another rbee.",
        )
    what = "cannot be loaded" if failure.where == LOAD else f"failed in {failure.where}"
    return RbeeError(
        ErrorCode.PLUGIN_ERROR,
        f"{who} {what}: {failure.reason}",
        f"-v shows the traceback; `rbee plugins check {record.name}` tries it again, "
        f"`rbee plugins disable {record.name}` turns it off.",
    )
