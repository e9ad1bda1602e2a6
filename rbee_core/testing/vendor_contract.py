"""What every vendor has to be, as tests: a vendor's author subclasses `VendorContract` and overrides two fixtures.

```python
class TestShelf(VendorContract):
    @pytest.fixture(scope="class")
    @classmethod
    def plugin(cls) -> str:
        return "rbee-vendor-shelf"

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls, tmp_path_factory) -> VendorModel:
        return VendorModel(ref="shelf:tiny", missing="shelf:nothing")
```

The plugin is found by its entry point and runs in a process of its own; ``docs/plugins.md`` lists the rules.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ..errors import RbeeError
from ..names import check_names
from .faults import ON_THE_WAY, Fault, FaultProxy
from .hostile import NAMES
from .plugin_contract import PluginContract, honest, loaded
from .plugin_process import Answer, PluginProcess

#: References of other vendors: none but the one that declares their scheme may say yes.
OTHERS = (
    *(
        "hf:rbee/probe",
        "ollama:probe",
        "file:/rbee-probe",
        "http://probe.invalid/m.gguf",
        "https://probe.invalid/m.gguf",
    ),
    *("s3://probe/m.gguf", "oci://probe.invalid/rbee:probe", "oci://bucket@namespace/m.gguf", "demo:probe"),
    *("docker://probe.invalid/rbee:probe", "nobodys:probe"),
)


@dataclass(frozen=True, slots=True)
class VendorModel:
    """A model to try the vendor on.

    :param ref: a reference of it. At least 2 MiB, so that it can be interrupted; 12 MiB behind a proxy.
    :param missing: a reference that is the vendor's too, of a model that is not there.
    :param env: environment of the plugin's process.
    :param others: references of the vendor's own scheme that it must not take, where vendors share the scheme.
    :param proxy: for a vendor that fetches over HTTP: the proxy in front of the server, which ``ref`` leads through. It
        makes the network slow, silent and cut, and counts what is fetched.
    :param publish: for a vendor whose source names the files: makes a model with one file of the given name, and gives
        its reference, or ``None`` where the source cannot have such a name.
    """

    ref: str
    missing: str
    env: Mapping[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    proxy: FaultProxy | None = None
    publish: Callable[[str], str | None] | None = None


class VendorContract(PluginContract):
    """The conformance class."""

    kind = "vendor"
    #: Seconds that work may go on after its job was cancelled.
    cancelled_within: ClassVar[float] = 1.0
    #: How it may say that a model is not there; a source that hides what it has may say ``AUTH_REQUIRED`` as well.
    missing_codes: ClassVar[frozenset[str]] = frozenset({"MODEL_NOT_FOUND"})
    #: Options of every download (`rbee_core.JobOptions`).
    options: ClassVar[Mapping[str, Any]] = {}

    @pytest.fixture(scope="class")
    @classmethod
    def model(cls) -> VendorModel:
        """The model it is tried on."""
        raise NotImplementedError("override the fixture 'model'")

    @pytest.fixture(scope="class")
    @classmethod
    def process(
        cls, plugin: str, model: VendorModel, tmp_path_factory: pytest.TempPathFactory
    ) -> Iterator[PluginProcess]:
        """The process it runs in, started when it is first asked something."""
        scheme = model.ref.partition(":")[0]
        with PluginProcess("vendor", plugin, scheme, tmp_path_factory.mktemp("plugin"), model.env) as process:
            yield process

    @pytest.fixture(scope="class")
    @classmethod
    def first(cls, process: PluginProcess, model: VendorModel) -> dict[str, Answer]:
        """The answers of an ordinary use."""
        return {
            "supports": process.ask("supports", refs=[model.ref, model.missing]),
            "resolve": process.ask("resolve", ref=model.ref, **cls.options) if _has(process, "resolve_model") else {},
            "download": process.ask("download", ref=model.ref, dest=str(process.folder / "first"), **cls.options),
            "missing": process.ask("download", ref=model.missing, dest=str(process.folder / "missing"), **cls.options),
        }

    @pytest.fixture(scope="class")
    @classmethod
    def use(cls, first: dict[str, Answer]) -> Answer:
        """The last answer of the ordinary use."""
        return first["missing"]

    # --- which references are its own -------------------------------------------------------------------------------

    def test_it_supports_what_it_claims_and_nothing_else(self, process: PluginProcess, model: VendorModel) -> None:
        schemes = loaded(process)["schemes"]
        others = [ref for ref in OTHERS if ref.partition(":")[0] not in schemes] + list(model.others)
        answers = process.ask("supports", refs=[model.ref, model.missing, *others])
        assert "answers" in answers, f"supports_model failed: {answers}"
        wrong = {ref: given for ref, given in answers["answers"].items() if given != [str(ref not in others)]}
        assert not wrong, f"supports_model gave {wrong}; it is True for its own references and False for all others"

    def test_supporting_is_pure(self, process: PluginProcess, model: VendorModel) -> None:
        """It is asked for each reference, also where there is no network: the reference's text has to do."""
        answers = process.ask("supports", refs=[model.ref, model.missing])
        assert answers["calls"] == [], f"supports_model called {', '.join(answers['calls'][:5])}"

    # --- what it brings ---------------------------------------------------------------------------------------------

    def test_what_it_promises_is_what_it_brings(self, first: dict[str, Answer], process: PluginProcess) -> None:
        """Results of the right type, relative names, true sizes and digests, and nothing outside of ``dest``."""
        told, dest = first["download"], process.folder / "first"
        assert told.get("type") in ("DownloadResult", "int"), f"download_model gave {told}"
        found = _hashes(dest)
        assert found, "download_model left no file in dest"
        if told["type"] == "DownloadResult":
            _check_files(told["result"]["files"], dest)
        promised = first["resolve"]
        if promised:
            assert promised.get("type") in ("ModelManifest", "NoneType"), f"resolve_model gave {promised}"
            if promised["type"] == "ModelManifest":
                _check_files(promised["result"]["files"], dest)
        strange = sorted(path.name for path in (process.folder / "cwd").iterdir())
        assert strange == [], f"it wrote into the current folder: {strange}"

    def test_a_part_is_what_the_whole_has_there(
        self, first: dict[str, Answer], process: PluginProcess, model: VendorModel
    ) -> None:
        """The hook ``read_model``, of a vendor that has it."""
        names = sorted(_hashes(process.folder / "first"))
        has = _has(process, "read_model")
        for name in names if has else []:
            whole = (process.folder / "first" / name).read_bytes()
            parts = [(0, 64), (len(whole) // 2, 1000), (max(0, len(whole) - 10), 100)]
            read = process.ask("read", ref=model.ref, name=name, parts=parts)
            assert "parts" in read, f"read_model failed: {read}"
            expected = [whole[start : start + length].hex() for start, length in parts]
            assert read["parts"] in (expected, ["None"] * 3), f"read_model gave other bytes of {name} than downloaded"
        assert names, first

    def test_two_at_the_same_time(self, first: dict[str, Answer], process: PluginProcess, model: VendorModel) -> None:
        """Two threads, an instance each: neither takes anything from the other."""
        dest = process.folder / "together"
        answer = process.ask("download", ref=model.ref, dest=str(dest), instances=2, **self.options)
        wanted = _hashes(process.folder / "first")
        for number, one in enumerate(answer.get("found", [answer])):
            assert "result" in one, f"one of two downloads at the same time failed: {one}"
            assert _hashes(dest / str(number)) == wanted, "of two downloads at the same time, one has other files"

    # --- what may befall --------------------------------------------------------------------------------------------

    def test_it_stops_when_it_is_told_to(self, process: PluginProcess, model: VendorModel) -> None:
        """Before it begins, and on the way - with a server that has fallen silent, where there is a proxy."""
        at_once = process.ask("download", ref=model.ref, dest=str(process.folder / "at-once"), cancel="at once")
        honest_cancel(at_once)
        dest = str(process.folder / "cancelled")
        if model.proxy is None:
            answer = process.ask("download", ref=model.ref, dest=dest, cancel="progress", **self.options)
        else:
            proxy, before = model.proxy, model.proxy.bytes_sent
            proxy.set(Fault("silent", times=None, stall_after=100_000))
            try:
                process.start("download", ref=model.ref, dest=dest, **{"stall_timeout": 300, **self.options})
                process.until(lambda: proxy.bytes_sent > before)
                process.cancel()
                answer = process.finish("a cancelled download", limit=10)
            finally:
                proxy.set(None)
        late = process.ask("late")["late"]
        assert late is not None, "it told no progress: call job.progress as bytes arrive"
        honest_cancel(answer)
        assert late <= self.cancelled_within, f"it went on for {late:g} s: call job.check_cancelled once a second"

    def test_what_broke_off_is_gone_on_with(
        self, first: dict[str, Answer], process: PluginProcess, model: VendorModel
    ) -> None:
        """The process is killed on the way; the next finds in ``dest`` what there is, and ends with the right bytes."""
        wanted = _hashes(process.folder / "first")
        dest, proxy = process.folder / "broken", model.proxy
        before = proxy.bytes_sent if proxy else 0
        question = {"ref": model.ref, "dest": str(dest), **self.options}
        if proxy is None:
            process.start("download", cancel="die", **question)
            with pytest.raises(AssertionError, match="ended the whole process"):
                whole = process.finish("a download")
                pytest.fail(f"it told no progress, so that it cannot be interrupted on the way: {whole}")
        else:
            size = max(path.stat().st_size for path in (process.folder / "first").rglob("*") if path.is_file())
            proxy.set(Fault("slow", times=None, rate=1e6))
            process.start("download", connections=4, **question)
            came = process.until(lambda: proxy.bytes_sent - before - ON_THE_WAY > 0.6 * size)
            assert came, f"it ended before it was interrupted; is the model smaller than 12 MiB? {size} bytes"
            process.kill()
            proxy.set(None)
            before = proxy.bytes_sent
        again = process.ask("download", **question)
        assert "result" in again, f"after an interruption it fails: {again}"
        found = {name: digest for name, digest in _hashes(dest).items() if name in wanted}
        assert found == wanted, "after an interruption it gives other bytes"
        if proxy is not None:
            fetched = proxy.bytes_sent - before
            assert fetched < 0.75 * size, f"it fetched {fetched} of {size} bytes again, though more than half was there"

    def test_hostile_names_are_refused(
        self, first: dict[str, Answer], process: PluginProcess, model: VendorModel
    ) -> None:
        """A file's name is refused with ``UNSAFE_PATH``, by the vendor or by the core to which it is told unchanged."""
        dest = (process.folder / "first").resolve()
        assert "result" in first["download"], f"download_model failed: {first['download']}"
        assert all(path.resolve().is_relative_to(dest) for path in dest.rglob("*")), "a link leads out of dest"
        for number, (why, name) in enumerate(NAMES.items()):
            ref = model.publish(name) if model.publish else None
            if ref is None:
                continue
            dest = process.folder / f"hostile{number}" / "in" / "dest"
            answer = process.ask("download", ref=ref, dest=str(dest), include=["*"])
            around = [path for path in dest.parents[1].rglob("*") if path not in (dest, dest.parent)]
            outside = [str(path) for path in around if not path.is_relative_to(dest)]
            assert not outside, f"{why}: {name!r} led it to write outside of dest: {outside}"
            assert _refused(answer, name), f"{why}: {name!r} was not refused: {answer}"

    def test_a_model_that_is_not_there(
        self, first: dict[str, Answer], process: PluginProcess, model: VendorModel
    ) -> None:
        honest(first["missing"], self.missing_codes)
        if _has(process, "resolve_model"):
            answer = process.ask("resolve", ref=model.missing, **self.options)
            if answer.get("type") != "NoneType":  # it cannot tell
                honest(answer, self.missing_codes)

    def test_offline_nothing_is_sent(
        self, process: PluginProcess, model: VendorModel, first: dict[str, Answer]
    ) -> None:
        """With ``job.options.offline`` the answer comes from this machine, or is an error that says so."""
        dest = str(process.folder / "offline")
        answer = process.ask("download", ref=model.ref, dest=dest, **{**self.options, "offline": True})
        assert "raised" not in answer, f"offline it raised {answer['raised']}, not RbeeError"
        assert answer["calls"] == [], f"offline it called {answer['calls'][:5]}"
        if "error" in answer:
            honest(answer, frozenset({"DOWNLOAD_FAILED"}))
            message = f"{answer['error']['message']} {answer['error']['hint']}".lower()
            assert "offline" in message, f"offline it failed for another reason: {message}"


def honest_cancel(answer: Answer) -> None:
    """Check that an answer is that of a cancelled job."""
    assert "result" not in answer, "it was cancelled and brought a result all the same"
    assert answer.get("error", {}).get("code") == "CANCELLED", f"a cancelled job ended with {answer}"


def _has(process: PluginProcess, hook: str) -> bool:
    return hook in loaded(process)["hooks"]


def _hashes(folder: Path) -> dict[str, str]:
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                found[path.relative_to(folder).as_posix()] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def _check_files(files: list[Answer], dest: Path) -> None:
    assert files, "it names no file"
    check_names(file["name"] for file in files)
    found = _hashes(dest)
    for file in files:
        name, size, digest = file["name"], file.get("size"), file.get("digest")
        assert name in found, f"{name} is not in dest, where there is {sorted(found)}"
        real = (dest / name).stat().st_size
        assert size in (None, real), f"{name} has {real} bytes, not {size}"
        if digest and digest.startswith("sha256:"):
            assert digest == f"sha256:{found[name]}", f"{name} has another digest than {digest}"


def _refused(answer: Answer, name: str) -> bool:
    """Whether the vendor refused a name, or told it as it is, so that the core does."""
    if answer.get("error", {}).get("code") == "UNSAFE_PATH":
        return True
    told = answer.get("result")
    if not isinstance(told, dict) or name not in [file["name"] for file in told["files"]]:
        return False
    try:
        check_names(file["name"] for file in told["files"])
    except RbeeError:
        return True
    return False
