"""Feast: what goes over the wire, on-premises and managed."""

import ast
import dataclasses
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest
import yaml

from components.base import ArgsError
from components.data.feast import (
    SERVER,
    Feast,
    FeastArgs,
    redis_connection,
    render_feature_store,
    render_redis_connection,
)
from components.foundation.contract import CacheAccess
from tests.unit.components.data.grants import (
    CACHE,
    DATABASE,
    EDGE,
    IDENTITY,
    IMAGE,
    MANAGED_STORES,
    PEERS,
    SENTINEL,
    STORE,
    container,
    environment,
    in_plain,
    rendered,
    secret,
)

FEATURE_STORE = """\
project: fraud
provider: local
registry:
  registry_type: sql
  path: ${FEAST_REGISTRY}
  cache_ttl_seconds: 10
  sqlalchemy_config_kwargs:
    echo: false
    pool_pre_ping: true
online_store:
  type: redis
  connection_string: ${FEAST_ONLINE_STORE}
offline_store:
  type: dask
auth:
  type: oidc
  auth_discovery_url: https://kubernetes.default.svc/.well-known/openid-configuration
entity_key_serialization_version: 3
"""


def arguments(**changed: Any) -> FeastArgs:
    given: dict[str, Any] = {
        "namespace": "colonnade-data",
        "image": IMAGE,
        "database": DATABASE,
        "cache": CACHE,
        "store": STORE,
        "edge": EDGE,
        "peers": PEERS,
    }
    return FeastArgs(**{**given, **changed})


def test_the_feature_store_is_this() -> None:
    assert render_feature_store("fraud") == FEATURE_STORE


def test_the_feature_store_survives_what_the_environment_puts_into_it() -> None:
    text = render_feature_store("fraud").replace(
        "${FEAST_ONLINE_STORE}", render_redis_connection("redis", 6379, "Se0cret", tls=True)
    )
    assert (
        yaml.safe_load(text)["online_store"]["connection_string"] == 'redis:6379,password="Se0cret",ssl=true'
    )


def test_a_password_of_digits_stays_text() -> None:
    assert render_redis_connection("redis", 6379.0, "12345", tls=False) == 'redis:6379,password="12345"'


@pytest.mark.parametrize("password", ["a,b", 'a"b', "a'b", "a\\b"])
def test_a_password_that_feast_would_split_is_refused(password: str) -> None:
    with pytest.raises(ArgsError, match="generate another"):
        render_redis_connection("redis", 6379, password, tls=False)


def test_the_address_of_the_online_store_is_secret(run_program: Any) -> None:
    cache = CacheAccess("redis", 6379, SENTINEL, tls=True)
    recorded = run_program(lambda: redis_connection(cache))
    assert recorded.is_secret(recorded.result)
    assert recorded.value(recorded.result) == f'redis:6379,password="{SENTINEL}",ssl=true'


@pytest.mark.parametrize(
    ("name", "port", "command"),
    [
        (
            "feast",
            6566,
            "serve --host 0.0.0.0 --port 6566 --workers 1 --registry_ttl_sec 10 --no-access-log"
            " --max-requests 0 --max-requests-jitter 0",
        ),
        ("feast-registry", 6570, "serve_registry --port 6570"),
    ],
)
def test_the_servers_are_hardened_and_run_with_the_corrections(
    run_program: Any, name: str, port: int, command: str
) -> None:
    recorded = run_program(lambda: Feast("feast", arguments()))
    found = container(recorded, name)
    assert " ".join(found["command"]) == (
        "python /etc/feast/feast_server.py --feature-store-yaml /etc/feast/feature_store.yaml " + command
    )
    assert found["securityContext"]["readOnlyRootFilesystem"] is True
    assert found["securityContext"]["runAsNonRoot"] is True
    assert [it["containerPort"] for it in found["ports"]] == [port]
    assert environment(recorded, name)["FEAST_CLIENT_NAMESPACES"] == "colonnade-data"
    mounted = {it["mountPath"] for it in found["volumeMounts"]}
    assert {"/etc/feast/feast_server.py", "/etc/feast/feature_store.yaml"} <= mounted


def test_the_store_is_for_the_feature_server_alone(run_program: Any) -> None:
    recorded = run_program(lambda: Feast("feast", arguments()))
    shared = {
        "FEAST_REGISTRY": (
            f"postgresql+psycopg://app:{SENTINEL}@postgresql.colonnade-foundation.svc:5432/app?sslmode=prefer"
        ),
        "FEAST_ONLINE_STORE": f'redis.colonnade-foundation.svc:6379,password="{SENTINEL}"',
    }
    assert secret(recorded, "feast-registry") == shared
    assert secret(recorded, "feast") == {
        **shared,
        "AWS_ACCESS_KEY_ID": "KEYID",
        "AWS_SECRET_ACCESS_KEY": SENTINEL,
    }
    assert environment(recorded, "feast")["AWS_ENDPOINT_URL_S3"] == STORE.endpoint
    assert "AWS_ENDPOINT_URL_S3" not in environment(recorded, "feast-registry")


