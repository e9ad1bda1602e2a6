"""Models from S3, through the command line: rclone's server for what everybody has, moto's for what Amazon has."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rbee_core.testing.cli import RbeeHome, clean_env
from rbee_core.testing.servers.web import WebServer
from support.servers.moto_s3 import MotoS3
from support.servers.rclone_s3 import RcloneS3

DATA = b"GGUF" + os.urandom(300_000)
SHA256 = "sha256:" + hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def rbee(rbee: RbeeHome, rclone_s3: RcloneS3) -> RbeeHome:
    rbee.env.update(rclone_s3.env(AWS_EC2_METADATA_DISABLED="true"))
    return rbee


@pytest.fixture
def bucket(moto_s3: MotoS3, request: pytest.FixtureRequest) -> str:
    """A bucket with versions."""
    name = "b" + hashlib.sha256(request.node.name.encode()).hexdigest()[:20]
    client = moto_s3.client()
    client.create_bucket(Bucket=name)
    client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


@pytest.fixture
def amazon(rbee: RbeeHome, moto_s3: MotoS3) -> RbeeHome:
    """An rbee whose S3 is moto's."""
    return RbeeHome(rbee.path, moto_s3.env(AWS_EC2_METADATA_DISABLED="true"))


def document(rbee: RbeeHome, verb: str, *arguments: str, env: dict[str, str] | None = None) -> Any:
    done = rbee("models", verb, *arguments, "--json", env=env)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return json.loads(done.stdout)


def refused(rbee: RbeeHome, *arguments: str, env: dict[str, str] | None = None) -> tuple[str, str]:
    """Code and words of an error, which leaves nothing new among the models."""
    before = set((rbee.models / "models").rglob("*"))
    done = rbee("models", "download", *arguments, "--json", env=env)
    assert done.returncode == 1, done.stdout + done.stderr
    error = json.loads(done.stderr)["error"]
    assert set((rbee.models / "models").rglob("*")) == before
    return error["code"], f"{error['message']} {error['hint']}"


def test_an_object(rbee: RbeeHome, rclone_s3: RcloneS3) -> None:
    rclone_s3.put("models", "a b/tiny+ü.gguf", DATA)
    ref = "s3://models/a b/tiny+ü.gguf"
    shown = document(rbee, "resolve", ref)
    md5 = hashlib.md5(DATA).hexdigest()
    assert shown["files"] == [{"name": "tiny+ü.gguf", "size": len(DATA), "digest": None}]
    assert (shown["vendor"], shown["dist"], shown["revision"]) == ("s3", "rbee-vendor-s3", md5)
    found = document(rbee, "download", ref)
    assert Path(found["path"]).read_bytes() == DATA
    assert (found["digest"], found["revision"]) == (SHA256, md5)


def test_a_prefix(rbee: RbeeHome, rclone_s3: RcloneS3) -> None:
    for name in ("model.safetensors", "config.json", "pytorch_model.bin", ".git/config", "x.part", "sub/vocab.json"):
        rclone_s3.put("models", f"m/{name}", DATA if "safetensors" in name else b"{}")
    rclone_s3.put("models", "m2/other.gguf", DATA)
    for ref in ("s3://models/m", "s3://models/m/"):
        names = [file["name"] for file in document(rbee, "resolve", ref)["files"]]
        assert names == ["config.json", "model.safetensors", "sub/vocab.json"]
    chosen = document(rbee, "resolve", "s3://models/m", "--include", "*.bin", "--exclude", "sub/*")["files"]
    assert [file["name"] for file in chosen] == ["pytorch_model.bin"]
    found = document(rbee, "download", "s3://models/m")
    assert (found["format"], len(found["files"])) == ("safetensors", 3)
    assert (Path(found["path"]) if Path(found["path"]).is_dir() else Path(found["path"]).parent).is_dir()


def test_a_sharded_model_comes_whole_or_not_at_all(rbee: RbeeHome, rclone_s3: RcloneS3) -> None:
    for number in (1, 2):
        rclone_s3.put("models", f"m/big-0000{number}-of-00003.gguf", DATA)
    for ref in ("s3://models/m/big-00001-of-00003.gguf", "s3://models/m/"):
        code, words = refused(rbee, ref)
        assert code == "MODEL_NOT_FOUND"
        assert "big-00003-of-00003.gguf" in words
    rclone_s3.put("models", "m/big-00003-of-00003.gguf", DATA)
    files = document(rbee, "resolve", "s3://models/m/big-00002-of-00003.gguf")["files"]
    assert [file["name"] for file in files] == [f"big-0000{n}-of-00003.gguf" for n in (1, 2, 3)]


