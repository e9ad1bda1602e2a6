"""Fixtures for every test of this repository."""

pytest_plugins = ["rbee_core.testing.fixtures", "rbee_core.testing.hub.fixtures"]
