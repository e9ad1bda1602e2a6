"""The smallest worker that is one: it echoes, on the standard library."""
