"""Plain HTTP to this machine is no leave for plain HTTP to another."""

from __future__ import annotations

import pytest

from rbee_core.errors import ErrorCode, RbeeError
from rbee_core.jobs import Job
from rbee_core.oci import Address, Registry
from support.servers.docker_registry import DockerRegistry, Layer
from support.servers.registry_auth import Door


def test_from_this_machine_no_redirect_leads_elsewhere_in_the_clear(registry: DockerRegistry) -> None:
    config = Layer("application/x", b"{}")
    registry.push("org/m", "v1", [], config=config)
    with Door(registry, redirect="http://reg.example") as door:
        client = Registry(Address(door.host, "org/m", f"http://{door.host}"), Job())
        with pytest.raises(RbeeError) as caught:
            client.small_blob(client.manifest("v1").config)
    assert caught.value.code is ErrorCode.DOWNLOAD_FAILED
    assert "without encryption" in caught.value.message
