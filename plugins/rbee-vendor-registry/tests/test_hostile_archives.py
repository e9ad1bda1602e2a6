"""Archives that want out of the model's folder, or to fill the disk, or to be something else than they are."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rbee_vendor_registry import unpack as unpacking
from rbee_vendor_registry.layout import Archive
from rbee_vendor_registry.tarstream import MAX_HEADER
from rbee_vendor_registry.unpack import Unpacker

from rbee_core.contracts import Digest
from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import Job
from rbee_core.oci import Descriptor
from rbee_core.transfer import Tally

LAYER = Descriptor("application/x", Digest("sha256:" + "0" * 64), 0)
Member = tuple[str, bytes] | tarfile.TarInfo


def tar(*members: Member, form: int = tarfile.PAX_FORMAT) -> bytes:
    """An archive of files (name and content) and whatever else a header can describe."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    return out.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


class Bench:
    """A model's folder in a folder of its own, whose every other file would be a leak."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.dest = root / "model"
        self.dest.mkdir()
        self.archive = self.dest / "archive.tar"
        (root / "neighbour").write_text("untouched")

    def unpack(self, data: bytes, taken: tuple[str, ...] = (), **facts: Any) -> dict[str, bytes]:
        """Unpack; returns the files that came."""
        self.archive.write_bytes(data)
        unpacker = Unpacker(self.dest, Tally(Job()), list(taken), lambda name: True)
        files = unpacker.unpack(self.archive, Archive(LAYER, **facts))
        return {file.name: (self.dest / file.name).read_bytes() for file in files}

    def refuses(self, data: bytes, code: ErrorCode = ErrorCode.UNSAFE_PATH, **facts: Any) -> str:
        """Unpack in vain; nothing of the archive may be left, here or anywhere. Returns the message."""
        with pytest.raises(RbeeError) as caught:
            self.unpack(data, **facts)
        assert caught.value.code is code, caught.value.message
        if code is ErrorCode.UNSAFE_PATH:
            assert self.everything() == {"neighbour", "model/archive.tar"}
        assert (self.root / "neighbour").read_text() == "untouched"
        return caught.value.message

    def everything(self) -> set[str]:
        return {str(path.relative_to(self.root)) for path in self.root.rglob("*") if not path.is_dir()}


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# --- what is fine ---------------------------------------------------------------------------------------------------

PLAIN = tar(special(".", tarfile.DIRTYPE), special("./a/", tarfile.DIRTYPE), ("./a/b.txt", b"one"), ("c.json", b"{}"))
FILES = {"a/b.txt": b"one", "c.json": b"{}"}


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize(
    ("pack", "how"), [(bytes, None), (gzip.compress, "gzip"), (zstandard.compress, "zstd"), (gzip.compress, "detect")]
)
def test_archives_of_all_makes(bench: Bench, form: int, pack: Callable[[bytes], bytes], how: str | None) -> None:
    long = "n" * 90 + "/" + "m" * 90 + ".txt"
    data = os.urandom(3 * unpacking.CHUNK + 17)
    assert bench.unpack(pack(tar((long, data), ("empty", b""), ("z", b"z" * 512), form=form)), compression=how) == {
        long: data,
        "empty": b"",
        "z": b"z" * 512,
    }


def test_dots_and_folders(bench: Bench) -> None:
    assert bench.unpack(PLAIN) == FILES


@pytest.mark.parametrize("compression", ["detect", "zstd"])
def test_several_frames_are_one_stream(bench: Bench, compression: str) -> None:
    data = tar(("a", b"1" * 5000), ("b", b"2" * 5000))
    pack = gzip.compress if compression == "detect" else zstandard.compress
    assert len(bench.unpack(pack(data[:3000]) + pack(data[3000:]), compression=compression)) == 2


def test_the_digests_are_noted_with_the_job(bench: Bench) -> None:
    job = Job()
    bench.archive.write_bytes(PLAIN)
    unpacker = Unpacker(bench.dest, Tally(job), [], lambda name: True)
    for file in unpacker.unpack(bench.archive, Archive(LAYER)):
        assert job.recorded_digest(bench.dest / file.name) == file.digest


@pytest.mark.parametrize(
    ("names", "facts", "expected"),
    [
        (["d/x"], {"within": "d"}, ["d/x"]),
        (["x", "s/y"], {"within": "d"}, ["d/x", "d/s/y"]),
        (["p/d/x"], {"within": "p/d"}, ["p/d/x"]),
        (["d/x"], {"within": "p/d"}, ["p/d/x"]),
        (["x"], {"prefix": "p"}, ["p/x"]),
        (["p/x"], {"prefix": "p"}, ["p/x"]),
    ],
)
def test_where_a_packed_folder_goes(bench: Bench, names: list[str], facts: dict[str, str], expected: list[str]) -> None:
    assert list(bench.unpack(tar(*((name, b"x") for name in names)), **facts)) == expected


def test_what_an_earlier_attempt_left_gives_way(bench: Bench) -> None:
    (bench.dest / "a").write_text("a file where a folder goes")
    (bench.dest / "c.json").mkdir()
    assert bench.unpack(PLAIN) == FILES


def test_a_link_that_lies_in_the_way_is_not_followed(bench: Bench) -> None:
    outside = bench.root / "outside"
    outside.mkdir()
    (bench.dest / "a").symlink_to(outside, target_is_directory=True)
    (bench.dest / "c.json").symlink_to(bench.root / "neighbour")
    assert bench.unpack(PLAIN) == FILES
    assert list(outside.iterdir()) == []
    assert (bench.root / "neighbour").read_text() == "untouched"


# --- names ----------------------------------------------------------------------------------------------------------

HOSTILE_NAMES = [
    "../neighbour",
    "a/../../neighbour",
    "a/..",
    "..",
    "/etc/passwd",
    "//host/share/x",
    "\\\\host\\share\\x",
    "a\\..\\..\\neighbour",
    "C:/x",
    "c:x",
    "a//b",
    "a/./b",
    "nul",
    "a/COM1.txt",
    "Aux.gguf",
    "x.",
    "x ",
    "a/ ./b",
    "new\nline",
    "esc\x1b[2J",
    "\u2028",
    "n" * 256,
    "/".join(["dir"] * 400),
    "\udc80\udcff",
]


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=ascii)
@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_hostile_names(bench: Bench, name: str, folder: bool) -> None:
    member: Member = special(name, tarfile.DIRTYPE) if folder else (name, b"evil")
    form = tarfile.GNU_FORMAT if "\udc80" in name else tarfile.PAX_FORMAT
    bench.refuses(tar(("good.txt", b"1"), member, form=form))


@pytest.mark.parametrize(
    "path", ["../neighbour", "/etc/passwd", "a\0b", "x" * 2000], ids=["up", "absolute", "nul", "long"]
)
def test_hostile_names_in_extended_headers(bench: Bench, path: str) -> None:
    info = tarfile.TarInfo("innocent")
    info.pax_headers = {"path": path}
    info.size = 0
    bench.refuses(tar(info))


@pytest.mark.parametrize("facts", [{"within": "../d"}, {"prefix": "../p"}, {"within": "/d"}, {"prefix": "a\\b"}])
def test_hostile_folders(bench: Bench, facts: dict[str, str]) -> None:
    bench.refuses(tar(("x", b"1")), **facts)


@pytest.mark.parametrize(
    "names", [["a", "A"], ["a/b", "A/B"], ["é", "e\u0301"], ["x", "x"], ["x", "x/y"], ["x/y", "x"], ["ß", "SS"]]
)
def test_twins(bench: Bench, names: list[str]) -> None:
    bench.refuses(tar(*((name, b"1") for name in names)))


def test_a_twin_of_a_file_outside_the_archive(bench: Bench) -> None:
    bench.refuses(tar(("MODEL.gguf", b"1")), taken=("model.gguf",))


# --- kinds ----------------------------------------------------------------------------------------------------------

KINDS = {
    tarfile.SYMTYPE: "a symbolic link",
    tarfile.LNKTYPE: "a hard link",
    tarfile.CHRTYPE: "a character device",
    tarfile.BLKTYPE: "a block device",
    tarfile.FIFOTYPE: "a named pipe",
    tarfile.GNUTYPE_SPARSE: "something special",
    b"Z": "something special",
}


@pytest.mark.parametrize("kind", KINDS, ids=KINDS.values())
@pytest.mark.parametrize("target", ["../neighbour", "/etc/passwd", "good.txt"])
def test_only_files_and_folders(bench: Bench, kind: bytes, target: str) -> None:
    link = kind in (tarfile.SYMTYPE, tarfile.LNKTYPE)
    message = bench.refuses(tar(("good.txt", b"1"), special("link", kind, target if link else "")))
    assert KINDS[kind] in message


def test_through_a_link_to_a_folder_outside(bench: Bench) -> None:
    bench.refuses(tar(special("d", tarfile.SYMTYPE, ".."), ("d/neighbour", b"evil")))


def test_a_file_with_holes(bench: Bench) -> None:
    info = tarfile.TarInfo("sparse")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 50)}
    block = b"1\n0\n0\n".ljust(512, b"\0")
    out = io.BytesIO()
    info.size = len(block)
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(block))
    assert "holes" in bench.refuses(out.getvalue())


# --- sizes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pack", "how"), [(gzip.compress, "gzip"), (zstandard.compress, "zstd")])
def test_bombs(bench: Bench, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes], how: str) -> None:
    monkeypatch.setattr(unpacking, "SMALL", 1 << 20)
    assert "200 times" in bench.refuses(pack(tar(("zeros", bytes(20 << 20)))), compression=how)


def test_a_bomb_behind_the_end_of_the_archive(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "SMALL", 1 << 20)
    bench.refuses(gzip.compress(tar(("a", b"1")) + bytes(20 << 20)), compression="gzip")


def test_a_window_that_eats_memory(bench: Bench) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=30, enable_ldm=1)
    packed = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    data = packed.compress(tar(("a", b"1"))) + packed.flush()
    bench.refuses(data, ErrorCode.DOWNLOAD_FAILED, compression="zstd")


def test_a_name_as_long_as_memory(bench: Bench) -> None:
    huge = tarfile.TarInfo("x")
    huge.pax_headers = {"comment": "c" * (MAX_HEADER + 1)}
    assert "longer than any real one" in bench.refuses(tar(("good", b"1"), huge))
    assert "longer than any real one" in bench.refuses(tar(("n" * (MAX_HEADER + 1), b"1"), form=tarfile.GNU_FORMAT))


def test_too_many_members(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_MEMBERS", 10)
    bench.refuses(tar(*((f"f{number}", b"") for number in range(11))))


def test_a_file_larger_than_the_disk(bench: Bench) -> None:
    info = tarfile.TarInfo("huge")
    info.size = 1 << 60
    out = info.tobuf(tarfile.GNU_FORMAT)
    bench.refuses(out, ErrorCode.INSUFFICIENT_DISK)


# --- damage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "how"),
    [
        (b"", None),
        (b"not a tar archive at all" * 100, None),
        (PLAIN[:700], None),
        (PLAIN[: len(PLAIN) // 2], "gzip"),
        (gzip.compress(PLAIN)[:-20], "gzip"),
        (gzip.compress(PLAIN)[:-8] + b"\0" * 8, "gzip"),
        (gzip.compress(PLAIN) + b"rubbish", "gzip"),
        (zstandard.compress(tar(("a", os.urandom(9000))))[:-4000], "zstd"),
        (b"\x28\xb5\x2f\xfdrubbish", "zstd"),
        (tar(("a", b"1" * 512))[:1024], None),
        (tar(("a", b"1" * 2000))[:1536], None),
    ],
)
def test_damaged_archives(bench: Bench, data: bytes, how: str | None) -> None:
    bench.refuses(data, ErrorCode.DOWNLOAD_FAILED, compression=how)


def test_the_contents_own_digest(bench: Bench) -> None:
    right = Digest(f"sha256:{hashlib.sha256(PLAIN).hexdigest()}")
    facts = {"compression": "gzip", "content_digest": right}
    assert {name.rpartition("/")[2] for name in bench.unpack(gzip.compress(PLAIN), **facts)} == {"b.txt", "c.json"}


def test_a_wrong_digest_of_the_contents(bench: Bench) -> None:
    bench.refuses(PLAIN, ErrorCode.CHECKSUM_MISMATCH, content_digest="sha256:" + "0" * 64)
    assert bench.everything() == {"neighbour", "model/archive.tar"}
    bench.refuses(PLAIN, content_digest="crc:1234")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_bits_that_fell_over(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Whatever becomes of an archive on its way: files or one of rbee's own errors, and nothing outside."""
    broken = bytearray(PLAIN)
    for _ in range(data.draw(st.integers(1, 6))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    bench = Bench(tmp_path_factory.mktemp("bits"))
    try:
        bench.unpack(bytes(broken))
    except RbeeError as error:
        assert error.code in (ErrorCode.UNSAFE_PATH, ErrorCode.DOWNLOAD_FAILED, ErrorCode.INSUFFICIENT_DISK)
    outside = {name for name in bench.everything() if not name.startswith("model/")}
    assert outside == {"neighbour"}
