"""HTTP servers on this machine whose answers a test decides."""
