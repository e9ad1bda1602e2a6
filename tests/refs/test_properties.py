"""Whatever is typed: parsing gives a reference that reads back as itself, or INVALID_REF, and nothing else."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from rbee_core import ErrorCode, ModelRef, RbeeError

_schemes = st.sampled_from(
    [
        *("", "hf:", "HF:", "hf://", "huggingface:", "ollama:", "ollama://", "file:", "file://", "file:///"),
        *("http://", "https://", "s3://", "oci://", "docker://", "demo:", "acme:", "acme://"),
        *("/", "./", "../", "~/", "x:"),
    ]
)
_pieces = st.lists(
    st.one_of(
        st.sampled_from(["/", ":", "@", "..", ".", "%2F", "%2e%2e", "%", "//", "\\", "?", "#", " ", "--", ".git", "-"]),
        st.sampled_from(
            ["org", "repo", "Q4_K_M", "model.gguf", "host.example:5000", "localhost", "refs/pr/1", "[::1]"]
        ),
        st.text(max_size=6),
    ),
    max_size=8,
).map("".join)


def _parse(text: str) -> ModelRef | None:
    try:
        return ModelRef.parse(text)
    except RbeeError as error:
        assert error.code is ErrorCode.INVALID_REF
        assert error.message.isprintable()
        return None


@given(st.one_of(st.text(), st.builds(str.__add__, _schemes, _pieces)))
@settings(max_examples=3000, deadline=None)
def test_parse_and_str_are_inverse(text: str) -> None:
    ref = _parse(text)
    if ref is None:
        return
    assert ModelRef.parse(str(ref)) == ref
    assert str(ModelRef.parse(str(ref))) == str(ref)
    assert ref.scheme == ref.scheme.lower()


@given(st.text(alphabet="abcXYZ019", min_size=3, max_size=20), _pieces)
def test_a_password_never_reaches_the_message(password: str, tail: str) -> None:
    secret = f"s3cr3t{password}"
    for scheme in ("https", "s3", "docker", "acme", "ollama", "oci"):
        try:
            ref = ModelRef.parse(f"{scheme}://user:{secret}@host/{tail}")
        except RbeeError as error:
            assert secret not in error.message + error.hint
        else:
            raise AssertionError(f"accepted {ref}")
