"""Feast, used from outside the cluster: the registry by its own client, the feature server over HTTPS."""

import base64
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import grpc
import pytest
import requests
import yaml

NAMESPACE = "colonnade-data"
ROOT = Path(__file__).resolve().parents[3]
CLIENT = Path(__file__).with_name("client")
ONLINE = {"feature_service": "drivers", "entities": {"driver_id": [7, 8, 9]}}
# The feature server looks at the registry every ten seconds; the rest is for a busy machine.
REFRESH_SECONDS = 90


@pytest.fixture(scope="session")
def client() -> Path:
    """Feast's client in an environment of its own, since it pins much; made once for each set of pins."""
    requirements = CLIENT / "requirements.txt"
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:12]
    environment = ROOT / "build" / "feast-client" / digest
    complete = environment / "complete"
    if not complete.exists():
        shutil.rmtree(environment, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
        install = [str(environment / "bin" / "pip"), "install", "--quiet", "--require-hashes"]
        subprocess.run([*install, "--requirement", str(requirements)], check=True)
        complete.touch()
    return environment / "bin"


@pytest.fixture(scope="module")
def token(platform: Any) -> str:
    """A token that Feast accepts."""
    return issued(platform, platform.outputs["feast_token_command"])


def issued(platform: Any, command: str) -> str:
    """Returns the token that a `kubectl create token` prints."""
    program, *arguments = shlex.split(command)
    assert program == "kubectl"
    return str(platform.kubectl(*arguments)).strip()


def forged(token: str) -> str:
    """Returns an unsigned token that claims what the given one does."""

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    body = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


@pytest.fixture(scope="module")
def session(platform: Any) -> Iterator[requests.Session]:
    """A session that trusts the private CA alone and has no credentials."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = platform.ca_file
        yield session


def call(
    session: requests.Session, platform: Any, path: str, body: dict[str, Any], token: str | None
) -> requests.Response:
    """Returns what the feature server answers."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return session.post(f"{platform.outputs['features_url']}{path}", json=body, headers=headers, timeout=120)


@pytest.fixture(scope="module")
def trips(platform: Any, client: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of the data of the features, which lies in the lake."""
    file = tmp_path_factory.mktemp("trips") / "trips.parquet"
    subprocess.run([str(client / "python"), str(CLIENT / "trips.py"), str(file)], check=True)
    address = f"{platform.outputs['feast_offline_store']}/end-to-end/trips.parquet"
    bucket, _, key = address.removeprefix("s3://").partition("/")
    keys = json.loads(platform.kubectl("-n", NAMESPACE, "get", "secret", "feast", "-o", "json"))["data"]
    s3 = boto3.client(
        "s3",
        endpoint_url=platform.url("s3"),
        region_name="us-east-1",
        aws_access_key_id=base64.b64decode(keys["AWS_ACCESS_KEY_ID"]).decode(),
        aws_secret_access_key=base64.b64decode(keys["AWS_SECRET_ACCESS_KEY"]).decode(),
        verify=platform.ca_file,
        config=botocore.config.Config(s3={"addressing_style": "path"}, proxies={}),
    )
    s3.put_object(Bucket=bucket, Key=key, Body=file.read_bytes())
    return address


@pytest.fixture(scope="module")
def applied(
    platform: Any, client: Path, trips: str, token: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A feature repository on the host, applied to the registry."""
    outputs = platform.outputs
    repository = tmp_path_factory.mktemp("features")
    shutil.copy(CLIENT / "features.py", repository)
    configuration = {
        "project": outputs["feast_project"],
        "provider": "local",
        "registry": {
            "registry_type": "remote",
            "path": outputs["feature_registry"],
            "cert": platform.ca_file,
        },
        "online_store": {"type": "remote", "path": outputs["features_url"], "cert": platform.ca_file},
        "offline_store": {"type": "dask"},
        "auth": {"type": "oidc", "token_env_var": "FEAST_TOKEN"},
        "entity_key_serialization_version": 3,
    }
    (repository / "feature_store.yaml").write_text(yaml.safe_dump(configuration))
    done = feast(client, repository, token, trips, "apply", "--skip-source-validation")
    assert done.returncode == 0, done.stderr
    return repository


def feast(
    client: Path, repository: Path, token: str, trips: str, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Runs Feast's client in a feature repository."""
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    return subprocess.run(
        [str(client / "feast"), *arguments],
        cwd=repository,
        env=environment | {"FEAST_TOKEN": token, "TRIPS": trips, "FEAST_USAGE": "False"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_features_are_applied_materialized_and_read_online(
    platform: Any, session: requests.Session, applied: Path, client: Path, trips: str, token: str
) -> None:
    listed = feast(client, applied, token, trips, "feature-views", "list")
    assert "driver_statistics" in listed.stdout, listed.stderr

    now = datetime.now(UTC)
    window = {
        "start_ts": (now - timedelta(days=1)).isoformat(),
        "end_ts": now.isoformat(),
        "feature_views": ["driver_statistics"],
    }
    deadline = time.monotonic() + REFRESH_SECONDS
    while (answer := call(session, platform, "/materialize", window, token)).status_code == 404:
        assert time.monotonic() < deadline, answer.text
        time.sleep(2)
    assert answer.status_code == 200, answer.text

    read = call(session, platform, "/get-online-features", ONLINE, token)
    assert read.status_code == 200, read.text
    values = dict(zip(read.json()["metadata"]["feature_names"], read.json()["results"], strict=True))
    assert values["rating"]["values"] == [4.5, 3.25, None]


@pytest.mark.usefixtures("applied")
def test_features_are_written_and_read_online(platform: Any, session: requests.Session, token: str) -> None:
    row = {"driver_id": [70], "rating": [1.5], "event_timestamp": [datetime.now(UTC).isoformat()]}
    body = {"feature_view_name": "driver_statistics", "df": row}
    deadline = time.monotonic() + REFRESH_SECONDS
    while (answer := call(session, platform, "/write-to-online-store", body, token)).status_code == 404:
        assert time.monotonic() < deadline, answer.text
        time.sleep(2)
    assert answer.status_code == 200, answer.text
    read = call(
        session,
        platform,
        "/get-online-features",
        {"features": ["driver_statistics:rating"], "entities": {"driver_id": [70]}},
        token,
    )
    assert read.json()["results"][1]["values"] == [1.5], read.text


@pytest.mark.parametrize("kind", ["none", "nonsense", "forged", "tampered"])
def test_wrong_tokens_are_refused_by_the_feature_server(
    platform: Any, session: requests.Session, token: str, kind: str
) -> None:
    answer = call(session, platform, "/get-online-features", ONLINE, wrong(kind, token))
    assert answer.status_code == 401, answer.text


@pytest.mark.parametrize("kind", ["none", "nonsense", "forged", "tampered"])
def test_wrong_tokens_are_refused_by_the_registry(platform: Any, token: str, kind: str) -> None:
    refused, message = registry(platform, wrong(kind, token))
    assert refused, message
    assert message == b""


def test_the_registry_answers_a_right_token(platform: Any, token: str) -> None:
    refused, message = registry(platform, token)
    assert not refused
    assert platform.outputs["feast_project"].encode() in message


@pytest.mark.usefixtures("applied")
def test_a_token_of_another_namespace_is_refused(platform: Any, session: requests.Session) -> None:
    stranger = issued(platform, "kubectl -n default create token default")
    answer = call(session, platform, "/get-online-features", ONLINE, stranger)
    assert answer.status_code == 403, answer.text
    refused, message = registry(platform, stranger)
    assert refused, message


def wrong(kind: str, token: str) -> str | None:
    """Returns no token, or one that must not do."""
    head, body, signature = token.split(".")
    middle = len(signature) // 2
    other = "A" if signature[middle] != "A" else "B"
    return {
        "none": None,
        "nonsense": "nonsense",
        "forged": forged(token),
        "tampered": f"{head}.{body}.{signature[:middle]}{other}{signature[middle + 1 :]}",
    }[kind]


def registry(platform: Any, token: str | None) -> tuple[bool, bytes]:
    """Returns whether the registry refuses to list its projects, and what it says if not."""
    credentials = grpc.ssl_channel_credentials(Path(platform.ca_file).read_bytes())
    metadata = [] if token is None else [("authorization", f"Bearer {token}")]
    options = [("grpc.enable_http_proxy", 0)]
    with grpc.secure_channel(platform.outputs["feature_registry"], credentials, options) as channel:
        listing = channel.unary_unary("/feast.registry.RegistryServer/ListProjects")
        try:
            return False, bytes(listing(b"", metadata=metadata, timeout=60))
        except grpc.RpcError as error:
            # What the server itself refuses; a failure on the way there is another status.
            unreachable = (
                grpc.StatusCode.UNAVAILABLE,
                grpc.StatusCode.UNIMPLEMENTED,
                grpc.StatusCode.DEADLINE_EXCEEDED,
            )
            if error.code() in unreachable:
                raise
            return True, b""
