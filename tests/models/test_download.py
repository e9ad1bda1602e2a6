"""A download from reference to catalog: what is promised is held, and what is wrong leaves nothing behind."""

from __future__ import annotations

import hashlib
import json
from subprocess import CompletedProcess
from typing import Any

import pytest

from .conftest import Shelf

SHA = hashlib.sha256(b"w" * 5000).hexdigest()


def _json(done: CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _error(done: CompletedProcess[str]) -> dict[str, str]:
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    error: dict[str, str] = json.loads(done.stderr)["error"]
    return error


def _visible(shelf: Shelf) -> list[str]:
    models = shelf.rbee.models / "models"
    return sorted(p.relative_to(models).as_posix() for p in models.rglob("*") if p.is_file()) if models.exists() else []


def test_resolve_shows_what_would_come_and_fetches_nothing(shelf: Shelf) -> None:
    shown = _json(shelf.rbee("models", "resolve", "shelf:one", "--json"))
    assert shown["ref"] == "shelf:one"
    assert (shown["scheme"], shown["vendor"], shown["dist"]) == ("shelf", "shelf", "rbee-vendor-shelf")
    assert shown["revision"] == "r1"
    assert shown["size"] == 5002
    assert {"name": "weights", "size": 5000, "digest": f"sha256:{SHA}"} in shown["files"]
    assert shelf.log == ["resolve shelf:one"]
    assert _visible(shelf) == []
    assert "weights" in shelf.rbee("models", "resolve", "shelf:one").stdout


def test_downloaded_verified_published_and_registered(shelf: Shelf) -> None:
    entry = _json(shelf.rbee("models", "download", "shelf:one", "--json"))
    assert (entry["id"], entry["source"], entry["status"]) == ("shelf:one", "shelf:one", "Available")
    assert (entry["size"], entry["revision"], entry["metadata"]["shelf"]) == (5002, "r1", True)
    assert {"name": "weights", "size": 5000, "digest": f"sha256:{SHA}"} in entry["files"]
    folder = shelf.rbee.models / "models"
    weights = next(folder.rglob("weights"))
    assert weights.read_bytes() == b"w" * 5000
    assert weights.samefile(shelf.rbee.models / "blobs" / "sha256" / SHA)
    assert list((shelf.rbee.models / "partial").rglob("*")) == []
    assert _json(shelf.rbee("models", "catalog", "--json"))["models"] == [entry]
    assert _json(shelf.rbee("models", "show", "shelf:one", "--json")) == entry
    assert shelf.rbee("models", "locate", "shelf:one").stdout.strip() == entry["path"]


def test_what_is_here_is_not_asked_for_again(shelf: Shelf) -> None:
    first = _json(shelf.rbee("models", "download", "shelf:one", "--json"))
    imports = shelf.imports
    done = shelf.rbee("models", "download", "shelf:one")
    assert done.returncode == 0
    assert "already here" in done.stderr
    assert _json(shelf.rbee("models", "download", "shelf:one", "--json")) == first
    assert shelf.imports == imports, "the vendor was imported for nothing"


def test_force_downloads_again_and_keeps_the_old_files_if_that_fails(shelf: Shelf) -> None:
    _json(shelf.rbee("models", "download", "shelf:one", "--json"))
    shelf.put("one", weights=b"v" * 4000)
    entry = _json(shelf.rbee("models", "download", "shelf:one", "--force", "--json"))
    assert entry["size"] == 4002
    shelf.vendor(
        "class Vendor(Shelf):\n"
        "    @hookimpl\n"
        "    def download_model(self, ref, dest, job):\n"
        "        raise RbeeError(ErrorCode.DOWNLOAD_FAILED, 'the shelf fell down')\n"
    )
    assert _error(shelf.rbee("models", "download", "shelf:one", "--force", "--json"))["code"] == "DOWNLOAD_FAILED"
    assert _json(shelf.rbee("models", "show", "shelf:one", "--json"))["status"] == "Available"
    assert _json(shelf.rbee("models", "verify", "--json"))["results"][0]["outcome"] == "pass"


def test_the_same_bytes_are_fetched_and_stored_once(shelf: Shelf) -> None:
    shelf.put("two", other=b"w" * 5000, small=b"x")
    _json(shelf.rbee("models", "download", "shelf:one", "--json"))
    entry = _json(shelf.rbee("models", "download", "shelf:two", "--json"))
    assert shelf.log[-1] == "download shelf:two ['other']"
    assert {file["name"] for file in entry["files"]} == {"other", "small"}
    blob = shelf.rbee.models / "blobs" / "sha256" / SHA
    one, two = (next((shelf.rbee.models / "models").rglob(name)) for name in ("weights", "other"))
    assert one.samefile(two) and one.samefile(blob)
    _json(shelf.rbee("models", "rm", "shelf:one", "--json"))
    assert two.read_bytes() == b"w" * 5000


def test_an_id_of_ones_own(shelf: Shelf) -> None:
    shelf.put("two", other=b"2")
    assert _json(shelf.rbee("models", "download", "shelf:one", "--id", "mine", "--json"))["id"] == "mine"
    assert _json(shelf.rbee("models", "download", "mine", "--json"))["source"] == "shelf:one"
    error = _error(shelf.rbee("models", "download", "shelf:two", "--id", "mine", "--json"))
    assert error["code"] == "MODEL_EXISTS"
    assert "mine" in error["message"]
    assert error["hint"]


def test_registered_first_and_fetched_later(shelf: Shelf) -> None:
    done = shelf.rbee(
        *("models", "register", "tiny", "--name", "Tiny", "--repo", "shelf:one", "--architecture", "llama"),
        *("--backends", "cpu,cuda", "--json"),
    )
    entry = _json(done)
    assert entry["status"] == "Downloading"
    assert entry["backends"] == ["cpu", "cuda"]
    table = shelf.rbee("models", "catalog").stdout
    assert "❌" in table and "Tiny" in table
    assert _error(shelf.rbee("models", "locate", "tiny", "--json"))["code"] == "MODEL_NOT_FOUND"
    entry = _json(shelf.rbee("models", "download", "tiny", "--json"))
    assert (entry["id"], entry["name"], entry["status"]) == ("tiny", "Tiny", "Available")
    assert entry["architecture"] == "llama"
    assert "✅" in shelf.rbee("models", "catalog").stdout
    again = shelf.rbee(
        *("models", "register", "tiny", "--name", "T", "--repo", "shelf:x", "--architecture", "l", "--json")
    )
    assert _error(again)["code"] == "MODEL_EXISTS"


def test_an_asked_for_digest(shelf: Shelf) -> None:
    shelf.put("single", model=b"w" * 5000)
    wrong = _error(shelf.rbee("models", "download", "shelf:single", "--sha256", "0" * 64, "--json"))
    assert wrong["code"] == "CHECKSUM_MISMATCH"
    assert SHA in wrong["message"]
    assert _visible(shelf) == []
    entry = _json(shelf.rbee("models", "download", "shelf:single", "--sha256", SHA.upper(), "--json"))
    assert entry["digest"] == f"sha256:{SHA}"
    done = shelf.rbee("models", "download", "shelf:one", "--sha256", SHA, "--json")
    assert done.returncode == 2
    assert shelf.rbee("models", "download", "shelf:one", "--sha256", "zz").returncode == 2


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("(dest / 'weights').write_bytes(b'W' * 5000); (dest / 'sub').mkdir(exist_ok=True)\n"
         "        (dest / 'sub/config').write_bytes(b'{}')\n"
         "        return 5002", "CHECKSUM_MISMATCH"),
        ("(dest / 'weights').write_bytes(b'w' * 5000)\n"
         "        return DownloadResult(files=[DownloadedFile(name='weights', size=5000)])", "DOWNLOAD_FAILED"),
        ("return DownloadResult(files=[DownloadedFile(name='../../escaped', size=1)])", "UNSAFE_PATH"),
        ("os.symlink('/etc/passwd', dest / 'weights'); (dest / 'sub').mkdir(exist_ok=True)\n"
         "        (dest / 'sub/config').write_bytes(b'{}')\n"
         "        return DownloadResult(files=[DownloadedFile(name=n, size=1) for n in ('weights', 'sub/config')])",
         "UNSAFE_PATH"),
        ("return DownloadResult(files=[DownloadedFile(name=n, size=1) for n in ('weights', 'sub/config')])",
         "PLUGIN_ERROR"),
        ("return 'done'", "PLUGIN_ERROR"),
        ("raise ValueError('the shelf is on fire')", "PLUGIN_ERROR"),
        ("raise OSError(28, 'No space left on device')", "INSUFFICIENT_DISK"),
    ],
    ids=["wrong bytes", "a file missing", "climbing", "a symlink", "not there", "wrong type", "raises", "disk full"],
)  # fmt: skip
def test_a_vendor_that_does_not_deliver_publishes_nothing(shelf: Shelf, body: str, code: str) -> None:
    shelf.vendor(
        f"class Vendor(Shelf):\n    @hookimpl\n    def download_model(self, ref, dest, job):\n        {body}\n"
    )
    error = _error(shelf.rbee("models", "download", "shelf:one", "--json"))
    assert error["code"] == code
    assert _visible(shelf) == []
    (entry,) = _json(shelf.rbee("models", "catalog", "--json"))["models"]
    assert entry["status"] == "Failed"
    assert entry["error"] == error["message"]
    shelf.vendor()
    assert _json(shelf.rbee("models", "download", "shelf:one", "--json"))["status"] == "Available"


