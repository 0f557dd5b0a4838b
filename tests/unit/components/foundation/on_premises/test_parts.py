"""Store, database, cache and edge, each on its own: what goes over the wire."""

import base64
import json
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import pytest

from components.foundation.contract import Peer, Purpose
from components.foundation.databases import Database
from components.foundation.edge import Edge, EdgeArgs, EdgeError
from components.foundation.on_premises.cache import Cache, CacheArgs
from components.foundation.on_premises.object_store import ObjectStore, ObjectStoreArgs
from components.foundation.on_premises.postgresql import PostgreSQL, PostgreSQLArgs

SECRET = "kubernetes:core/v1:Secret"
SET = "kubernetes:apps/v1:StatefulSet"
JOB = "kubernetes:batch/v1:Job"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
GATEWAY = "kubernetes:gateway.networking.k8s.io/v1:Gateway"
IMAGE = "registry.example.com/some/image@sha256:" + "0" * 64


def providers() -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions(providers=[kubernetes.Provider("cluster"), random.Provider("random")])


def container(recorded: Any, type_: str) -> dict[str, Any]:
    containers = recorded.one(type_).inputs["spec"]["template"]["spec"]["containers"]
    assert len(containers) == 1
    return dict(containers[0])


def secret_values(recorded: Any) -> list[str]:
    return [
        base64.b64decode(value).decode()
        for resource in recorded.all(SECRET)
        for value in resource.inputs["data"].values()
    ]


def waits_for(recorded: Any, later: Any, earlier: Any) -> bool:
    """Tells whether the engine creates `earlier` first: a child waits for what its parents wait for."""
    known = {resource.urn: resource for resource in recorded.resources}
    seen: set[str] = set()
    pending = [later.urn]
    while pending:
        urn = pending.pop()
        if urn in seen or urn not in known:
            continue
        seen.add(urn)
        pending += [*known[urn].dependencies, known[urn].parent]
    return earlier.urn in seen and earlier.urn != later.urn


def store(**changes: Any) -> ObjectStore:
    arguments: dict[str, Any] = {
        "namespace": "foundation",
        "image": IMAGE,
        "toolbox_image": IMAGE,
        "buckets": {purpose: f"lab-{purpose}" for purpose in Purpose},
        "consumers": {"lakefs": [Purpose.LAKE], "mlflow": [Purpose.ARTIFACTS, Purpose.MODELS]},
        "callers": [Peer("data")],
    }
    return ObjectStore("object-store", ObjectStoreArgs(**(arguments | changes)), providers())


def database(**changes: Any) -> PostgreSQL:
    arguments: dict[str, Any] = {
        "namespace": "foundation",
        "image": IMAGE,
        "toolbox_image": IMAGE,
        "databases": {"lakefs": Database("lakefs"), "auth": Database("mlflow_auth", ("vector",))},
        "callers": [Peer("data")],
    }
    return PostgreSQL("database", PostgreSQLArgs(**(arguments | changes)), providers())


def edge(**changes: Any) -> Edge:
    arguments: dict[str, Any] = {
        "namespace": "colonnade-edge",
        "image": IMAGE,
        "domain": "lab.example.com",
        "gateway_crds": ["/definitions.yaml"],
        "route_namespaces": ["data"],
        "external_addresses": ["192.0.2.10"],
        "certificate": "CERTIFICATE",
        "private_key": "PRIVATE-KEY",
    }
    return Edge("edge", EdgeArgs(**(arguments | changes)), providers())


def test_only_the_s3_port_leaves_the_loopback_of_the_store(run_program: Any) -> None:
    recorded = run_program(store)
    given = container(recorded, SET)
    assert given["command"] == ["/usr/bin/weed"]
    for argument in ("-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3.ip.bind=0.0.0.0", "-master.telemetry=false"):
        assert argument in given["args"]
    assert [port["containerPort"] for port in given["ports"]] == [8333]


def test_the_store_reads_its_identities_from_a_secret(run_program: Any) -> None:
    recorded = run_program(store)
    (document,) = [value for value in secret_values(recorded) if "identities" in value]
    by_name = {identity["name"]: identity for identity in json.loads(document)["identities"]}
    assert by_name["lakefs"]["credentials"][0]["secretKey"] == "generated-object-store-lakefs"
    assert "Read:lab-artifacts" in by_name["mlflow"]["actions"]
    assert not any("lab-logs" in action for identity in by_name.values() for action in identity["actions"])


def test_a_consumer_of_the_store_gets_its_own_buckets_and_key(run_program: Any) -> None:
    recorded = run_program(lambda: store().access("mlflow"))
    access = recorded.result
    assert set(access) == {Purpose.ARTIFACTS, Purpose.MODELS}
    artifacts = access[Purpose.ARTIFACTS]
    assert (artifacts.bucket, artifacts.scheme) == ("lab-artifacts", "s3")
    assert recorded.value(artifacts.endpoint) == "http://object-store.foundation.svc:8333"
    assert recorded.value(artifacts.secret_access_key) == "generated-object-store-mlflow"
    assert recorded.is_secret(artifacts.secret_access_key)


