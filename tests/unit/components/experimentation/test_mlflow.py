"""MLflow: what goes over the wire, on-premises and managed."""

import configparser
import dataclasses
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from components.base import ArgsError
from components.experimentation.mlflow import MlFlow, MlFlowArgs, environment, render_authentication
from tests.unit.components.data.grants import (
    DATABASE,
    EDGE,
    IDENTITY,
    IMAGE,
    MANAGED_STORES,
    PEERS,
    SENTINEL,
    STORE,
    container,
    in_plain,
    rendered,
    secret,
)
from tests.unit.components.data.grants import environment as environment_of

USERS = dataclasses.replace(DATABASE, name="mlflow_auth", user="mlflow_auth", password="p@ss:w/rd%1")
AUTHENTICATION = """\
[mlflow]
default_permission = NO_PERMISSIONS
database_uri = postgresql+psycopg2://u:p%%40ss@db:5432/users?sslmode=prefer
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""


def arguments(**changed: Any) -> MlFlowArgs:
    given: dict[str, Any] = {
        "namespace": "colonnade-experimentation",
        "image": IMAGE,
        "database": DATABASE,
        "user_database": USERS,
        "store": STORE,
        "edge": EDGE,
        "peers": PEERS,
    }
    return MlFlowArgs(**{**given, **changed})


def test_the_authentication_file_is_this() -> None:
    url = "postgresql+psycopg2://u:p%40ss@db:5432/users?sslmode=prefer"
    assert render_authentication(url, "NO_PERMISSIONS") == AUTHENTICATION
    parsed = configparser.ConfigParser()
    parsed.read_string(AUTHENTICATION)
    assert parsed["mlflow"]["database_uri"] == url


def test_the_environment_is_this() -> None:
    assert environment("local.example.com") == {
        "MLFLOW_AUTH_CONFIG_PATH": "/etc/mlflow/authentication.ini",
        "MLFLOW_SERVER_ALLOWED_HOSTS": "mlflow.local.example.com,*.svc:5000",
        "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS": "https://mlflow.local.example.com",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_SQLALCHEMYSTORE_POOL_SIZE": "5",
        "MLFLOW_SQLALCHEMYSTORE_MAX_OVERFLOW": "10",
    }


def test_the_pod_is_hardened_and_asks_for_a_password(run_program: Any) -> None:
    recorded = run_program(lambda: MlFlow("mlflow", arguments()))
    found = container(recorded, "mlflow")
    assert found["command"] == ["mlflow"]
    assert " ".join(found["args"]) == ("server --app-name basic-auth --workers 1 --host 0.0.0.0 --port 5000")
    assert found["securityContext"]["readOnlyRootFilesystem"] is True
    assert found["securityContext"]["runAsNonRoot"] is True
    assert found["readinessProbe"]["httpGet"] == {"path": "/health", "port": 5000}
    assert found["resources"]["limits"] == {"memory": "1Gi"}
    assert any(it["mountPath"] == "/etc/mlflow/authentication.ini" for it in found["volumeMounts"])
    plain = environment_of(recorded, "mlflow")
    assert plain.items() >= environment(EDGE.domain).items()
    assert plain["MLFLOW_ARTIFACTS_DESTINATION"] == "s3://lake-7f3a"
    assert plain["AWS_ENDPOINT_URL_S3"] == STORE.endpoint


def test_each_database_has_its_own_credentials(run_program: Any) -> None:
    recorded = run_program(lambda: MlFlow("mlflow", arguments(default_permission="READ")))
    found = secret(recorded, "mlflow")
    file = next(value for value in found.values() if value.startswith("[mlflow]"))
    assert found["MLFLOW_BACKEND_STORE_URI"] == (
        f"postgresql+psycopg2://app:{SENTINEL}@postgresql.colonnade-foundation.svc:5432/app?sslmode=prefer"
    )
    assert "default_permission = READ\n" in file
    assert "//mlflow_auth:p%%40ss%%3Aw%%2Frd%%251@" in file
    assert found["MLFLOW_AUTH_ADMIN_PASSWORD"] == "generated-mlflow-admin"
    assert found["MLFLOW_FLASK_SERVER_SECRET_KEY"] == "generated-mlflow-session"
    assert found["AWS_SECRET_ACCESS_KEY"] == SENTINEL
    assert len(found) == 6


def test_only_the_edge_may_connect_unless_more_is_named(run_program: Any) -> None:
    recorded = run_program(lambda: MlFlow("mlflow", arguments()))
    policy = recorded.one("kubernetes:networking.k8s.io/v1:NetworkPolicy", "mlflow").inputs["spec"]
    (caller,) = policy["ingress"][0]["from"]
    assert caller["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "traefik"}
    route = next(r for r in recorded.resources if r.type.endswith(":HTTPRoute")).inputs["spec"]
    assert route["hostnames"] == ["mlflow.local.example.com"]
    assert route["rules"] == [{"backendRefs": [{"name": "mlflow", "port": 5000}]}]


def test_no_secret_is_sent_in_plain(run_program: Any) -> None:
    """Case 5."""
    recorded = run_program(lambda: MlFlow("mlflow", arguments()))
    for needle in (SENTINEL, "generated-mlflow-admin", "generated-mlflow-session", "p%%40ss"):
        assert needle in rendered(recorded)
        assert in_plain(recorded, needle) == []
    assert recorded.is_secret(recorded.result.password)


@pytest.mark.parametrize(
    ("scheme", "destination"),
    [
        ("s3", "s3://lake-7f3a"),
        ("gs", "gs://lake-7f3a"),
        ("abfss", "abfss://lake@account7f3a.dfs.core.windows.net"),
    ],
)
def test_a_managed_store_renders_no_key_and_nothing_of_another(
    run_program: Any, scheme: str, destination: str
) -> None:
    """Case 21."""
    args = arguments(store=MANAGED_STORES[scheme], identity=IDENTITY)
    recorded = run_program(lambda: MlFlow("mlflow", args))
    everything = rendered(recorded)
    assert "AWS_ACCESS_KEY_ID" not in everything
    assert "AWS_ENDPOINT" not in everything
    assert ("AWS_" in everything) is (scheme == "s3")
    assert environment_of(recorded, "mlflow")["MLFLOW_ARTIFACTS_DESTINATION"] == destination
    account = recorded.one("kubernetes:core/v1:ServiceAccount", "mlflow").inputs["metadata"]
    assert account["annotations"] == IDENTITY.annotations


def test_a_permission_that_mlflow_does_not_know_is_refused(run_program: Any) -> None:
    with pytest.raises(ArgsError, match="default_permission 'WRITE' is unknown"):
        run_program(lambda: MlFlow("mlflow", arguments(default_permission="WRITE")))


def test_the_provider_is_the_given_one_and_the_password_is_protected(run_program: Any) -> None:
    def program() -> MlFlow:
        provider = kubernetes.Provider("cluster", kubeconfig="{}")
        return MlFlow("mlflow", arguments(protect=True), pulumi.ResourceOptions(providers=[provider]))

    recorded = run_program(program)
    provider = recorded.one("pulumi:providers:kubernetes")
    children = [r for r in recorded.resources if r.type.startswith("kubernetes:")]
    assert {r.provider for r in children} == {f"{provider.urn}::cluster-id"}
    assert {r.name for r in recorded.resources if r.protect} == {"mlflow-admin"}


def test_a_dict_makes_the_same_as_the_dataclass(run_program: Any) -> None:
    as_dict = {
        "namespace": "colonnade-experimentation",
        "image": IMAGE,
        "database": dataclasses.asdict(DATABASE),
        "userDatabase": dataclasses.asdict(USERS),
        "store": dataclasses.asdict(STORE),
        "edge": EDGE,
        "peers": PEERS,
    }
    given = run_program(lambda: MlFlow("mlflow", as_dict))
    expected = run_program(lambda: MlFlow("mlflow", arguments()))
    assert [(r.type, r.name, r.inputs) for r in given.resources] == [
        (r.type, r.name, r.inputs) for r in expected.resources
    ]


def test_outputs_say_where_and_as_whom(run_program: Any) -> None:
    recorded = run_program(lambda: MlFlow("mlflow", arguments()))
    component = recorded.one("colonnade:index:MlFlow")
    assert recorded.registered_outputs[component.urn] == {
        "url": "https://mlflow.local.example.com",
        "admin": "admin",
        "password": "generated-mlflow-admin",
    }
