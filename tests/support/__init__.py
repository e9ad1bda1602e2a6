"""What only rbee's own tests need: the servers that its vendors fetch from, and engines made for tests.

Imported as ``support``. What an author of plugins uses as well is in `rbee_core.testing`.
"""