def test_buckets_are_made_by_a_job_that_runs_after_the_store(run_program: Any) -> None:
    recorded = run_program(lambda: store(additional_buckets=["lab-extra"]))
    environment = {item["name"]: item.get("value") for item in container(recorded, JOB)["env"]}
    assert environment["VERSIONED"] == "lab-lake lab-artifacts lab-models lab-logs lab-extra"
    assert environment["ENDPOINT"] == "http://object-store.foundation.svc:8333"
    assert environment["SECRET_ACCESS_KEY"] is None
    assert waits_for(recorded, recorded.one(JOB), recorded.one(SET))
    assert not waits_for(recorded, recorded.one(SET), recorded.one(JOB))


def test_the_superuser_s_password_reaches_the_server_as_a_file(run_program: Any) -> None:
    recorded = run_program(database)
    environment = {item["name"]: item.get("value") for item in container(recorded, SET)["env"]}
    assert environment == {"POSTGRES_PASSWORD_FILE": "/run/secrets/postgresql/password"}
    assert "generated-database-superuser" in secret_values(recorded)


def test_a_consumer_of_the_database_gets_its_own_role(run_program: Any) -> None:
    recorded = run_program(lambda: database().access("auth"))
    access = recorded.result
    assert (access.name, access.user, access.port) == ("mlflow_auth", "mlflow_auth", 5432)
    assert recorded.value(access.host) == "database.foundation.svc"
    assert recorded.value(access.password) == "generated-database-mlflow_auth"
    assert recorded.is_secret(access.password)


def test_the_databases_job_holds_no_password_in_plain(run_program: Any) -> None:
    recorded = run_program(database)
    environment = {item["name"]: item.get("value") for item in container(recorded, JOB)["env"]}
    for variable in ("PGPASSWORD", "PASSWORD_LAKEFS", "PASSWORD_MLFLOW_AUTH"):
        assert environment[variable] is None
    assert waits_for(recorded, recorded.one(JOB), recorded.one(SET))
    assert not waits_for(recorded, recorded.one(SET), recorded.one(JOB))


def test_the_databases_job_waits_until_the_network_lets_it_through(run_program: Any) -> None:
    command = container(run_program(database), JOB)["command"]
    assert command[:2] == ["/bin/sh", "-euc"]
    assert command[2].index("until pg_isready") < command[2].index("exec python3")


def test_the_cache_gets_its_password_as_a_file_and_refuses_when_full(run_program: Any) -> None:
    recorded = run_program(
        lambda: Cache("cache", CacheArgs(namespace="foundation", image=IMAGE, memory="128Mi"), providers())
    )
    given = container(recorded, SET)
    assert given["args"] == ["--maxmemory", str(128 << 20), "--maxmemory-policy", "noeviction"]
    assert given["resources"]["limits"]["memory"] == "256Mi"
    assert recorded.value(recorded.result.access.password) == "generated-cache-password"
    assert recorded.is_secret(recorded.result.access.password)


@pytest.mark.parametrize("part", [store, database])
def test_generated_passwords_are_secret_wherever_they_go(run_program: Any, part: Any) -> None:
    recorded = run_program(part)
    assert any("generated-" in value for value in secret_values(recorded))
    for resource in recorded.resources:
        if resource.type == SECRET:
            data = resource.inputs["data"]
            assert {"data"} == resource.secrets or {f"data.{key}" for key in data} <= resource.secrets
        else:
            assert "generated-" not in json.dumps(resource.inputs)


@pytest.mark.parametrize("part", [store, database])
def test_a_callers_namespace_may_connect_and_no_other(run_program: Any, part: Any) -> None:
    recorded = run_program(part)
    name = recorded.one(SET).inputs["metadata"]["name"]
    policy = next(p for p in recorded.all(POLICY) if p.inputs["metadata"]["name"] == name)
    rules = policy.inputs["spec"]["ingress"]
    namespaces = [
        peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for rule in rules
        for peer in rule["from"]
    ]
    assert namespaces == ["data", "foundation"]
    jobs = [peer for rule in rules for peer in rule["from"] if peer.get("podSelector")]
    assert len(jobs) == 1


@pytest.mark.parametrize("part", [store, database])
def test_protection_reaches_what_keeps_data_and_nothing_else(run_program: Any, part: Any) -> None:
    recorded = run_program(lambda: part(protect=True))
    assert [resource.type for resource in recorded.resources if resource.protect] == [SET]


