"""lakeFS, used from outside the cluster over HTTPS."""

import uuid
from collections.abc import Iterator
from typing import Any

import boto3
import botocore.config
import botocore.exceptions
import pytest
import requests


@pytest.fixture(scope="module")
def session(platform: Any) -> Iterator[requests.Session]:
    """An administrator's session that trusts the private CA alone."""
    access = platform.outputs
    with requests.Session() as session:
        session.trust_env = False
        session.verify = platform.ca_file
        session.auth = (access["lakefs_access_key_id"], access["lakefs_secret_access_key"])
        yield session


@pytest.fixture
def repository(platform: Any) -> str:
    """Address of the repository that the stack has made."""
    access = platform.outputs
    return f"{access['lakefs_url']}/api/v1/repositories/{access['lakefs_repository']}"


@pytest.fixture
def branch(session: requests.Session, repository: str) -> Iterator[str]:
    """A branch of its own for each test."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    made = session.post(f"{repository}/branches", json={"name": name, "source": "main"}, timeout=30)
    assert made.status_code == 201, made.text
    yield name
    assert session.delete(f"{repository}/branches/{name}", timeout=30).status_code == 204


def test_a_file_is_committed_to_a_branch_and_merged(
    session: requests.Session, repository: str, branch: str
) -> None:
    content = uuid.uuid4().bytes * 1000
    path = {"path": f"raw/{branch}.bin"}

    uploaded = session.post(
        f"{repository}/branches/{branch}/objects", params=path, files={"content": content}, timeout=60
    )
    assert uploaded.status_code == 201, uploaded.text
    assert session.get(f"{repository}/refs/main/objects", params=path, timeout=30).status_code == 404

    committed = session.post(
        f"{repository}/branches/{branch}/commits", json={"message": "Add raw data"}, timeout=60
    )
    assert committed.status_code == 201, committed.text
    merged = session.post(
        f"{repository}/refs/{branch}/merge/main", json={"message": "Take it over"}, timeout=60
    )
    assert merged.status_code == 200, merged.text

    read = session.get(f"{repository}/refs/main/objects", params=path, timeout=60)
    assert read.content == content
    log = session.get(f"{repository}/refs/main/commits", params={"amount": 2}, timeout=30).json()["results"]
    assert log[0]["id"] == merged.json()["reference"]
    assert committed.json()["id"] in log[0]["parents"]


def s3(platform: Any, secret_access_key: str) -> Any:
    """Returns a client of lakeFS's S3 gateway."""
    access = platform.outputs
    return boto3.client(
        "s3",
        endpoint_url=access["lakefs_url"],
        region_name="us-east-1",
        aws_access_key_id=access["lakefs_access_key_id"],
        aws_secret_access_key=secret_access_key,
        verify=platform.ca_file,
        config=botocore.config.Config(
            s3={"addressing_style": "path"}, proxies={}, retries={"max_attempts": 1}
        ),
    )


def test_s3_clients_read_and_write_branches(platform: Any, branch: str) -> None:
    access = platform.outputs
    client = s3(platform, access["lakefs_secret_access_key"])
    client.put_object(Bucket=access["lakefs_repository"], Key=f"{branch}/by-s3.txt", Body=b"written as S3")
    read = client.get_object(Bucket=access["lakefs_repository"], Key=f"{branch}/by-s3.txt")
    assert read["Body"].read() == b"written as S3"


@pytest.mark.parametrize("credentials", [None, ("admin", "wrong"), "key"])
def test_wrong_credentials_are_refused(platform: Any, repository: str, credentials: Any) -> None:
    if credentials == "key":
        credentials = (platform.outputs["lakefs_access_key_id"], "wrong")
    with requests.Session() as session:
        session.trust_env = False
        session.verify = platform.ca_file
        answer = session.get(f"{repository}/branches", auth=credentials, timeout=30)
    assert answer.status_code == 401, answer.text


def test_a_wrong_s3_signature_is_refused(platform: Any) -> None:
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        s3(platform, "wrong").list_objects_v2(Bucket=platform.outputs["lakefs_repository"])
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


@pytest.mark.parametrize(
    "path", ["/_pprof/", "/_pprof/heap", "//_pprof/heap", "/%5Fpprof/heap", "/metrics", "/metrics/"]
)
def test_the_process_is_not_looked_into_from_outside(platform: Any, path: str) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = platform.ca_file
        request = requests.Request("GET", platform.outputs["lakefs_url"]).prepare()
        request.url = platform.outputs["lakefs_url"] + path
        answer = session.send(request, timeout=30, verify=platform.ca_file)
    assert "pprof" not in answer.text.lower()
    assert "go_goroutines" not in answer.text
    assert not answer.content.startswith(b"\x1f\x8b"), "a compressed profile"


def test_nobody_becomes_administrator_anew(platform: Any) -> None:
    answer = requests.post(
        f"{platform.outputs['lakefs_url']}/api/v1/setup_lakefs",
        json={"username": "intruder"},
        verify=platform.ca_file,
        proxies={"https": ""},
        timeout=30,
    )
    assert answer.status_code == 409, answer.text
