"""How the hub and its delivery network answer."""

from __future__ import annotations

import json
import re
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import parse_qs, quote, unquote, urlsplit

from .faults import Fault
from .repos import FakeFile, FakeRepo

if TYPE_CHECKING:
    from .server import FakeHub

_PIECE = 1 << 16
RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Handler(BaseHTTPRequestHandler):
    """What both servers do alike: record, go wrong on demand, send files with ranges."""

    hub: ClassVar[FakeHub]
    server_name: ClassVar[str] = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer; ``HEAD`` and ``POST`` go the same way."""
        from .server import Seen

        split = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.server_name, self.command, unquote(split.path), split.query, headers)
        self.hub.requests.append(seen)
        self.hub.on_request(seen)
        self.fault = self.hub.faults.take(self.command, unquote(split.path))
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            if self.fault.status is not None:
                self.reply(self.fault.status, self.fault.body, self.fault.headers)
            else:
                self.answer(split.path, {key: values[-1] for key, values in parse_qs(split.query).items()})
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    do_HEAD = do_POST = do_GET  # noqa: N815 — the names that http.server calls

    def answer(self, path: str, query: dict[str, str]) -> None:
        """Answer a request that nothing goes wrong with."""
        raise NotImplementedError

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — the base class calls it so
        """Say nothing."""

    def reply(self, status: int, body: bytes = b"", headers: Any = ()) -> None:
        """Send a short answer."""
        self.send_response(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_file(self, file: FakeFile, headers: dict[str, str]) -> None:
        """Send a file or the range of it that is asked for (RFC 9110, section 14), with the fault of this request."""
        fault, data = self.fault, file.data
        if fault.corrupt:
            data = bytes(byte ^ 0x55 for byte in data)
        asked = RANGE.fullmatch(self.headers.get("Range", ""))
        fresh = self.headers.get("If-Range") in (None, file.etag)
        start, end, status = 0, len(data), 200
        if asked and fresh and not fault.ignore_range:
            start, end, status = int(asked[1]), min(int(asked[2] or len(data)) + 1, len(data)), 206
            if start >= len(data):
                self.reply(416, b"", {"Content-Range": f"bytes */{len(data)}"})
                return
            total = fault.total or len(data)
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{total}"
        body = data[start:end] + b"\0" * fault.extra
        if fault.encoding:
            headers["Content-Encoding"] = fault.encoding
        self.send_response(status)
        for name, value in {"ETag": file.etag, "Accept-Ranges": "bytes", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self._send_body(body, fault)

    def _send_body(self, body: bytes, fault: Fault) -> None:
        stop = min(x for x in (fault.cut_after, fault.stall_after, len(body)) if x is not None)
        for begin in range(0, stop, _PIECE):
            piece = body[begin : min(begin + _PIECE, stop)]
            self.wfile.write(piece)
            if fault.rate:
                self.wfile.flush()
                time.sleep(len(piece) / fault.rate)
        self.wfile.flush()
        if fault.stall_after is not None and stop < len(body):
            self.hub.closing.wait(60)
        if stop < len(body):
            self.close_connection = True


class CdnHandler(Handler):
    """The delivery network: ``/org/repo/COMMIT/path``, signed in the query, without credentials of the Hub's."""

    server_name = "cdn"

    def answer(self, path: str, query: dict[str, str]) -> None:
        """Send the file, unless a token came along: signed storage refuses two kinds of authentication at once."""
        if "Authorization" in self.headers:
            self.reply(400, b"Only one auth mechanism allowed")
            return
        org, name, commit, *rest = unquote(path).lstrip("/").split("/")
        self.send_file(self.hub.repos[f"{org}/{name}"].commits[commit]["/".join(rest)], {})


