"""The example in ``CONTRIBUTING.md`` passes the contract of vendors; made bad in one way, it fails that one rule."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from rbee_core.testing.dists import make_dist

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL)
EXAMPLE = next(block for block in BLOCKS if "class ShelfVendor" in block)
TEST = next(block for block in BLOCKS if "class TestShelf" in block)

YES = 'return ref.scheme == "shelf"'
COPY = "copy_file(file, dest / file.name, tally, name=file.name)"
BEGIN = "        tally = Tally("
CHECK = """    if not file.is_file():
        raise RbeeError(ErrorCode.MODEL_NOT_FOUND, f"There is no {file}.", "Look for a typing error.")
"""
IMPORT, PURE, CLAIM = "importing_it_is_cheap", "supporting_is_pure", "it_supports_what_it_claims_and_nothing_else"
PRINTED, STATE = "nothing_is_printed_to_standard_output", "the_process_is_left_as_it_was"
BROUGHT, STOP = "what_it_promises_is_what_it_brings", "it_stops_when_it_is_told_to"
MISSING, BROKEN = "a_model_that_is_not_there", "what_broke_off_is_gone_on_with"
HOSTILE, TOGETHER = "hostile_names_are_refused", "two_at_the_same_time"
OFFLINE, PART = "offline_nothing_is_sent", "a_part_is_what_the_whole_has_there"


def before_copy(line: str) -> tuple[str, str]:
    return BEGIN, f"        {line}\n{BEGIN}"


#: What is wrong -> the rule it breaks, what is written in the example, and what instead.
BAD: dict[str, tuple[str, str, str]] = {
    "Greedy": (CLAIM, YES, "return True"),
    "Timid": (CLAIM, YES, 'return ref.rest == "tiny"'),
    "NoBool": (CLAIM, YES, 'return ref.scheme == "shelf" and "yes"'),
    "LooksAtTheDisk": (PURE, YES, 'return ref.scheme == "shelf" and SHELF.is_dir()'),
    "AsksAServer": (PURE, YES, 'return ref.scheme == "shelf" and asked()'),
    "Heavy": (IMPORT, "import os\n", "import os\nimport rich\n"),
    "Wide": (IMPORT, "import os\n", "import os\nimport asyncio, unittest.mock, xmlrpc.server, http.server\n"),
    "Prints": (PRINTED, *before_copy('print("copying")')),
    "PrintsBelowPython": (PRINTED, *before_copy('os.write(1, b"copying")')),
    "PrintsAsItIsLoaded": (PRINTED, "SHELF = ", 'print("hello")\nSHELF = '),
    "Environment": (STATE, *before_copy('os.environ["SHELF_BUSY"] = "1"')),
    "Folder": (STATE, *before_copy("os.chdir(dest)")),
    "Signals": (STATE, "SHELF = ", "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\nSHELF = "),
    "Logging": (STATE, "SHELF = ", "import logging; logging.basicConfig(level=10)\nSHELF = "),
    "Thread": (STATE, *before_copy("import threading; threading.Timer(300, print).start()")),
    "WrongSize": (BROUGHT, "size=file.stat().st_size)]", "size=1)]"),
    "WrongType": (BROUGHT, f"DownloadResult(files=[{COPY}])", f"{{'files': [{COPY}]}}"),
    "AbsoluteName": (BROUGHT, COPY, COPY.replace("name=file.name", "name=str(dest / file.name)")),
    "WritesElsewhere": (BROUGHT, *before_copy('Path("shelf.log").write_text("copied")')),
    "Deaf": (STOP, f"[{COPY}]", "[copied(file, dest, job)]"),
    "TrustsWhatIsThere": (BROKEN, f"[{COPY}]", f"[known(file, dest) or {COPY}]"),
    "TakesAnyName": (HOSTILE, COPY, "copy_file(file, dest / named(ref, file), tally, name=named(ref, file))"),
    "TidiesNames": (HOSTILE, COPY, "copy_file(file, dest / tidy(ref, file), tally, name=tidy(ref, file))"),
    "OneForAll": (TOGETHER, f"[{COPY}]", "[shared(file, dest, job)]"),
    "BareError": (MISSING, CHECK, ""),
    "WrongCode": (MISSING, "MODEL_NOT_FOUND", "DOWNLOAD_FAILED"),
    "NoHint": (MISSING, '"Look for a typing error."', '""'),
    "TellsPython": (MISSING, 'f"There is no {file}."', '"FileNotFoundError(2)"'),
    "OtherBytes": (PART, "\n\ndef find", '\n    @hookimpl\n    def read_model(self, ref): return b"x"\n\ndef find'),
}
MORE = """