def test_what_is_not_there(rbee: RbeeHome, rclone_s3: RcloneS3) -> None:
    rclone_s3.put("models", "notes/readme.txt", b"hello")
    code, words = refused(rbee, "s3://models/none.gguf")
    assert code == "MODEL_NOT_FOUND"
    assert "s3://models/none.gguf" in words
    code, words = refused(rbee, "s3://no-such-bucket/none.gguf")
    assert code == "MODEL_NOT_FOUND"
    assert "no-such-bucket" in words
    code, words = refused(rbee, "s3://models/notes")
    assert code == "MODEL_NOT_FOUND"
    assert "readme.txt" in words


def test_wrong_keys_and_none(rbee: RbeeHome, rclone_s3: RcloneS3) -> None:
    rclone_s3.put("models", "m.gguf", DATA)
    wrong = "not-the-secret-of-this-server"
    code, words = refused(rbee, "s3://models/m.gguf", env={"AWS_SECRET_ACCESS_KEY": wrong})
    assert code == "AUTH_REQUIRED"
    assert "AWS_PROFILE" in words
    assert wrong not in words
    code, words = refused(rbee, "s3://models/m.gguf", env={"AWS_SECRET_ACCESS_KEY": "", "AWS_ACCESS_KEY_ID": ""})
    assert code == "AUTH_REQUIRED"
    assert "strangers" in words


def test_a_profile(rbee: RbeeHome, rclone_s3: RcloneS3) -> None:
    rclone_s3.put("models", "m.gguf", DATA)
    keys = f"aws_access_key_id={rclone_s3.key}\naws_secret_access_key={rclone_s3.secret}\n"
    (rbee.path / "credentials").write_text(f"[bees]\n{keys}")
    env = {"AWS_SHARED_CREDENTIALS_FILE": str(rbee.path / "credentials"), "AWS_PROFILE": "bees"}
    mine = RbeeHome(rbee.path, {"RBEE_S3_ENDPOINT": rclone_s3.url, **env})
    assert document(mine, "resolve", "s3://models/m.gguf")["size"] == len(DATA)
    done = mine("models", "resolve", "s3://models/m.gguf", env={"AWS_PROFILE": "wasps"})
    assert done.returncode == 2
    assert "wasps" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_public_bucket(amazon: RbeeHome, moto_s3: MotoS3, bucket: str) -> None:
    moto_s3.client().put_object(Bucket=bucket, Key="m.gguf", Body=DATA, ACL="public-read")
    found = document(amazon, "download", f"s3://{bucket}/m.gguf", env={"RBEE_S3_ANONYMOUS": "1"})
    assert found["size"] == len(DATA)


def test_a_version_and_its_checksum(amazon: RbeeHome, moto_s3: MotoS3, bucket: str) -> None:
    put: Callable[..., Any] = moto_s3.client().put_object
    old = put(Bucket=bucket, Key="m.gguf", Body=DATA, ChecksumAlgorithm="SHA256")["VersionId"]
    new = put(Bucket=bucket, Key="m.gguf", Body=DATA + b"new", ChecksumAlgorithm="SHA256")["VersionId"]
    shown = document(amazon, "resolve", f"s3://{bucket}/m.gguf")
    assert (shown["revision"], shown["size"]) == (new, len(DATA) + 3)
    for ref in ([f"s3://{bucket}/m.gguf?versionId={old}"], [f"s3://{bucket}/m.gguf", "--revision", old]):
        shown = document(amazon, "resolve", *ref)
        assert (shown["revision"], shown["files"][0]["digest"]) == (old, SHA256)
    found = document(amazon, "download", f"s3://{bucket}/m.gguf?versionId={old}")
    assert (found["digest"], found["revision"]) == (SHA256, old)
    assert Path(found["path"]).read_bytes() == DATA
    code, words = refused(amazon, f"s3://{bucket}/m.gguf?versionId=never-was")
    assert code == "REVISION_NOT_FOUND"
    assert "never-was" in words


