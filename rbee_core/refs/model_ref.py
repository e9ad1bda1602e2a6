"""`ModelRef`: what was typed, parsed and in canonical form. Pure: no network, no plugin, no look at the file."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from ..errors import ErrorCode, RbeeError

ACCEPTED_FORMS = (
    "org/repo, org/repo:Q4_K_M, hf:org/repo[@revision][/path], ollama:model[:tag], /path or ./path, "
    "http(s)://…, s3://bucket/key, oci://…, docker://…, or scheme:… of an installed vendor"
)

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_ALIASES = {"huggingface": "hf"}
#: ``user:password@`` in a URL's authority. A registry's ``repo:tag@sha256:…`` looks alike and is none.
_CREDENTIALS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*:[^/?#]*@(?!sha[0-9]+:)")
NO_CREDENTIALS = "Give them through the environment, ~/.netrc or the source's own configuration."
#: Control characters, lone surrogates, line and paragraph separators: nothing a reference may carry.
_FORBIDDEN = {"Cc", "Cs", "Zl", "Zp"}


@dataclass(frozen=True, slots=True)
class ModelRef:
    """A parsed model reference; ``str()`` gives its canonical text and ``ModelRef.parse(str(ref)) == ref``.

    ``scheme`` says which vendors are asked, ``rest`` is everything after it in canonical form. The other fields are
    the parts of it that the scheme's grammar knows, ``None`` where it has no such part: ``repo`` (``org/repo`` of a
    hub, the repository of a registry), ``path`` (a file inside it; the absolute path of a ``file:``), ``revision``,
    ``selector`` (a quantization label or a file name), ``host``, ``tag``, ``digest``.
    """

    scheme: str
    rest: str
    repo: str | None = None
    path: str | None = None
    revision: str | None = None
    selector: str | None = None
    host: str | None = None
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        return f"{self.scheme}:{self.rest}"

    @classmethod
    def parse(cls, text: str) -> ModelRef:
        """Parse what a person typed.

        :raises RbeeError: ``INVALID_REF``, with the accepted forms; nothing else, whatever the text.
        """
        from . import hub, local, ollama, registry, url

        text = text.strip()
        _refuse_forbidden(text)
        if match := _CREDENTIALS.match(text):
            # Masked here and not by the pattern alone: a password may hold a quote or a space.
            masked = f"{match[1]}***@{text[match.end() :]}"
            raise invalid(masked, "credentials do not belong in a reference", NO_CREDENTIALS)
        if local.looks_local(text):
            ref = local.parse(cls, text)
        elif (match := _SCHEME.fullmatch(text)) and "/" not in match[1]:
            scheme = match[1].lower()
            scheme, rest = _ALIASES.get(scheme, scheme), match[2]
            parsers = {"hf": hub.parse, "ollama": ollama.parse, "file": local.parse_file_url}
            parsers |= {"http": url.parse_http, "https": url.parse_http, "s3": url.parse_bucket}
            parsers |= {"oci": registry.parse_oci, "docker": registry.parse_docker}
            parser = parsers.get(scheme)
            ref = parser(cls, rest, scheme) if parser else url.parse_other(cls, rest, scheme)
        elif "/" in text:
            ref = hub.parse(cls, text, "hf")
        else:
            raise invalid(text, "it has no scheme and no '/'", hint=f"A file here is written ./{text or 'model.gguf'}")
        # What a URL escape smuggled in is held to the same rules, and edge white space could not be typed again.
        _refuse_forbidden(str(ref))
        if str(ref) != str(ref).strip():
            raise invalid(text, "it begins or ends in white space")
        return ref

    def at(self, revision: str) -> ModelRef:
        """This reference at another revision, if its grammar has revisions; else the reference as it is.

        :raises RbeeError: ``INVALID_REF``: it names one already, or ``revision`` is none.
        """
        if self.scheme != "hf" or self.revision == revision:
            return self
        if self.revision is not None:
            raise invalid(
                str(self), f"it names the revision {self.revision!r}, and {revision!r} was asked for beside it"
            )
        from urllib.parse import quote

        assert self.repo is not None
        quoted = revision if revision.startswith("refs/") else quote(revision, safe="")
        return ModelRef.parse(f"hf:{self.repo}@{quoted}{self.rest.removeprefix(self.repo)}")


def invalid(text: str, why: str, hint: str = "") -> RbeeError:
    """The one error of this grammar; nothing in it that could be a password."""
    message = f"{text!r} is not a model reference: {why}. Accepted: {ACCEPTED_FORMS}."
    return RbeeError(ErrorCode.INVALID_REF, redact(message), redact(hint) or "See `rbee models --help`.")


def redact(text: str) -> str:
    """``text`` with everything masked that looks like ``user:password@``."""
    return re.sub(r"[^\s/'\"@]*:[^\s/'\"@]*@", "***@", text)


def check_parts(text: str, path: str, *, what: str = "path", allow_empty: bool = False) -> None:
    """Refuse a path that climbs, or (unless ``allow_empty``) has empty parts."""
    for part in path.split("/"):
        if part in {"..", "."}:
            raise invalid(text, f"its {what} has a {part!r} part")
        if not part and not allow_empty:
            raise invalid(text, f"its {what} has an empty part")
        if "\\" in part:
            raise invalid(text, f"its {what} has a backslash")


def _refuse_forbidden(text: str) -> None:
    if not text:
        raise invalid(text, "it is empty")
    for character in text:
        if unicodedata.category(character) in _FORBIDDEN:
            raise invalid(ascii(text)[1:-1], f"it holds the control character U+{ord(character):04X}")
