"""A small worker passes the contract of all workers; made bad in one way, it fails that one rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
GOOD = (HERE / "echo_worker" / "__main__.py").read_text(encoding="utf-8")

READY, INFO = "it_is_ready_once_it_can_answer_and_not_before", "its_info_says_what_runs_here"
MODELS = "its_models_are_the_one_that_is_loaded"
MANY, WRONG = "many_are_answered_at_once", "a_wrong_request_is_a_400_in_openais_shape"
LARGE, PATHS = "what_is_too_large_is_refused_before_it_is_read", "unknown_paths_and_methods_have_the_same_shape"
PAGES, LISTENS = "a_web_page_from_elsewhere_is_refused", "nothing_but_the_front_listens_and_on_loopback_only"
AWAY, TERM = "clients_that_go_away_do_no_harm", "sigterm_lets_it_finish_what_it_has_in_hand"
KEY, CRASH, ORPHANS = (
    "a_key_is_demanded_and_never_shown",
    "a_crash_ends_it_and_is_told",
    "nothing_outlives_it_when_it_is_killed",
)
IDLE, PIPE = "left_alone_it_ends_if_it_is_to", "it_ends_with_the_pipe_it_watches_even_while_loading"
DAMAGED, PORT = "a_damaged_model_ends_it_with_its_reason", "a_port_that_is_taken_is_told"
READY_FILE, USAGE = "its_ready_file_says_where_it_listens", "a_wrong_command_line_is_told[{}]"

#: What is wrong -> the rule it breaks, what is written in the good one, and what instead.
BAD: dict[str, tuple[str, str, str]] = {
    "ReadyTooSoon": (READY, "if not STATE.ready:\n", "REFUSALS.append(1)\n        if len(REFUSALS) < 3:\n"),
    "LoadsWithoutAWord": (READY, '"status": "starting"', '"status": "wait"'),
    "NoVersion": (INFO, '"version": "1.0"', '"version": "0"'),
    "AnotherName": (INFO, '"id": GIVEN.worker_id', '"id": "echo"'),
    "ListsMore": (MODELS, '"data": [MODEL]', '"data": [MODEL, MODEL]'),
    "HasEveryModel": (MODELS, "if path.removeprefix(LISTED) != GIVEN.model_id:", "if False:"),
    "OneAtATime": (MANY, "if STATE.requests > 100:", "if STATE.requests > 1:"),
    "TakesAnything": (WRONG, 'if not isinstance(asked.get("input"), str):', "if False:"),
    "FallsOverJson": (WRONG, "except (ValueError, RecursionError):", "except UnicodeError:"),
    "NamesNoField": (WRONG, '"no text", param="input"', '"no text"'),
    "LargeIsA400": (LARGE, "raise Refused(413,", "raise Refused(400,"),
    "PagesOfHtml": (PATHS, "            raise Refused(404, path)\n", '            return self._page("<h1>404</h1>")\n'),
    "AnyMethod": (PATHS, "if self.command != method:", "if False:"),
    "AnyPage": (PAGES, "if not all(map(_is_local, names)):", "if False:"),
    "ListensTwice": (LISTENS, "\nmain()\n", "\nOTHER = ThreadingHTTPServer(('127.0.0.2', 0), Handler)\nmain()\n"),
    "Fragile": (AWAY, "except OSError:  # the client has gone\n", "except OSError:\n            os._exit(1)\n"),
    "Deaf": (TERM, "signal.signal(signal.SIGTERM, told)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"),
    "CutsOff": (TERM, "while STATE.requests:", "while False:"),
    "EndsOddly": (TERM, "    end(0)\n\n\nmain()", "    end(143 if stop.is_set() else 0)\n\n\nmain()"),
    "NoKey": (KEY, "if KEY and given != ", "if False and given != "),
    "ShowsItsKey": (KEY, "GIVEN = parse()\n", "GIVEN = parse()\nsay(open(GIVEN.api_key_file or os.devnull).read())\n"),
    "ShrugsOffACrash": (CRASH, "os._exit(1)  # and it is the engine that has crashed", "pass"),
    "Orphans": (ORPHANS, "while os.getppid() == parent:", "time.sleep(8)\nwhile os.getppid() == parent:"),
    "Stays": (IDLE, "if GIVEN.idle_timeout and idle", "if False and idle"),
    "OutlivesItsStarter": (PIPE, "if GIVEN.watch_fd is not None:", "if False:"),
    "TakesAnyModel": (DAMAGED, "if not text.endswith(END):", "if False:"),
    "TellsNoReason": (DAMAGED, 'fail(f"{GIVEN.model} is no model', 'fail(f"this is no model'),
    "PortWithoutAWord": (PORT, 'fail(f"Cannot listen on', 'fail(f"no port'),
    "OnlyItsPort": (READY_FILE, '{"pid": os.getpid(), "host": GIVEN.host, "port": port}', '{"port": port}'),
    "WrongStatus": (USAGE.format("port-99999-99999"), 'error(f"{given.port}', 'exit(1, f"{given.port}'),
    "OpenToAll": (USAGE.format("host-0.0.0.0-give an API key"), '"give an API key"', '"no"'),
}  # fmt: skip
TESTS = '''
from dataclasses import replace
from pathlib import Path

import pytest
from rbee_core.testing.cli import RbeeHome
from rbee_core.testing.worker_contract import Build, WorkerRequest
from rbee_core.testing.worker_contract.answers import AnswersContract
from rbee_core.testing.worker_contract.life import LifeContract

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def shared_home(tmp_path_factory):
    return RbeeHome(tmp_path_factory.mktemp("base") / "home", {"RBEE_WORKERS_PATH": str(HERE / "echo_worker")})


def echoes(answer):
    assert answer.json() == {"text": "HELLO"}


def echoes_long(answer):
    assert answer.body == b'{"text": "' + b"A" * (12 << 20) + b'"}'


class BadGood(WorkerContract):
    ready_within = ends_within = 3.0

    @pytest.fixture(scope="class")
    @classmethod
    def variant(cls):
        return "echo-cpu"

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls):
        return f"file:{HERE / 'tiny.echo'}"

    @pytest.fixture(scope="class")
    @classmethod
    def build(cls, variant, model, shared_home):
        """One environment for all, with another program in it for each."""
        build = Build.of(variant, model, shared_home)
        run = {**build.recipe["run"]}
        program = {"echo_worker.__main__": f"echo_worker.{cls.__name__}"}
        run["entry"] = [part if isinstance(part, list) else program.get(part, part) for part in run["entry"]]
        return replace(build, recipe={**build.recipe, "run": run})

    @pytest.fixture(scope="class")
    @classmethod
    def question(cls):
        return WorkerRequest("/v1/echo", {"input": "hello"}, check=echoes, wrong=[({"input": 7}, "input")])

    @pytest.fixture(scope="class")
    @classmethod
    def long_question(cls):
        return WorkerRequest("/v1/echo", {"input": "a", "times": 12 << 20}, check=echoes_long)
'''


#: The rules of a worker that runs; the others are of how one begins and ends.
ANSWERS = {READY, INFO, MODELS, MANY, WRONG, LARGE, PATHS, PAGES, LISTENS, AWAY}


@pytest.mark.slow
@pytest.mark.timeout(420)
@pytest.mark.parametrize("half", ["Answers", "Life"])
def test_each_bad_worker_fails_its_rule_and_no_other(tmp_path: Path, failures: Any, half: str) -> None:
    package = tmp_path / "echo_worker"
    package.mkdir()
    for name in ("__init__.py", "worker.toml"):
        package.joinpath(name).write_text((HERE / "echo_worker" / name).read_text(encoding="utf-8"))
    package.joinpath("__main__.py").write_text(GOOD)
    (tmp_path / "tiny.echo").write_text("echo " * 400 + "end\n")
    classes, expected = "", {"Good": set[str]()}
    programs = {"BadGood": GOOD}
    for name, (rule, good, bad) in BAD.items():
        assert GOOD.count(good) == 1, f"{name}: the good one holds {good!r} {GOOD.count(good)} times"
        if (rule in ANSWERS) != (half == "Answers"):
            continue
        programs[f"Bad{name}"] = GOOD.replace(good, bad)
        classes += f"\n\nclass Bad{name}(BadGood):\n    pass\n"
        expected[name] = {rule}
    for name, source in programs.items():
        package.joinpath(f"{name}.py").write_text(source)
    found, output = failures(tmp_path, {"test_bad": TESTS.replace("(WorkerContract)", f"({half}Contract)") + classes})
    assert found == expected, output
