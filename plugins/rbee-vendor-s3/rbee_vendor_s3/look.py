"""Which objects a key or a prefix means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rbee_core.errors import ErrorCode, RbeeError, UsageError
from rbee_core.names import check_names
from rbee_core.selection import has_weights, is_pickle, missing_shards, select, shard_names

if TYPE_CHECKING:
    from rbee_core.jobs import JobOptions

    from .bucket import Bucket
    from .objects import S3Object

_VERSION = "?versionId="
#: How many files an error message lists.
_SHOWN = 12


def look(bucket: Bucket, path: str, options: JobOptions) -> list[S3Object]:
    """The objects that ``path`` means, with what S3 tells of them.

    One key is that object, with its fellow shards if it is a shard. A key that ends in a slash, or that no object
    has, is a prefix: everything below it, but hidden files, pickles and unfinished downloads, and what ``include``
    and ``exclude`` take away.

    :param path: of the reference; ``key?versionId=…`` names one version.
    :raises RbeeError: ``MODEL_NOT_FOUND``, ``REVISION_NOT_FOUND``, ``AUTH_REQUIRED``, ``UNSAFE_PATH``,
        ``DOWNLOAD_FAILED``.
    """
    key, version = _key_and_version(path, options.revision)
    if key and not key.endswith("/"):
        if found := _object(bucket, key, version):
            return found
        key += "/"
    if version is not None:
        raise UsageError("A version is of one object; a prefix has none.", "Name the object.")
    return _below(bucket, key, options)


def _key_and_version(path: str, asked: str | None) -> tuple[str, str | None]:
    key, mark, version = path.rpartition(_VERSION)
    if not mark:
        return path, asked
    if asked and asked != version:
        raise UsageError(f"The reference names the version {version!r}, and --revision says {asked!r}.")
    return key, version


def _object(bucket: Bucket, key: str, version: str | None) -> list[S3Object] | None:
    """The object, or all shards of its model; ``None`` if there is none of that key."""
    folder, slash, name = key.rpartition("/")
    names = shard_names(name)
    if len(names) == 1 or version is not None:
        check_names([name])
        found = bucket.head(key, name, version)
        if found is None and version is not None:
            message = f"s3://{bucket.name}/{key} has no version {version!r}."
            raise RbeeError(
                ErrorCode.REVISION_NOT_FOUND, message, "Look at its versions: aws s3api list-object-versions"
            )
        return None if found is None else [found]
    check_names(names)
    heads = bucket.heads([(folder + slash + fellow, fellow) for fellow in names])
    missing = [fellow for fellow, head in zip(names, heads, strict=True) if head is None]
    if len(missing) == len(names):
        return None
    _refuse_missing(bucket, missing)
    return [head for head in heads if head is not None]


def _below(bucket: Bucket, prefix: str, options: JobOptions) -> list[S3Object]:
    keys = bucket.keys(prefix)
    where = f"s3://{bucket.name}/{prefix}"
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
    _refuse_missing(bucket, missing_shards(chosen))
    found = bucket.heads([(prefix + name, name) for name in chosen])
    gone = [name for name, head in zip(chosen, found, strict=True) if head is None]
    if gone:
        raise RbeeError(
            ErrorCode.DOWNLOAD_FAILED, f"{where} changes while it is read: {gone[0]} is gone.", "Try again."
        )
    return [head for head in found if head is not None]


def _refuse_missing(bucket: Bucket, missing: list[str]) -> None:
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        message = f"The model in s3://{bucket.name} is incomplete: there is no {', '.join(missing[:5])}{more}."
        raise RbeeError(ErrorCode.MODEL_NOT_FOUND, message, "Try again when its upload is complete.")


def _overview(names: list[str]) -> str:
    shown = ", ".join(ascii(name)[1:-1] for name in sorted(names)[:_SHOWN])
    return shown + (f", and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