def test_hostile_names_are_refused_before_a_byte_is_fetched(shelf: Shelf) -> None:
    names = ["../x", "/abs", "a/../../x", "C:\\x", "a\\b", "con", "x\0y", ""]
    for name in names:
        shelf.vendor(
            "class Vendor(Shelf):\n"
            "    @hookimpl\n"
            "    def resolve_model(self, ref, job):\n"
            f"        return ModelManifest(files=[ManifestFile(name={name!r}, size=1)])\n"
        )
        for command in ("resolve", "download"):
            assert _error(shelf.rbee("models", command, "shelf:one", "--json"))["code"] == "UNSAFE_PATH", name
    shelf.vendor(
        "class Vendor(Shelf):\n"
        "    @hookimpl\n"
        "    def resolve_model(self, ref, job):\n"
        "        return ModelManifest(files=[ManifestFile(name='A'), ManifestFile(name='a')])\n"
    )
    assert _error(shelf.rbee("models", "download", "shelf:one", "--json"))["code"] == "UNSAFE_PATH"
    assert not [line for line in shelf.log if line.startswith("download")]


def test_a_vendor_of_the_seed_which_only_counts_bytes(shelf: Shelf) -> None:
    shelf.vendor(
        "class Vendor:\n"
        "    @hookimpl\n"
        "    def supports_model(self, ref):\n"
        "        return ref.rest == 'plain'\n"
        "    @hookimpl\n"
        "    def download_model(self, ref, dest):\n"
        "        return (dest / 'model.gguf').write_bytes(b'plain')\n"
    )
    assert _json(shelf.rbee("models", "resolve", "shelf:plain", "--json"))["files"] is None
    entry = _json(shelf.rbee("models", "download", "shelf:plain", "--json"))
    assert entry["files"] == [
        {"name": "model.gguf", "size": 5, "digest": f"sha256:{hashlib.sha256(b'plain').hexdigest()}"}
    ]
    assert entry["format"] == "gguf"
    assert entry["metadata"]["problem"]
    assert _error(shelf.rbee("models", "download", "shelf:other", "--json"))["code"] == "NO_VENDOR"


