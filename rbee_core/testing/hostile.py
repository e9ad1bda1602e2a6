"""Names that files from outside must not have, whichever way they come: one table for the tests of all ways in.

Each ends in ``.gguf``, so that it is the name of something that is wanted.
"""

from __future__ import annotations

#: What is wrong with a name, and such a name.
NAMES = {
    "parent": "../evil.gguf",
    "parent further in": "a/../../evil.gguf",
    "absolute": "/etc/evil.gguf",
    "drive": "C:/evil.gguf",
    "drive without a slash": "c:evil.gguf",
    "UNC": r"\\host\share\evil.gguf",
    "UNC with slashes": "//host/share/evil.gguf",
    "backslash": r"a\evil.gguf",
    "NUL": "a\0.gguf",
    "control character": "a\x1b[2J.gguf",
    "newline": "a\n.gguf",
    "empty part": "a//evil.gguf",
    "reserved": "nul.gguf",
    "reserved folder": "com1/evil.gguf",
    "dot at a part's end": "a./evil.gguf",
    "space at a part's end": "a /evil.gguf",
    "long part": "n" * 251 + ".gguf",
    "long path": "ab/" * 340 + "m.gguf",
}

#: Pairs of names that not every system can have in one folder.
TWINS = {
    "case": ("M.gguf", "m.gguf"),
    "case folding": ("STRASSE.gguf", "straße.gguf"),
    "accents": ("\u00e9.gguf", "e\u0301.gguf"),
    "file and folder": ("m.gguf", "m.gguf/x.gguf"),
}
