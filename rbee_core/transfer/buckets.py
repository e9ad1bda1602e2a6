"""Which objects of a bucket a key or a prefix means: one rule for every kind of object storage."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from ..errors import ErrorCode, RbeeError, UsageError
from ..jobs import JobOptions
from ..names import check_names
from ..selection import has_weights, is_pickle, missing_shards, select, shard_names

T = TypeVar("T")
K_co = TypeVar("K_co", covariant=True)

#: Far more objects than any model has; a listing without an end is cut off here.
MAX_OBJECTS = 100_000
#: Objects asked about at one time.
_AT_ONCE = 8
#: How many files an error message lists.
_SHOWN = 12


class Bucket(Protocol[K_co]):
    """A bucket; ``url`` is what stands before a key (``s3://name/``), for messages."""

    @property
    def url(self) -> str:
        """For messages."""

    def head(self, key: str, name: str, version: str | None = None) -> K_co | None:
        """Describe an object that will be the model's file ``name``; ``None`` if there is none."""

    def keys(self, prefix: str) -> list[str]:
        """All keys that begin so, but for the empty objects that stand for folders."""


def find_objects(bucket: Bucket[T], key: str, version: str | None, options: JobOptions) -> list[T]:
    """The objects that ``key`` means, as the bucket describes them.

    One key is that object, with its fellow shards if it is a shard. A key that ends in a slash, or that no object
    has, is a prefix: everything below it, but hidden files, pickles and unfinished downloads, and what ``include``
    and ``exclude`` take away.

    :raises RbeeError: ``MODEL_NOT_FOUND``, ``REVISION_NOT_FOUND``, ``UNSAFE_PATH``, ``DOWNLOAD_FAILED``, and what the
        bucket raises.
    :raises UsageError: a version of a prefix.
    """
    if key and not key.endswith("/"):
        if found := _object(bucket, key, version):
            return found
        key += "/"
    if version is not None:
        raise UsageError("A version is of one object; a prefix has none.", "Name the object.")
    return _below(bucket, key, options)


def all_pages(page: Callable[[str | None], tuple[list[str], str | None]], where: str) -> list[str]:
    """Collect the keys of a listing that comes in pages.

    :param page: gives the keys of one page and where the next begins; ``None`` asks for the first and ends it.
    :raises RbeeError: ``DOWNLOAD_FAILED``: more than `MAX_OBJECTS`, or a listing that goes round in a circle.
    """
    keys: list[str] = []
    token: str | None = None
    while True:
        found, following = page(token)
        keys += found
        if len(keys) > MAX_OBJECTS:
            message = f"{where} holds more than {MAX_OBJECTS} objects."
            raise RbeeError(ErrorCode.DOWNLOAD_FAILED, message, "Give a longer prefix.")
        if following is None:
            return keys
        if following == token:
            message = f"The listing of {where} does not end: its server repeats itself."
            raise RbeeError(ErrorCode.DOWNLOAD_FAILED, message, "Name one object instead of a prefix.")
        token = following


def _object(bucket: Bucket[T], key: str, version: str | None) -> list[T] | None:
    """The object, or all shards of its model; ``None`` if there is none of that key."""
    folder, slash, name = key.rpartition("/")
    names = shard_names(name)
    check_names(names)
    if len(names) == 1 or version is not None:
        found = bucket.head(key, name, version)
        if found is None and version is not None:
            message = f"{bucket.url}{key} has no version {version!r}."
            raise RbeeError(ErrorCode.REVISION_NOT_FOUND, message, "See which it has with the storage's own tools.")
        return None if found is None else [found]
    heads = _heads(bucket, [(folder + slash + fellow, fellow) for fellow in names])
    missing = [fellow for fellow, head in zip(names, heads, strict=True) if head is None]
    if len(missing) == len(names):
        return None
    _refuse_missing(bucket.url + folder + slash, missing)
    return [head for head in heads if head is not None]


def _below(bucket: Bucket[T], prefix: str, options: JobOptions) -> list[T]:
    keys = bucket.keys(prefix)
    where = bucket.url + prefix
    if not keys:
        raise RbeeError(ErrorCode.MODEL_NOT_FOUND, f"There is no {where.rstrip('/')}.", "Look for a typing error.")
    names = [key.removeprefix(prefix) for key in keys]
    chosen = select(names, options.include, options.exclude)
    if not chosen or not (options.include or has_weights(chosen)):
        what = "nothing that matches" if options.include else "no GGUF, safetensors or ONNX file"
        hint = f"It has: {_overview(names)}."
        if any(is_pickle(name) for name in names):
            hint += " Files that can run code when loaded come only when named: --include '*.bin'"
        raise RbeeError(ErrorCode.MODEL_NOT_FOUND, f"{where} holds {what}.", hint)
    check_names(chosen)
    _refuse_missing(where, missing_shards(chosen) if not options.include else [])
    found = _heads(bucket, [(prefix + name, name) for name in chosen])
    gone = [name for name, head in zip(chosen, found, strict=True) if head is None]
    if gone:
        message = f"{where} changes while it is read: {gone[0]!a} is gone."
        raise RbeeError(ErrorCode.DOWNLOAD_FAILED, message, "Try again.")
    return [head for head in found if head is not None]


def _heads(bucket: Bucket[T], wanted: Iterable[tuple[str, str]]) -> list[T | None]:
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="rbee-bucket") as pool:
        try:
            return list(pool.map(lambda pair: bucket.head(*pair), wanted))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _refuse_missing(where: str, missing: list[str]) -> None:
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        message = f"The model in {where} is incomplete: there is no {', '.join(missing[:5])}{more}."
        raise RbeeError(ErrorCode.MODEL_NOT_FOUND, message, "Try again when its upload is complete.")


def _overview(names: list[str]) -> str:
    shown = ", ".join(ascii(name)[1:-1] for name in sorted(names)[:_SHOWN])
    return shown + (f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