def test_the_same_bytes_from_two_vendors_are_fetched_once(
    amazon: RbeeHome, moto_s3: MotoS3, bucket: str, web: WebServer
) -> None:
    moto_s3.client().put_object(Bucket=bucket, Key="m.gguf", Body=DATA, ChecksumAlgorithm="SHA256")
    first = document(amazon, "download", f"s3://{bucket}/m.gguf")
    url = web.page("/same.gguf", DATA, headers={"X-Checksum-Sha256": SHA256.removeprefix("sha256:")})
    second = document(amazon, "download", url)
    assert web.asked("/same.gguf") == []
    assert Path(first["path"]).samefile(second["path"])
    assert len(list((amazon.models / "blobs" / "sha256").iterdir())) == 1


def test_an_object_in_parts(amazon: RbeeHome, moto_s3: MotoS3, bucket: str) -> None:
    client = moto_s3.client()
    begun = client.create_multipart_upload(Bucket=bucket, Key="m.gguf", ChecksumAlgorithm="SHA256")
    whole = {"Bucket": bucket, "Key": "m.gguf", "UploadId": begun["UploadId"]}
    pieces = [os.urandom(5 << 20), os.urandom(100)]
    done = [client.upload_part(**whole, PartNumber=n, Body=data) for n, data in enumerate(pieces, 1)]
    parts = [{"PartNumber": n, "ETag": part["ETag"]} for n, part in enumerate(done, 1)]
    client.complete_multipart_upload(**whole, MultipartUpload={"Parts": parts})
    assert document(amazon, "resolve", f"s3://{bucket}/m.gguf")["files"][0]["digest"] is None
    found = document(amazon, "download", f"s3://{bucket}/m.gguf")
    assert found["digest"] == "sha256:" + hashlib.sha256(b"".join(pieces)).hexdigest()


def test_hostile_keys(amazon: RbeeHome, moto_s3: MotoS3, bucket: str, tmp_path: Path) -> None:
    keys = ["../evil.gguf", "a\\..\\evil.gguf"]
    for number, key in enumerate(keys):
        moto_s3.client().put_object(Bucket=bucket, Key=f"m{number}/{key}", Body=DATA)
    got = {key: refused(amazon, f"s3://{bucket}/m{number}/")[0] for number, key in enumerate(keys)}
    assert got == dict.fromkeys(keys, "UNSAFE_PATH")
    assert not [path for path in tmp_path.rglob("*") if "evil" in path.name]


def test_an_endpoint_elsewhere_without_encryption(rbee: RbeeHome) -> None:
    code, words = refused(rbee, "s3://models/m.gguf", env={"AWS_ENDPOINT_URL_S3": "http://minio.example.org"})
    assert code == "DOWNLOAD_FAILED"
    assert "--insecure" in words


def test_a_server_that_is_not_there(rbee: RbeeHome) -> None:
    code, words = refused(rbee, "s3://models/m.gguf", env={"RBEE_S3_ENDPOINT": "http://127.0.0.1:1"})
    assert code == "DOWNLOAD_FAILED"
    assert "127.0.0.1:1" in words


def test_offline_sends_nothing(rbee: RbeeHome) -> None:
    code, words = refused(rbee, "s3://models/m.gguf", "--offline")
    assert code == "DOWNLOAD_FAILED"
    assert "offline" in words


def test_importing_it_costs_nothing() -> None:
    code = "import sys, rbee_vendor_s3; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"s3fs", "botocore", "aiobotocore", "asyncio", "urllib3", "fsspec"} & set(done.stdout.split())


ONE_JOB = """
import sys
from pathlib import Path
from rbee_core import Job, ModelRef
from rbee_vendor_s3 import S3Vendor

vendor, job, ref = S3Vendor(), Job(), ModelRef.parse(sys.argv[1])
shown = vendor.resolve_model(ref, job)
print(shown.revision, flush=True)
sys.stdin.readline()
print(vendor.download_model(ref, Path(sys.argv[2]), job).revision)
"""


def test_what_was_shown_is_what_comes(amazon: RbeeHome, moto_s3: MotoS3, bucket: str, tmp_path: Path) -> None:
    """The object gets a new version between looking and fetching: the one that was shown comes."""
    old = moto_s3.client().put_object(Bucket=bucket, Key="m.gguf", Body=DATA)["VersionId"]
    command = [sys.executable, "-c", ONE_JOB, f"s3://{bucket}/m.gguf", str(tmp_path)]
    env = clean_env(amazon.environment)
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline().strip() == old
        moto_s3.client().put_object(Bucket=bucket, Key="m.gguf", Body=DATA[::-1])
        process.stdin.write("go on\n")
        process.stdin.close()
        assert process.stdout.read().strip() == old
    assert (tmp_path / "m.gguf").read_bytes() == DATA
