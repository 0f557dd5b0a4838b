"""lakeFS: what goes over the wire, on-premises and managed."""

import dataclasses
import subprocess
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pytest

from components.base import ArgsError
from components.data.lakefs import PROVISION, LakeFs, LakeFsArgs, azure_container, blockstore, environment
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

RANDOM = {"random:index/randomString:RandomString": {"result": "GENERATEDKEYID"}}


def arguments(**changed: Any) -> LakeFsArgs:
    given: dict[str, Any] = {
        "namespace": "colonnade-data",
        "image": IMAGE,
        "toolbox_image": IMAGE,
        "database": DATABASE,
        "store": STORE,
        "edge": EDGE,
        "peers": PEERS,
    }
    return LakeFsArgs(**{**given, **changed})


def test_the_environment_is_this() -> None:
    assert environment("local.example.com") == {
        "HOME": "/tmp",  # noqa: S108
        "LAKEFS_LISTEN_ADDRESS": "0.0.0.0:8000",
        "LAKEFS_LOGGING_FORMAT": "json",
        "LAKEFS_DATABASE_TYPE": "postgres",
        "LAKEFS_DATABASE_POSTGRES_MAX_OPEN_CONNECTIONS": "10",
        "LAKEFS_DATABASE_POSTGRES_MAX_IDLE_CONNECTIONS": "5",
        "LAKEFS_GATEWAYS_S3_DOMAIN_NAME": "s3.lakefs.local.example.com",
        "LAKEFS_COMMITTED_LOCAL_CACHE_DIR": "/var/cache/lakefs",
        "LAKEFS_COMMITTED_LOCAL_CACHE_SIZE_BYTES": "536870912",
        "LAKEFS_COMMITTED_SSTABLE_MEMORY_CACHE_SIZE_BYTES": "104857600",
        "LAKEFS_STATS_ENABLED": "false",
        "LAKEFS_EMAIL_SUBSCRIPTION_ENABLED": "false",
        "LAKEFS_SECURITY_CHECK_LATEST_VERSION": "false",
        "LAKEFS_SECURITY_AUDIT_CHECK_URL": "http://127.0.0.1:9/",
        "LAKEFS_USAGE_REPORT_FLUSH_INTERVAL": "1h",
    }


def test_the_store_on_premises_is_addressed_by_path_and_with_keys() -> None:
    assert blockstore(STORE) == (
        {
            "LAKEFS_BLOCKSTORE_TYPE": "s3",
            "LAKEFS_BLOCKSTORE_S3_REGION": "us-east-1",
            "LAKEFS_BLOCKSTORE_S3_ENDPOINT": "http://seaweedfs.colonnade-foundation.svc:8333",
            "LAKEFS_BLOCKSTORE_S3_FORCE_PATH_STYLE": "true",
            "LAKEFS_BLOCKSTORE_S3_DISCOVER_BUCKET_REGION": "false",
            "LAKEFS_BLOCKSTORE_S3_DISABLE_PRE_SIGNED": "true",
        },
        {
            "LAKEFS_BLOCKSTORE_S3_CREDENTIALS_ACCESS_KEY_ID": "KEYID",
            "LAKEFS_BLOCKSTORE_S3_CREDENTIALS_SECRET_ACCESS_KEY": SENTINEL,
        },
    )


def test_the_pod_is_hardened_and_gets_its_configuration(run_program: Any) -> None:
    recorded = run_program(lambda: LakeFs("lakefs", arguments()), outputs=RANDOM)
    found = container(recorded, "lakefs")
    assert found["command"] == ["/app/lakefs"]
    assert found["args"] == ["run"]
    assert found["securityContext"]["readOnlyRootFilesystem"] is True
    assert found["securityContext"]["runAsNonRoot"] is True
    assert found["readinessProbe"]["httpGet"] == {"path": "/_health", "port": 8000}
    assert found["resources"] == {
        "requests": {"cpu": "100m", "memory": "512Mi"},
        "limits": {"memory": "512Mi"},
    }
    assert environment_of(recorded, "lakefs").items() >= environment(EDGE.domain).items()
    assert secret(recorded, "lakefs") == {
        "LAKEFS_BLOCKSTORE_S3_CREDENTIALS_ACCESS_KEY_ID": "KEYID",
        "LAKEFS_BLOCKSTORE_S3_CREDENTIALS_SECRET_ACCESS_KEY": SENTINEL,
        "LAKEFS_DATABASE_POSTGRES_CONNECTION_STRING": (
            f"postgres://app:{SENTINEL}@postgresql.colonnade-foundation.svc:5432/app?sslmode=prefer"
        ),
        "LAKEFS_AUTH_ENCRYPT_SECRET_KEY": "generated-lakefs-encryption",
        "LAKEFS_BLOCKSTORE_SIGNING_SECRET_KEY": "generated-lakefs-signing",
    }


