"""The files of one commit as sources: over rbee's own connections, in ranges, from wherever the Hub keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rbee_core.contracts import Digest
from rbee_core.errors import RbeeError
from rbee_core.transfer import Source
from rbee_core.transfer.http import HttpClient, http_source

from .refusals import refusal
from .xet import Cas, XetFile, xet_source

if TYPE_CHECKING:
    from rbee_core import Job

    from .hub import Hub
    from .listing import RepoFile, Repository


def http_client(hub: Hub, job: Job) -> HttpClient:
    """The connections of one download. Who sets ``HF_ENDPOINT`` to an http:// address has said that it may be one."""
    return HttpClient(job, plain=hub.endpoint.startswith("http://"))


def remote_files(hub: Hub, client: HttpClient, plan: Repository, job: Job) -> list[Source]:
    """The plan's files: from Xet storage those that are there, the others over plain HTTP."""
    cas = Cas(client, job, hub.xet_token_url(plan.repo, plan.commit), hub.headers)
    sources = [(file, remote_file(hub, client, plan, file)) for file in plan.files]
    return [xet_source(XetFile(file.xet, cas, source)) if file.xet else source for file, source in sources]


def remote_file(hub: Hub, client: HttpClient, plan: Repository, file: RepoFile) -> Source:
    """A file of the plan's commit over plain HTTP, held against the digest that the commit has for it."""
    url = hub.url(plan.repo, plan.commit, file.path)

    def refused(status: int, headers: Mapping[str, str], body: bytes, where: str) -> RbeeError | OSError:
        host = urlsplit(where).netloc
        if host != urlsplit(url).netloc.rpartition("@")[2]:
            # Not the Hub's own word: a signed address that ran out, for one. The next try gets a new one.
            return ConnectionError(f"{host} answered {status}")
        return refusal(status, headers, where, plan.repo, what=file.path, token=hub.has_token)

    digest, prefix, identity = file.sha256, b"", str(file.sha256)
    if digest is None and file.blob_id is not None:
        # A file in git itself: its id is the sha1 over a header and the content (git-hash-object(1)).
        digest, prefix = Digest(f"sha1:{file.blob_id}"), b"blob %d\0" % file.size
        identity = f"git:{digest}"
    elif digest is None:
        identity = f"{plan.commit}:{file.path}"
    return http_source(
        file.path,
        url,
        client=client,
        headers=hub.headers,
        size=file.size,
        digest=digest,
        digest_prefix=prefix,
        identity=identity,
        refused=refused,
    )
