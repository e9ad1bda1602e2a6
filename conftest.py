"""Fixtures for every test of this repository."""

pytest_plugins = [
    "rbee_core.testing.fixtures",
    "rbee_core.testing.hub.fixtures",
    "rbee_core.testing.workers",
    "rbee_core.testing.servers.registry_fixtures",
    "rbee_core.testing.servers.storage_fixtures",
]
