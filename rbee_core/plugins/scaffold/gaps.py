"""What a new plugin leaves for its author to fill in; ``rbee plugins check`` tells of what is left."""

from __future__ import annotations

NAME = "Your Name"
EMAIL = "you@example.com"
#: What the addresses of a project without a page begin with.
HOME = "https://example.com/"
#: What a licence's text begins with, while it is none.
LICENCE = "Fill in: the text of this licence"
