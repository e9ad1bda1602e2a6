"""Real counterparts on this machine: what rbee downloads from, started and stopped by fixtures."""