def test_the_edge_talks_to_nobody_but_the_cluster(run_program: Any) -> None:
    recorded = run_program(edge)
    given = container(recorded, "kubernetes:apps/v1:Deployment")
    for argument in (
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--api=false",
        "--entrypoints.http.http.redirections.entrypoint.scheme=https",
        "--providers.kubernetesgateway.namespaces=colonnade-edge,data",
        "--providers.kubernetesgateway.statusaddress.ip=192.0.2.10",
    ):
        assert argument in given["args"]


def test_case_3_and_20_the_gateway_waits_for_definitions_and_controller(run_program: Any) -> None:
    recorded = run_program(edge)
    gateway_class = recorded.one("kubernetes:gateway.networking.k8s.io/v1:GatewayClass")
    gateway = recorded.one(GATEWAY)
    definitions = recorded.one("kubernetes:yaml/v2:ConfigGroup")
    deployment = recorded.one("kubernetes:apps/v1:Deployment")
    assert definitions.inputs["files"] == ["/definitions.yaml"]
    for earlier, later in (
        (definitions, deployment),
        (definitions, gateway_class),
        (deployment, gateway),
        (gateway_class, gateway),
    ):
        assert waits_for(recorded, later, earlier)
        assert not waits_for(recorded, earlier, later)
    assert gateway.inputs["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Programmed"}


def test_the_gateway_is_https_for_the_domain_and_the_given_namespaces(run_program: Any) -> None:
    recorded = run_program(edge)
    (listener,) = recorded.one(GATEWAY).inputs["spec"]["listeners"]
    assert (listener["protocol"], listener["hostname"]) == ("HTTPS", "*.lab.example.com")
    (expression,) = listener["allowedRoutes"]["namespaces"]["selector"]["matchExpressions"]
    assert expression["values"] == ["data"]
    (reference,) = listener["tls"]["certificateRefs"]
    certificate = next(s for s in recorded.all(SECRET) if s.inputs["metadata"]["name"] == reference["name"])
    assert certificate.inputs["stringData"] == {"tls.crt": "CERTIFICATE", "tls.key": "PRIVATE-KEY"}
    assert any(path.startswith("stringData") for path in certificate.secrets)


def test_the_edge_reads_secrets_only_where_routes_are(run_program: Any) -> None:
    recorded = run_program(edge)
    cluster_wide = recorded.one("kubernetes:rbac.authorization.k8s.io/v1:ClusterRole").inputs["rules"]
    assert {resource for rule in cluster_wide for resource in rule["resources"]} == {
        "namespaces",
        "gatewayclasses",
        "gatewayclasses/status",
    }
    roles = recorded.all("kubernetes:rbac.authorization.k8s.io/v1:Role")
    assert {role.inputs["metadata"]["namespace"] for role in roles} == {"colonnade-edge", "data"}
    for role in roles:
        for rule in role.inputs["rules"]:
            if "secrets" in rule["resources"]:
                assert set(rule["verbs"]) == {"get", "list", "watch"}


def test_addresses_given_become_external_and_none_ask_for_a_load_balancer(run_program: Any) -> None:
    given = run_program(edge).one("kubernetes:core/v1:Service", "edge-public").inputs["spec"]
    assert (given["type"], given["externalIPs"]) == ("ClusterIP", ["192.0.2.10"])
    assert [(port["port"], port["targetPort"]) for port in given["ports"]] == [(80, 8000), (443, 8443)]
    recorded = run_program(lambda: edge(external_addresses=[]))
    asked = recorded.one("kubernetes:core/v1:Service", "edge-public").inputs["spec"]
    assert asked["type"] == "LoadBalancer"
    assert "externalIPs" not in asked
    arguments = container(recorded, "kubernetes:apps/v1:Deployment")["args"]
    assert "--providers.kubernetesgateway.statusaddress.service.name=edge-public" in arguments


def test_an_issuer_takes_the_place_of_a_certificate(run_program: Any) -> None:
    recorded = run_program(lambda: edge(certificate=None, private_key=None, issuer="internal"))
    annotations = recorded.one(GATEWAY).inputs["metadata"]["annotations"]
    assert annotations["cert-manager.io/cluster-issuer"] == "internal"
    assert not recorded.all(SECRET)


def test_a_cluster_with_the_definitions_gets_none(run_program: Any) -> None:
    assert not run_program(lambda: edge(gateway_crds=[])).all("kubernetes:yaml/v2:ConfigGroup")


@pytest.mark.parametrize(
    "given",
    [
        {"certificate": None, "private_key": None},
        {"certificate": None},
        {"private_key": None},
        {"issuer": "internal"},
    ],
)
def test_contradicting_certificates_are_refused(run_program: Any, given: dict[str, Any]) -> None:
    with pytest.raises(EdgeError):
        run_program(lambda: edge(**given))
