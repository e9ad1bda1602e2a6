"""Real counterparts on this machine, for tests: what rbee downloads from, started and stopped by fixtures."""
