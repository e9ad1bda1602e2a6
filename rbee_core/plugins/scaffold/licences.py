"""The licence of a new plugin: an SPDX expression, and its text where it is at hand."""

from __future__ import annotations

from datetime import UTC, datetime
from string import Template

from ...errors import UsageError
from .authors import Author
from .gaps import LICENCE
from .layout import TEMPLATES

#: Licences whose text is at hand.
TEXTS = tuple(sorted(path.stem for path in (TEMPLATES / "licences").glob("*.txt")))


def canonical(expression: str) -> str:
    """An SPDX licence expression in its one spelling.

    :raises UsageError: it is none.
    """
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return str(canonicalize_license_expression(expression))
    except InvalidLicenseExpression as error:
        raise UsageError(
            f"{expression[:80]!a} is no licence: {error}.",
            "Give an SPDX identifier or expression: Apache-2.0, MIT, GPL-3.0-or-later, 'MIT OR Apache-2.0'. "
            "One of your own is LicenseRef-NAME.",
        ) from None


def text(expression: str, author: Author) -> str:
    """What goes into ``LICENSE``: the text, or what has to be put there."""
    if expression not in TEXTS:
        return f"SPDX-License-Identifier: {expression}\n\n{LICENCE}, in place of these lines.\n"
    found = (TEMPLATES / "licences" / f"{expression}.txt").read_text(encoding="utf-8")
    if "$holder" not in found:
        return found
    return Template(found).substitute(year=datetime.now(UTC).year, holder=author.name)
