"""Fixtures for every test of this repository."""

pytest_plugins = [
    "rbee_core.testing.fixtures",
    "support.hub.fixtures",
    "rbee_core.testing.workers",
    "support.servers.registry_fixtures",
    "support.servers.storage_fixtures",
]