def test_the_servers_may_ask_for_reviews_of_tokens_and_nothing_else(run_program: Any) -> None:
    recorded = run_program(lambda: Feast("feast", arguments()))
    role = recorded.one("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole")
    assert role.inputs["rules"] == [
        {"apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]}
    ]
    assert role.inputs["metadata"] == {"name": "colonnade-data-feast-token-review"}
    binding = recorded.one("kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding").inputs
    assert binding["roleRef"]["name"] == "colonnade-data-feast-token-review"
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": name, "namespace": "colonnade-data"}
        for name in ("feast-registry", "feast")
    ]
    client = recorded.one("kubernetes:core/v1:ServiceAccount", "feast-client").inputs
    assert client["automountServiceAccountToken"] is False


def test_routes_speak_the_protocols_of_the_servers(run_program: Any) -> None:
    recorded = run_program(lambda: Feast("feast", arguments()))
    routes = {
        r.inputs["kind"]: (r.inputs["spec"]["hostnames"], r.inputs["spec"]["rules"][0]["backendRefs"])
        for r in recorded.resources
        if r.type.startswith("kubernetes:gateway.networking.k8s.io")
    }
    assert routes == {
        "HTTPRoute": (["features.local.example.com"], [{"name": "feast", "port": 6566}]),
        "GRPCRoute": (["feature-registry.local.example.com"], [{"name": "feast-registry", "port": 6570}]),
    }


def test_further_namespaces_are_named_instead_of_its_own(run_program: Any) -> None:
    def program() -> Feast:
        return Feast("feast", arguments(client_namespaces=["team-a", pulumi.Output.from_input("team-b")]))

    recorded = run_program(program)
    for name in ("feast", "feast-registry"):
        assert environment(recorded, name)["FEAST_CLIENT_NAMESPACES"] == "team-a,team-b"


def test_a_feast_for_nobody_is_refused(run_program: Any) -> None:
    with pytest.raises(ArgsError, match="client_namespaces is empty"):
        run_program(lambda: Feast("feast", arguments(client_namespaces=[])))


def test_no_secret_is_sent_in_plain(run_program: Any) -> None:
    """Case 5."""
    recorded = run_program(lambda: Feast("feast", arguments()))
    assert SENTINEL in rendered(recorded)
    assert in_plain(recorded, SENTINEL) == []


@pytest.mark.parametrize("scheme", ["s3", "gs", "abfss"])
def test_a_managed_store_renders_no_key_and_nothing_of_another(run_program: Any, scheme: str) -> None:
    """Case 21."""
    args = arguments(store=MANAGED_STORES[scheme], identity=IDENTITY)
    recorded = run_program(lambda: Feast("feast", args))
    everything = rendered(recorded)
    assert "AWS_ACCESS_KEY_ID" not in everything
    assert "AWS_ENDPOINT" not in everything
    assert ("AWS_" in everything) is (scheme == "s3")
    accounts = {
        r.name: r.inputs["metadata"].get("annotations") or {}
        for r in recorded.all("kubernetes:core/v1:ServiceAccount")
    }
    assert accounts == {"feast": IDENTITY.annotations, "feast-registry": {}, "feast-client": {}}


def test_the_provider_is_the_given_one(run_program: Any) -> None:
    def program() -> Feast:
        provider = kubernetes.Provider("cluster", kubeconfig="{}")
        return Feast("feast", arguments(), pulumi.ResourceOptions(providers=[provider]))

    recorded = run_program(program)
    provider = recorded.one("pulumi:providers:kubernetes")
    children = [r for r in recorded.resources if r.type.startswith("kubernetes:")]
    assert len(children) > 10
    assert {r.provider for r in children} == {f"{provider.urn}::cluster-id"}


def test_a_dict_makes_the_same_as_the_dataclass(run_program: Any) -> None:
    as_dict = {
        "namespace": "colonnade-data",
        "image": IMAGE,
        "database": dataclasses.asdict(DATABASE),
        "cache": dataclasses.asdict(CACHE),
        "store": dataclasses.asdict(STORE),
        "edge": EDGE,
        "peers": PEERS,
        "clientNamespaces": ["team-a"],
    }
    given = run_program(lambda: Feast("feast", as_dict))
    expected = run_program(lambda: Feast("feast", arguments(client_namespaces=["team-a"])))
    assert [(r.type, r.name, r.inputs) for r in given.resources] == [
        (r.type, r.name, r.inputs) for r in expected.resources
    ]


def test_outputs_say_where_and_as_whom(run_program: Any) -> None:
    recorded = run_program(lambda: Feast("feast", arguments(project="fraud")))
    component = recorded.one("colonnade:index:Feast")
    assert recorded.registered_outputs[component.urn] == {
        "url": "https://features.local.example.com",
        "registry": "feature-registry.local.example.com:443",
        "client": "feast-client",
        "project": "fraud",
        "offline_store": "s3://lake-7f3a/feast",
    }


def test_the_launcher_is_python_that_needs_feast_and_the_standard_library_alone() -> None:
    tree = ast.parse(SERVER.read_text())
    modules = {
        node.module.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
    }
    assert modules == {"contextvars", "typing", "feast"}
