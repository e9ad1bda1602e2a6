"""What a plugin's hooks have to be like, looked at before any of them is called."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from typing import Any

import pluggy

from .. import hookspecs
from .problems import PluginProblem, place


def hook_problems(kind: str, plugin: Any) -> list[PluginProblem]:
    """All that is wrong with the hooks of a plugin object, what keeps it from being used first.

    :param kind: ``vendor`` or ``backend``.
    """
    # Without the specifications nothing is refused, so that everything can be looked at.
    free = pluggy.PluginManager(hookspecs.hookspec.project_name)
    free.register(plugin, name="plugin")
    implemented: dict[str, Any] = {
        caller.name: implementation
        for caller in free.get_hookcallers(plugin) or []
        for implementation in caller.get_hookimpls()
    }
    problems = [*_missing(kind, implemented)]
    for name, implementation in sorted(implemented.items()):
        problems += _unknown(name, implementation) if name not in specified() else _form(kind, name, implementation)
    problems += _unmarked(kind, plugin, implemented)
    # A misspelt hook is why another one is missing.
    order = ("unknown-hook", "hook-argument", "hook-form", "missing-hook")
    return sorted(problems, key=lambda problem: order.index(problem.rule) if problem.fatal else len(order))


@cache
def specified() -> dict[str, list[str]]:
    """Each hook that there is, with the arguments it is offered."""
    mark = f"{hookspecs.hookspec.project_name}_spec"
    return {
        name: list(inspect.signature(value).parameters)
        for name, value in vars(hookspecs).items()
        if inspect.isfunction(value) and hasattr(value, mark)
    }


def _missing(kind: str, implemented: dict[str, Any]) -> Iterator[PluginProblem]:
    absent = [name for name in hookspecs.HOOKS[kind] if name in hookspecs.REQUIRED and name not in implemented]
    if absent:
        yield PluginProblem("missing-hook", f"does not implement {' and '.join(absent)} (is @hookimpl missing?)")


def _unknown(name: str, implementation: Any) -> Iterator[PluginProblem]:
    if implementation.optionalhook:
        return
    near = get_close_matches(name, specified(), n=1)
    guess = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(specified()))}"
    yield PluginProblem("unknown-hook", f"unknown hook {name!r}; {guess}", place(implementation.function))


def _form(kind: str, name: str, implementation: Any) -> Iterator[PluginProblem]:
    """What is wrong with a hook that there is."""
    function, where = implementation.function, place(implementation.function)
    offered, taken = specified()[name], (*implementation.argnames, *implementation.kwargnames)
    if foreign := [argument for argument in taken if argument not in offered]:
        takes = f"{name} takes {', '.join(map(repr, foreign))}"
        offer = f"it is offered {', '.join(offered)}" if offered else "it is offered no argument"
        yield PluginProblem("hook-argument", f"{takes}; {offer}", where)
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        yield PluginProblem("hook-form", f"{name} is async; hooks are plain functions", where)
    elif inspect.isgeneratorfunction(function) and not (implementation.wrapper or implementation.hookwrapper):
        yield PluginProblem("hook-form", f"{name} is a generator; hooks are plain functions", where)
    if name not in hookspecs.HOOKS[kind]:
        (other,) = [one for one, names in hookspecs.HOOKS.items() if name in names]
        hint = f"Declare the plugin in rbee.{other}s as well, or take the hook out."
        yield PluginProblem(
            "foreign-hook", f"{name} is a hook of {other}s, never of a {kind}", where, hint, fatal=False
        )


def _unmarked(kind: str, plugin: Any, implemented: dict[str, Any]) -> Iterator[PluginProblem]:
    """Methods of a class named like an optional hook; a module may have functions of any name."""
    if inspect.ismodule(plugin):
        return
    for name in hookspecs.HOOKS[kind]:
        found = inspect.getattr_static(plugin, name, None)
        if name in implemented or name in hookspecs.REQUIRED or not inspect.isfunction(found):
            continue
        message = f"{name} has no @hookimpl, so it is never called"
        yield PluginProblem(
            "unmarked-hook", message, place(found), "Mark it with @hookimpl, or rename it.", fatal=False
        )
