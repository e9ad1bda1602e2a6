"""The table of reference forms: what is typed, what it means, what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rbee_core import ErrorCode, ModelRef, RbeeError

DIGEST = "sha256:" + "0" * 64

CANONICAL = [
    ("hf:org/repo", "hf:org/repo"),
    ("hf://org/repo", "hf:org/repo"),
    ("huggingface:org/repo", "hf:org/repo"),
    ("HF:org/repo", "hf:org/repo"),
    ("org/repo", "hf:org/repo"),
    ("  org/repo\n", "hf:org/repo"),
    ("hf:org/repo/dir/file.gguf", "hf:org/repo/dir/file.gguf"),
    ("hf:org/repo@rev", "hf:org/repo@rev"),
    ("org/repo@rev/file.gguf", "hf:org/repo@rev/file.gguf"),
    ("org/repo@refs/pr/3/file.gguf", "hf:org/repo@refs/pr/3/file.gguf"),
    ("org/repo@refs%2Fpr%2F3", "hf:org/repo@refs/pr/3"),
    ("org/repo@feature%2Fx", "hf:org/repo@feature%2Fx"),
    ("org/repo:Q4_K_M", "hf:org/repo:Q4_K_M"),
    ("org/repo@rev:Q4_K_M", "hf:org/repo@rev:Q4_K_M"),
    ("org/repo:file.gguf", "hf:org/repo:file.gguf"),
    ("ollama:llama3.2", "ollama:llama3.2:latest"),
    ("ollama:library/llama3.2", "ollama:llama3.2:latest"),
    ("ollama:ns/model:tag", "ollama:ns/model:tag"),
    ("ollama://registry.ollama.ai/library/m:t", "ollama:m:t"),
    ("ollama://host.example:5000/ns/model:tag", "ollama://host.example:5000/ns/model:tag"),
    ("ollama:hf.co/org/repo:Q4_K_M", "ollama://hf.co/org/repo:Q4_K_M"),
    ("file:/abs", "file:/abs"),
    ("file:///abs", "file:/abs"),
    ("file://localhost/abs", "file:/abs"),
    ("file:///with%20space", "file:/with space"),
    ("file:/with%20literal", "file:/with%20literal"),
    ("/abs/../other", "file:/other"),
    ("http://host/x.gguf?a=b#c", "http://host/x.gguf?a=b#c"),
    ("HTTPS://Host/x", "https://Host/x"),
    ("s3://bucket/key//x", "s3://bucket/key//x"),
    ("oci://bucket@namespace/path", "oci://bucket@namespace/path"),
    ("oci://host.example/repo", "oci://host.example/repo:latest"),
    ("oci://localhost/repo", "oci://localhost/repo:latest"),
    ("oci://127.0.0.1:5000/a/b:t", "oci://127.0.0.1:5000/a/b:t"),
    ("oci://org/repo:tag", "oci://org/repo:tag"),
    (f"oci://org/repo@{DIGEST}", f"oci://org/repo@{DIGEST}"),
    (f"docker://org/repo:tag@{DIGEST}", f"docker://org/repo:tag@{DIGEST}"),
    ("docker://ubuntu", "docker://ubuntu:latest"),
    ("demo:stories", "demo:stories"),
    ("acme-models://cloud/thing", "acme-models://cloud/thing"),
]

REFUSED = [
    "",
    "   ",
    "garbage",
    "model.gguf",
    "hf:",
    "hf:org",
    "hf:/x",
    "hf:org//x",
    "hf:org/repo/",
    "hf:org/repo/a//b",
    "hf:org/repo/../x",
    "hf:org/repo/a\\b",
    "hf:org/re--po",
    "hf:org/repo.git",
    "hf:-org/repo",
    "hf:org/repo.",
    "hf:org/" + "x" * 97,
    "hf:org/repo@",
    "hf:org/repo@a b",
    "hf:org/repo@..%2F..",
    "org/repo:",
    "org/repo:../x",
    "ollama:",
    "ollama:a/b/c/d",
    "ollama:m@sha256:abc",
    "ollama:na.me/model",
    "ollama:" + "m" * 81,
    "ollama://user:pass@host/ns/model",
    "file:",
    "file://other-host/x",
    "a\0b/c",
    "org/re\x1bpo",
    "https://user:secret@host/x",
    "https://secret@host/x",
    "https://",
    "https:/x",
    "https://host:port/x",
    "https://host/../x",
    "https://host/%2e%2e/x",
    "s3://",
    "s3:bucket/key",
    "s3://user:secret@bucket/key",
    "s3://bucket/../x",
    "oci://bucket/path",
    "oci://user:secret@ns/path",
    "oci://bucket@/path",
    "oci://host.example/UPPER",
    "oci://host.example/repo@sha256:12",
    "oci://host.example/../x",
    "docker://user:secret@host/x",
    "docker:x",
    "x:y",
    "demo:",
    "demo:../x",
    "acme://user:secret@host/x",
]


@pytest.mark.parametrize(("typed", "canonical"), CANONICAL)
def test_canonical_form(typed: str, canonical: str) -> None:
    ref = ModelRef.parse(typed)
    assert str(ref) == canonical
    assert ModelRef.parse(canonical) == ref


@pytest.mark.parametrize("typed", REFUSED)
def test_refused_with_the_accepted_forms_and_without_secrets(typed: str) -> None:
    with pytest.raises(RbeeError) as caught:
        ModelRef.parse(typed)
    assert caught.value.code is ErrorCode.INVALID_REF
    assert "org/repo:Q4_K_M" in caught.value.message
    assert "secret" not in caught.value.message + caught.value.hint


def test_paths_are_absolute_and_normalised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    here = tmp_path.as_posix()
    assert str(ModelRef.parse("./rel/../m.gguf")) == f"file:{here}/m.gguf"
    assert str(ModelRef.parse("../m.gguf")) == f"file:{tmp_path.parent.as_posix()}/m.gguf"
    assert str(ModelRef.parse("~/m.gguf")) == f"file:{here}/home/m.gguf"
    assert str(ModelRef.parse("file:rel")) == f"file:{here}/rel"
    assert ModelRef.parse(".").path == os.fspath(tmp_path)


def test_the_parts_of_a_hub_reference() -> None:
    ref = ModelRef.parse("org/repo@v1:Q4_K_M")
    assert (ref.repo, ref.revision, ref.selector, ref.path) == ("org/repo", "v1", "Q4_K_M", None)
    ref = ModelRef.parse("hf:org/repo@a%2Fb/dir/x.gguf")
    assert (ref.repo, ref.revision, ref.selector, ref.path) == ("org/repo", "a/b", None, "dir/x.gguf")


def test_a_revision_beside_the_reference() -> None:
    ref = ModelRef.parse("org/repo:Q4_K_M").at("feature/x")
    assert str(ref) == "hf:org/repo@feature%2Fx:Q4_K_M"
    assert str(ModelRef.parse("org/repo").at("refs/pr/1")) == "hf:org/repo@refs/pr/1"
    assert ref.at("feature/x") == ref
    assert ModelRef.parse("demo:x").at("v1") == ModelRef.parse("demo:x")
    with pytest.raises(RbeeError, match="names the revision"):
        ref.at("other")


def test_oracle_and_registry_are_told_apart() -> None:
    assert ModelRef.parse("oci://b@ns/p").host == "b@ns"
    registry = ModelRef.parse(f"oci://h.example:5000/a/b:t@{DIGEST}")
    assert (registry.host, registry.repo, registry.tag, registry.digest) == ("h.example:5000", "a/b", "t", DIGEST)
    with pytest.raises(RbeeError) as caught:
        ModelRef.parse("oci://bucket/path")
    assert "oci://bucket@NAMESPACE/path" in caught.value.hint
    assert ":TAG" in caught.value.hint