def test_too_little_room_is_told_before(shelf: Shelf) -> None:
    shelf.vendor(
        "class Vendor(Shelf):\n"
        "    @hookimpl\n"
        "    def resolve_model(self, ref, job):\n"
        "        return ModelManifest(files=[ManifestFile(name='weights', size=10**17)])\n"
    )
    error = _error(shelf.rbee("models", "download", "shelf:one", "--json"))
    assert error["code"] == "INSUFFICIENT_DISK"
    assert "100000.0 TB" in error["message"]
    assert "Free " in error["hint"]
    assert not [line for line in shelf.log if line.startswith("download")]


def test_no_vendor_and_no_such_model(shelf: Shelf) -> None:
    error = _error(shelf.rbee("models", "download", "nowhere:model", "--json"))
    assert error["code"] == "NO_VENDOR"
    assert "No plugin for 'nowhere:'" in error["message"]
    assert "rbee-vendor-nowhere" in error["hint"]
    assert _error(shelf.rbee("models", "download", "shelf:none", "--json"))["code"] == "MODEL_NOT_FOUND"
    assert _error(shelf.rbee("models", "download", "garbage", "--json"))["code"] == "INVALID_REF"
    assert _json(shelf.rbee("models", "catalog", "--json"))["models"] == []


def test_the_steps_are_told_on_standard_error_in_lines(shelf: Shelf) -> None:
    done = shelf.rbee("models", "download", "shelf:one")
    assert done.stdout == ""
    assert done.stderr.splitlines()[0] == "Downloading shelf:one (5.0 kB)"
    assert "shelf:one is ready" in done.stderr
    assert "\x1b" not in done.stderr and "\r" not in done.stderr


def test_an_unwritable_store_is_a_sentence(shelf: Shelf) -> None:
    blocked = shelf.root / "file"
    blocked.write_text("")
    error = _error(shelf.rbee("models", "download", "shelf:one", "--json", env={"RBEE_MODELS_DIR": str(blocked)}))
    assert str(blocked) in error["message"]