def asked():
    import socket
    try:
        socket.create_connection(("127.0.0.1", 9), 1).close()
    except OSError:
        pass
    return True


def result(file, dest):
    from rbee_core.contracts import DownloadedFile
    return DownloadedFile(name=file.name, size=(dest / file.name).stat().st_size)


def copied(file, dest, job):
    job.progress(1, 2)
    (dest / file.name).write_bytes(file.read_bytes())
    return result(file, dest)


def known(file, dest):
    return (dest / file.name).exists() and result(file, dest)


def shared(file, dest, job):
    global CURRENT
    CURRENT = dest
    job.progress(1, 2)
    copy_file(file, CURRENT / file.name, Tally(job), name=file.name)
    return result(file, dest)


def named(ref, file):
    return (SHELF / "name.txt").read_text(newline="") if ref.rest == "named" else file.name


def tidy(ref, file):
    return "tidy.gguf" if ref.rest == "named" else file.name
"""
#: Over HTTP, on the vendor of web addresses.
REMOTE = {
    "RemoteGood": (None, "pass"),
    "BeginsAnew": (BROKEN, "[path.unlink() for path in dest.iterdir()]"),
    "DeafInSilence": (STOP, "job = job if job.cancelled else Job(options=job.options)"),
    "IgnoresOffline": (OFFLINE, "job.options.offline = False"),
}
REMOTE_SOURCE = """
from rbee_core import Job, hookimpl
from rbee_vendor_http import HttpVendor


class ShelfVendor(HttpVendor):
    @hookimpl
    def download_model(self, ref, dest, job):
        {line}
        return super().download_model(ref, dest, job)
"""
BASES = """
import os
from dataclasses import replace

import pytest
import test_shelf
from rbee_core.testing import FileServer, VendorContract, VendorModel


class Local(test_shelf.TestShelf):
    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls):
        return "rbee-vendor-" + cls.__name__.removeprefix("Bad").lower()

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tmp_path_factory):
        shelf = tmp_path_factory.mktemp("shelf")
        for name in ("tiny", "named"):
            (shelf / f"{name}.gguf").write_bytes(os.urandom(3 << 20))

        def publish(name):
            (shelf / "name.txt").write_text(name, newline="")
            return "shelf:named"

        publish = publish if cls.__name__ in ("BadTakesAnyName", "BadTidiesNames") else None
        return VendorModel("shelf:tiny", "shelf:nothing", env={"SHELF": str(shelf)}, publish=publish)


class Remote(Local):
    @pytest.fixture(scope="class")
    @classmethod
    def model(cls):
        with FileServer() as server:
            url = server.page("/m.gguf", os.urandom(12 << 20), headers={"ETag": '"v1"'})
            yield VendorModel(url, f"{server.url}/none.gguf", proxy=server.proxy)
"""


def install(folder: Path, name: str, source: str, *schemes: str) -> None:
    module = f"vendor_{name.lower()}"
    entries = dict.fromkeys(schemes, f"{module}:ShelfVendor")
    make_dist(folder, f"rbee-vendor-{name.lower()}", "1.0", {"rbee.vendors": entries}, {f"{module}.py": source})


@pytest.mark.slow
@pytest.mark.timeout(420)
def test_each_bad_vendor_fails_its_rule_and_no_other(tmp_path: Path, failures: Any) -> None:
    install(tmp_path, "shelf", EXAMPLE, "shelf")
    classes, expected = "", {"TestShelf": set[str]()}
    for name, (rule, good, bad) in BAD.items():
        assert EXAMPLE.count(good) == 1, f"{name}: the example holds {good!r} {EXAMPLE.count(good)} times"
        install(tmp_path, name, EXAMPLE.replace(good, bad) + MORE, "shelf")
        classes += f"\n\nclass Bad{name}(Local):\n    pass\n"
        expected[name] = {rule}
    for name, (broken, line) in REMOTE.items():
        install(tmp_path, name, dedent(REMOTE_SOURCE).format(line=line), "http", "https")
        classes += f"\n\nclass Bad{name}(Remote):\n    pass\n"
        expected[name] = {broken} if broken else set()
    found, output = failures(tmp_path, {"test_shelf": TEST, "test_bad": BASES + classes})
    assert found == expected, output