def test_only_edge_and_provisioning_may_connect(run_program: Any) -> None:
    recorded = run_program(lambda: LakeFs("lakefs", arguments()), outputs=RANDOM)
    policy = recorded.one("kubernetes:networking.k8s.io/v1:NetworkPolicy", "lakefs").inputs["spec"]
    callers = {
        peer["podSelector"]["matchLabels"]["app.kubernetes.io/name"] for peer in policy["ingress"][0]["from"]
    }
    assert callers == {"traefik", "lakefs-provisioning"}
    (database,) = [
        rule for rule in policy["egress"] if rule.get("ports") == [{"protocol": "TCP", "port": 5432}]
    ]
    assert database["to"][0]["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "postgresql"}


def test_the_way_in_opens_after_the_administrator_exists(run_program: Any) -> None:
    recorded = run_program(lambda: LakeFs("lakefs", arguments()), outputs=RANDOM)
    job = recorded.one("kubernetes:batch/v1:Job")
    route = next(r for r in recorded.resources if r.type.endswith(":HTTPRoute"))
    assert recorded.resources.index(route) > recorded.resources.index(job)
    component = recorded.one("colonnade:index:Route", "lakefs")
    assert job.urn in component.dependencies
    assert route.inputs["spec"]["hostnames"] == ["lakefs.local.example.com"]
    withheld, rest = route.inputs["spec"]["rules"]
    assert [it["path"] for it in withheld["matches"]] == [
        {"type": "PathPrefix", "value": "/_pprof"},
        {"type": "PathPrefix", "value": "/metrics"},
    ]
    assert "backendRefs" not in withheld
    assert rest == {"backendRefs": [{"name": "lakefs", "port": 8000}]}


def test_provisioning_gets_names_in_plain_and_keys_by_secret(run_program: Any) -> None:
    args = arguments(repository="raw", default_branch="trunk")
    recorded = run_program(lambda: LakeFs("lakefs", args), outputs=RANDOM)
    spec = recorded.one("kubernetes:batch/v1:Job").inputs["spec"]["template"]["spec"]["containers"][0]
    assert {it["name"]: it["value"] for it in spec["env"] if "value" in it} == {
        "LAKEFS_ENDPOINT": "http://lakefs.colonnade-data.svc:8000",
        "LAKEFS_ADMIN": "admin",
        "LAKEFS_REPOSITORY": "raw",
        "LAKEFS_DEFAULT_BRANCH": "trunk",
        "LAKEFS_STORAGE": "s3://lake-7f3a/lakefs",
    }
    assert secret(recorded, "lakefs-provisioning") == {
        "LAKEFS_ACCESS_KEY_ID": "GENERATEDKEYID",
        "LAKEFS_SECRET_ACCESS_KEY": "generated-lakefs-key",
    }


def test_no_secret_is_sent_in_plain(run_program: Any) -> None:
    """Case 5."""
    recorded = run_program(lambda: LakeFs("lakefs", arguments()), outputs=RANDOM)
    for needle in (
        SENTINEL,
        "generated-lakefs-key",
        "generated-lakefs-encryption",
        "generated-lakefs-signing",
    ):
        assert in_plain(recorded, needle) == []
    assert recorded.is_secret(recorded.result.secret_access_key)


@pytest.mark.parametrize("scheme", ["s3", "gs", "abfss"])
def test_a_managed_store_renders_no_key_and_nothing_of_another(run_program: Any, scheme: str) -> None:
    """Case 21."""
    args = arguments(store=MANAGED_STORES[scheme], identity=IDENTITY)
    recorded = run_program(lambda: LakeFs("lakefs", args), outputs=RANDOM)
    everything = rendered(recorded)
    assert "CREDENTIALS" not in everything
    assert "S3_ENDPOINT" not in everything
    assert ("BLOCKSTORE_S3" in everything) is (scheme == "s3")
    account = recorded.one("kubernetes:core/v1:ServiceAccount", "lakefs").inputs["metadata"]
    assert account["annotations"] == IDENTITY.annotations


def test_the_kinds_of_store(run_program: Any) -> None:
    recorded = run_program(lambda: LakeFs("lakefs", arguments(store=MANAGED_STORES["abfss"])), outputs=RANDOM)
    found = environment_of(recorded, "lakefs")
    assert found["LAKEFS_BLOCKSTORE_TYPE"] == "azure"
    assert found["LAKEFS_BLOCKSTORE_AZURE_STORAGE_ACCOUNT"] == "account7f3a"
    job = recorded.one("kubernetes:batch/v1:Job").inputs["spec"]["template"]["spec"]["containers"][0]
    assert {
        "name": "LAKEFS_STORAGE",
        "value": "https://account7f3a.blob.core.windows.net/lake/lakefs",
    } in job["env"]


def test_a_store_that_lakefs_does_not_know_is_refused(run_program: Any) -> None:
    store = dataclasses.replace(STORE, scheme="hdfs")
    with pytest.raises(ArgsError, match="knows no store of scheme 'hdfs'"):
        run_program(lambda: LakeFs("lakefs", arguments(store=store)))


@pytest.mark.parametrize("bucket", ["lake", "@account.dfs", "lake@"])
def test_a_container_without_account_is_refused(bucket: str) -> None:
    with pytest.raises(ArgsError, match="names no storage account"):
        azure_container(bucket)


def test_the_provider_is_the_given_one_and_keys_are_protected(run_program: Any) -> None:
    def program() -> LakeFs:
        provider = kubernetes.Provider("cluster", kubeconfig="{}")
        return LakeFs("lakefs", arguments(protect=True), pulumi.ResourceOptions(providers=[provider]))

    recorded = run_program(program, outputs=RANDOM)
    provider = recorded.one("pulumi:providers:kubernetes")
    children = [r for r in recorded.resources if r.type.startswith("kubernetes:")]
    assert {r.provider for r in children} == {f"{provider.urn}::cluster-id"}
    protected = {r.name for r in recorded.resources if r.protect}
    assert protected == {"lakefs-key-id", "lakefs-key", "lakefs-encryption"}


def test_a_dict_makes_the_same_as_the_dataclass(run_program: Any) -> None:
    as_dict = {
        "namespace": "colonnade-data",
        "image": IMAGE,
        "toolboxImage": IMAGE,
        "database": dataclasses.asdict(DATABASE),
        "store": dataclasses.asdict(STORE),
        "edge": EDGE,
        "peers": PEERS,
    }
    given = run_program(lambda: LakeFs("lakefs", as_dict), outputs=RANDOM)
    expected = run_program(lambda: LakeFs("lakefs", arguments()), outputs=RANDOM)
    assert [(r.type, r.name, r.inputs) for r in given.resources] == [
        (r.type, r.name, r.inputs) for r in expected.resources
    ]


def test_outputs_are_few_and_the_key_is_among_them(run_program: Any) -> None:
    recorded = run_program(lambda: LakeFs("lakefs", arguments()), outputs=RANDOM)
    component = recorded.one("colonnade:index:LakeFs")
    assert recorded.registered_outputs[component.urn] == {
        "url": "https://lakefs.local.example.com",
        "admin": "admin",
        "access_key_id": "GENERATEDKEYID",
        "secret_access_key": "generated-lakefs-key",
        "repository": "lake",
    }


def test_the_provisioning_script_is_sound_shell() -> None:
    subprocess.run(["sh", "-n", str(PROVISION)], check=True)
