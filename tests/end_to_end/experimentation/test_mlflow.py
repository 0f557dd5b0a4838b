"""MLflow, used from outside the cluster over HTTPS."""

import hashlib
import os
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

ARTIFACT_SIZE = 50 * 1024 * 1024


@pytest.fixture(scope="module")
def session(platform: Any) -> Iterator[requests.Session]:
    """An administrator's session that trusts the private CA alone."""
    with requests.Session() as session:
        session.trust_env = False
        session.verify = platform.ca_file
        session.auth = (platform.outputs["mlflow_user"], platform.outputs["mlflow_password"])
        yield session


@pytest.fixture
def api(platform: Any) -> Callable[[str], str]:
    """Makes the address of a call."""
    return lambda path: f"{platform.outputs['mlflow_url']}/api/2.0/{path}"


def post(session: requests.Session, url: str, **body: Any) -> dict[str, Any]:
    """Returns the answer of a call that must succeed."""
    answer = session.post(url, json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


@pytest.fixture
def run(session: requests.Session, api: Callable[[str], str]) -> dict[str, Any]:
    """A run in an experiment of its own."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    experiment = post(session, api("mlflow/experiments/create"), name=name)["experiment_id"]
    started = post(
        session, api("mlflow/runs/create"), experiment_id=experiment, start_time=int(time.time() * 1000)
    )
    info: dict[str, Any] = started["run"]["info"]
    return info


def test_a_run_keeps_its_parameters_metrics_and_artifacts_and_becomes_a_model(
    session: requests.Session, api: Callable[[str], str], run: dict[str, Any]
) -> None:
    run_id, now = run["run_id"], int(time.time() * 1000)
    post(
        session,
        api("mlflow/runs/log-batch"),
        run_id=run_id,
        params=[{"key": "depth", "value": "6"}],
        metrics=[
            {"key": "auc", "value": 0.5 + step / 10, "timestamp": now, "step": step} for step in range(3)
        ],
    )
    assert run["artifact_uri"].startswith("mlflow-artifacts:/")
    location = run["artifact_uri"].removeprefix("mlflow-artifacts:/")
    content = os.urandom(ARTIFACT_SIZE)
    artifact = api(f"mlflow-artifacts/artifacts/{location}/model/model.bin")
    uploaded = session.put(artifact, data=content, timeout=300)
    assert uploaded.status_code == 200, uploaded.text
    post(session, api("mlflow/runs/update"), run_id=run_id, status="FINISHED", end_time=now)

    model = f"model-{run_id[:8]}"
    post(session, api("mlflow/registered-models/create"), name=model)
    version = post(
        session,
        api("mlflow/model-versions/create"),
        name=model,
        source=f"{run['artifact_uri']}/model",
        run_id=run_id,
    )["model_version"]
    assert (version["version"], version["status"]) == ("1", "READY")

    read = session.get(api("mlflow/runs/get"), params={"run_id": run_id}, timeout=60).json()["run"]
    assert read["data"]["params"] == [{"key": "depth", "value": "6"}]
    assert read["data"]["metrics"][0]["value"] == 0.7
    assert read["info"]["status"] == "FINISHED"
    listed = session.get(
        api("mlflow/artifacts/list"), params={"run_id": run_id, "path": "model"}, timeout=60
    ).json()["files"]
    assert [(it["path"], it["file_size"]) for it in listed] == [("model/model.bin", ARTIFACT_SIZE)]

    where = session.get(
        api("mlflow/model-versions/get-download-uri"), params={"name": model, "version": "1"}, timeout=60
    ).json()["artifact_uri"]
    downloaded = session.get(
        api(f"mlflow-artifacts/artifacts/{where.removeprefix('mlflow-artifacts:/')}/model.bin"), timeout=300
    )
    assert hashlib.sha256(downloaded.content).digest() == hashlib.sha256(content).digest()


@pytest.mark.parametrize("credentials", [None, ("admin", "wrong"), ("admin", ""), ("nobody", "password1234")])
@pytest.mark.parametrize(
    "path",
    [
        "mlflow/experiments/get?experiment_id=0",
        "mlflow/users/get?username=admin",
        "mlflow-artifacts/artifacts?path=0",
    ],
)
def test_wrong_credentials_are_refused(
    platform: Any, api: Callable[[str], str], credentials: Any, path: str
) -> None:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = platform.ca_file
        answer = session.get(api(path), auth=credentials, timeout=60)
    assert answer.status_code == 401, answer.text


def test_a_user_sees_nothing_of_others_until_it_is_granted(
    platform: Any, session: requests.Session, api: Callable[[str], str], run: dict[str, Any]
) -> None:
    name, password = f"user-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
    post(session, api("mlflow/users/create"), username=name, password=password)
    with requests.Session() as user:
        user.trust_env = False
        user.verify = platform.ca_file
        user.auth = (name, password)
        get = api(f"mlflow/runs/get?run_id={run['run_id']}")
        assert user.get(get, timeout=60).status_code == 403
        post(
            session,
            api("mlflow/users/permissions/grant").replace("/2.0/", "/3.0/"),
            username=name,
            resource_type="experiment",
            resource_id=run["experiment_id"],
            permission="READ",
        )
        assert user.get(get, timeout=60).status_code == 200
        assert (
            user.post(
                api("mlflow/runs/set-tag"),
                json={"run_id": run["run_id"], "key": "a", "value": "b"},
                timeout=60,
            ).status_code
            == 403
        )


def test_another_host_name_is_refused(platform: Any, session: requests.Session) -> None:
    with platform.port_forward("colonnade-experimentation", "mlflow", 5000) as port:
        answer = session.get(
            f"http://127.0.0.1:{port}/api/2.0/mlflow/experiments/get?experiment_id=0",
            headers={"Host": "evil.example.com"},
            timeout=60,
        )
    assert answer.status_code == 403, answer.text
