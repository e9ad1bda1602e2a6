"""Fixtures for the tests of this repository, beside those that `rbee_core.testing.pytest_plugin` gives everybody."""

pytest_plugins = [
    "support.hub.fixtures",
    "support.servers.registry_fixtures",
    "support.servers.storage_fixtures",
]
