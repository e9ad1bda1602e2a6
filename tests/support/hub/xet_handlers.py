"""The two servers of Xet storage: the one that tells how a file is put together, and the one that has the xorbs."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from .handlers import RANGE, Handler


class CasHandler(Handler):
    """Answers whoever has a token of its own, and nobody with the Hub's."""

    server_name = "cas"

    def answer(self, path: str, query: dict[str, str]) -> None:
        """``/v1/reconstructions/HASH`` and version 2 of it; what is uploaded is kept as it came."""
        parts = path.strip("/").split("/")
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.hub.xet_tokens:
            self.reply(401, b"token expired")
        elif self.command == "POST":
            self._take(parts)
        elif len(parts) == 3 and parts[1] == "reconstructions" and parts[0] in ("v1", "v2"):
            self._reconstruction(int(parts[0][1:]), parts[2])
        else:
            self.reply(404)

    def _reconstruction(self, version: int, file: str) -> None:
        store = self.hub.xet
        if version not in store.versions or file not in store.files:
            self.reply(404)
            return
        start, end = 0, store.size(file)
        if asked := RANGE.fullmatch(self.headers.get("Range", "")):
            start, end = int(asked[1]), min(int(asked[2] or end) + 1, end)
        if start >= end:
            self.reply(416)
            return
        self._json(store.lie("reconstruction", store.reconstruction(file, start, end, version)))

    def _take(self, parts: list[str]) -> None:
        """As much of the upload as shows what the real client packs."""
        if parts[1:3] == ["xorbs", "default"]:
            self.hub.xet.uploaded[parts[3]] = self.body
            self._json({"was_inserted": True})
        elif parts == ["v1", "shards"]:
            self._json({"result": 1})
        else:
            self.reply(404)

    def _json(self, answer: Any) -> None:
        self.reply(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})


class XorbHandler(Handler):
    """The xorbs, in ranges that were signed, without credentials."""

    server_name = "xorbs"

    def answer(self, path: str, query: dict[str, str]) -> None:
        """Send the range, if the address is good for it."""
        xorb = self.hub.xet.xorbs.get(unquote(path).rpartition("/")[2])
        if "Authorization" in self.headers:
            self.reply(400, b"Only one auth mechanism allowed")
        elif xorb is None or not self.hub.xet.allows(xorb.path, query, self.headers.get("Range", "")):
            self.reply(403, b"Request has expired")
        else:
            self.send_file(xorb, {})
