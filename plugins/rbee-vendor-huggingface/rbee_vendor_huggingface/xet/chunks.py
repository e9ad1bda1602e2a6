"""Chunks as they stand in a xorb: eight bytes of header, then the data, compressed or not.

Source: https://huggingface.co/docs/xet/xorb. The limits are those that the protocol's own client holds its servers to.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

#: Bytes of a chunk's header: version, compressed size (3, little-endian), compression, size (3).
HEADER = 8
#: The most bytes that a chunk may have, and the most that they may take compressed.
MAX_CHUNK = 128 << 10
MAX_PACKED = 2 * MAX_CHUNK
#: Compression schemes.
PLAIN, LZ4, GROUPED_LZ4 = 0, 1, 2


class XetError(Exception):
    """The storage answered with something that cannot be right: nothing more is taken from it."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """One chunk, still compressed; ``size`` is that of its content, in bytes."""

    scheme: int
    size: int
    packed: memoryview

    def content(self) -> bytes | bytearray | memoryview:
        """The content, of exactly ``size`` bytes; never more are unpacked.

        :raises XetError: it is damaged.
        """
        if self.scheme == PLAIN:
            return self.packed
        content = _unpack(self.packed, self.size)
        return _regrouped(content) if self.scheme == GROUPED_LZ4 else content


class ChunkReader:
    """Finds the chunks in bytes that come in pieces."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def pending(self) -> bool:
        """Whether a chunk has begun that is not complete."""
        return bool(self._rest)

    def chunks(self, piece: bytes | memoryview) -> Iterator[Chunk]:
        """The chunks that are complete with ``piece``; they stay good after the next. Read them all.

        :raises XetError: these are no chunks.
        """
        data = memoryview(b"".join((self._rest, piece)))
        position = 0
        while len(data) - position >= HEADER:
            scheme, packed, size = _header(data[position : position + HEADER])
            end = position + HEADER + packed
            if end > len(data):
                break
            yield Chunk(scheme, size, data[position + HEADER : end])
            position = end
        self._rest = bytes(data[position:])


def _header(raw: memoryview) -> tuple[int, int, int]:
    """Scheme, compressed size and size."""
    version, scheme = raw[0], raw[4]
    packed, size = int.from_bytes(raw[1:4], "little"), int.from_bytes(raw[5:8], "little")
    if version != 0:
        raise XetError(f"a chunk is of version {version}, which nobody knows")
    if scheme not in (PLAIN, LZ4, GROUPED_LZ4):
        raise XetError(f"a chunk is compressed in a way that nobody knows ({scheme})")
    if not 0 < size <= MAX_CHUNK or not 0 < packed <= MAX_PACKED or (scheme == PLAIN and packed != size):
        raise XetError(f"a chunk is said to have {size} bytes, in {packed}")
    return scheme, packed, size


def _unpack(packed: memoryview, size: int) -> bytes:
    """An LZ4 frame (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md) of ``size`` bytes."""
    from lz4.frame import LZ4FrameDecompressor

    decoder = LZ4FrameDecompressor()
    try:
        content: bytes = decoder.decompress(packed, max_length=size + 1)
    except (RuntimeError, EOFError, ValueError, MemoryError):
        raise XetError("a chunk is damaged: it cannot be decompressed") from None
    if len(content) != size or not decoder.eof or decoder.unused_data:
        raise XetError("a chunk is damaged: it has another size than it says")
    return content


def _regrouped(grouped: bytes) -> bytearray:
    """Undo the grouping by position: first all first bytes of four, then all second ones, and so on."""
    size, start = len(grouped), 0
    content = bytearray(size)
    for lane in range(min(4, size)):
        count = (size - lane + 3) // 4
        content[lane::4] = grouped[start : start + count]
        start += count
    return content