class HubHandler(Handler):
    """The Hub: its API, and ``resolve`` for files."""

    server_name = "hub"

    def answer(self, path: str, query: dict[str, str]) -> None:
        """Find out what is asked for."""
        parts = [unquote(part) for part in path.removeprefix(self.hub.prefix).lstrip("/").split("/")]
        old = next((old for old in self.hub.renamed if f"/{old}/" in path + "/"), None)
        if not path.startswith(self.hub.prefix + "/"):
            self.refuse(404, "", "Not found")
        elif old is not None:
            self.reply(307, b"", {"Location": self.path.replace(old, self.hub.renamed[old], 1)})
        elif parts[:2] == ["api", "models"] and len(parts) >= 4:
            self._model(f"{parts[2]}/{parts[3]}", parts[4:], query)
        elif len(parts) > 4 and parts[2] == "resolve":
            self._resolve(f"{parts[0]}/{parts[1]}", parts[3], "/".join(parts[4:]))
        else:
            self.refuse(404, "", "Not found")

    def refuse(self, status: int, code: str, message: str) -> None:
        """Answer as the Hub words its errors."""
        headers = {"Content-Type": "application/json", "X-Error-Message": message}
        if code:
            headers["X-Error-Code"] = code
        self.reply(status, json.dumps({"error": message}).encode(), headers)

    def json(self, data: Any, headers: dict[str, str] | None = None) -> None:
        """Answer with JSON."""
        self.reply(200, json.dumps(data).encode(), {"Content-Type": "application/json", **(headers or {})})

    # --- the API ----------------------------------------------------------------------------------------------------

    def _model(self, name: str, rest: list[str], query: dict[str, str]) -> None:
        repo = self._repo(name)
        if repo is None:
            return
        verb, revision = (rest[0], rest[1]) if len(rest) > 1 else ("revision", "main")
        commit = self._commit(repo, revision)
        if commit is None:
            return
        if verb == "xet-read-token":
            self._xet_token()
        elif verb == "revision":
            self.json(repo.info(commit, blobs="blobs" in query))
        elif verb == "tree":
            self._tree(repo, commit, query)
        elif verb == "paths-info":
            wanted = json.loads(self.body)["paths"]
            self.json([entry for entry in repo.tree(commit) if entry["path"] in wanted])
        else:
            self.refuse(404, "", "Not found")

    def _tree(self, repo: FakeRepo, commit: str, query: dict[str, str]) -> None:
        entries = repo.tree(commit)
        if query.get("recursive", "").lower() not in ("true", "1"):
            entries = [entry for entry in entries if "/" not in entry["path"]]
        first = int(query.get("cursor", "0"))
        page, rest = entries[first : first + self.hub.page_size], entries[first + self.hub.page_size :]
        headers = {}
        if rest:
            path = f"/api/models/{repo.name}/tree/{quote(commit, safe='')}"
            next_page = f"{self.hub.url}{path}?recursive=true&cursor={first + self.hub.page_size}"
            headers["Link"] = f'<{next_page}>; rel="next"'
        self.json(page, headers)

    # --- files ------------------------------------------------------------------------------------------------------

    def _resolve(self, name: str, revision: str, path: str) -> None:
        repo = self._repo(name)
        if repo is None:
            return
        if repo.gated and self._token() not in repo.granted:
            self.refuse(403 if self._token() else 401, "GatedRepo", f"Access to model {name} is restricted.")
            return
        commit = self._commit(repo, revision)
        if commit is None:
            return
        file = repo.commits[commit].get(path)
        if file is None:
            self.refuse(404, "EntryNotFound", "Entry not found")
            return
        headers = {"X-Repo-Commit": commit}
        if not file.lfs:
            self.send_file(file, headers)
            return
        headers |= {"X-Linked-Etag": file.etag, "X-Linked-Size": str(len(file.data))}
        if repo.xet is not None:
            token = f"{self.hub.url}/api/models/{name}/xet-read-token/{commit}"
            headers |= {"X-Xet-Hash": repo.xet.add(file.data), "Link": f'<{token}>; rel="xet-auth"'}
        front = self.hub.cdn_front or self.hub.cdn_url
        signed = f"{front}/{quote(f'{name}/{commit}/{path}')}?X-Amz-Signature=0123&Expires=1"
        self.reply(302, b"", {**headers, "Location": signed})

    def _xet_token(self) -> None:
        """A token for Xet storage, in the body and in headers, as the Hub gives it."""
        found = self.hub.xet.lie("token", self.hub.xet_access())
        names = {"casUrl": "X-Xet-Cas-Url", "accessToken": "X-Xet-Access-Token", "exp": "X-Xet-Token-Expiration"}
        self.json(found, {names[key]: str(value) for key, value in found.items() if key in names})

    # --- who may see what -------------------------------------------------------------------------------------------

    def _token(self) -> str:
        return self.headers.get("Authorization", "").removeprefix("Bearer ")

    def _repo(self, name: str) -> FakeRepo | None:
        token = self._token()
        if token and token not in self.hub.tokens:
            self.refuse(401, "", "Invalid credentials in Authorization header")
            return None
        repo = self.hub.repos.get(name)
        if repo is None or (repo.private and not token):
            # A stranger is not told whether it exists.
            self.refuse(404 if token else 401, "RepoNotFound", "Repository not found")
            return None
        return repo

    def _commit(self, repo: FakeRepo, revision: str) -> str | None:
        commit = repo.find(revision)
        if commit is None:
            self.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit
