"""HTTP for vendors: one client with a pool, proxies, certificates and careful redirects; files of it as sources.

    client = HttpClient(job)
    facts = client.request("GET", "https://registry.example/v2/x/manifests/latest", headers=…).json()
    source = http_source("model.gguf", url, headers=…, size=…, digest=…, identity=…, client=client)

`HttpClient.probe` asks for a file's size and version before any of its bytes.
"""

from .answers import Refused, Response
from .body import Body
from .client import HttpClient
from .exchange import Probe
from .source import http_source

__all__ = ["Body", "HttpClient", "Probe", "Refused", "Response", "http_source"]
