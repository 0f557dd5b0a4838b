"""The whole foundation: what it registers, and what each consumer is granted."""

from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
import pulumi_random as random
import pytest

from components.foundation.contract import Access, Consumer, ContractError, Purpose
from components.foundation.on_premises.foundation import (
    CacheSettings,
    DatabaseSettings,
    EdgeSettings,
    OnPremisesFoundation,
    OnPremisesFoundationArgs,
)

DIGEST = "@sha256:" + "0" * 64
IMAGES = {
    name: f"registry.example.com/colonnade/{name}{DIGEST}" for name in ("postgresql", "valkey", "toolbox")
}
CONSUMERS = (
    Consumer("lakefs", "data", "lakefs", database="lakefs", stores=(Purpose.LAKE,)),
    Consumer("feast", "data", "feast", database="feast", extensions=("vector",), cache=True),
    Consumer("mlflow", "experimentation", "mlflow", database="mlflow", stores=(Purpose.ARTIFACTS,)),
)


def foundation(consumers: tuple[Consumer, ...] = CONSUMERS, **changes: Any) -> OnPremisesFoundation:
    arguments: dict[str, Any] = {
        "environment": "lab",
        "consumers": consumers,
        "edge": EdgeSettings("lab.example.com", certificate="CERTIFICATE", private_key="KEY"),
        "images": IMAGES,
    }
    return OnPremisesFoundation(
        "foundation",
        OnPremisesFoundationArgs(**(arguments | changes)),
        pulumi.ResourceOptions(providers=[kubernetes.Provider("cluster"), random.Provider("random")]),
    )


def grant(name: str, **changes: Any) -> Access:
    return foundation(**changes).grant(name)


def test_every_child_uses_the_explicit_provider(run_program: Any) -> None:
    recorded = run_program(foundation)
    for resource in recorded.resources:
        if resource.custom and not resource.type.startswith("pulumi:providers:"):
            package = resource.type.partition(":")[0]
            name = {"kubernetes": "cluster", "random": "random"}[package]
            assert f"pulumi:providers:{package}::{name}::" in resource.provider, resource.urn


def test_every_child_belongs_to_the_foundation(run_program: Any) -> None:
    recorded = run_program(foundation)
    urns = {resource.urn for resource in recorded.resources}
    top = [
        r for r in recorded.resources if r.parent not in urns and not r.type.startswith("pulumi:providers:")
    ]
    assert [resource.type for resource in top] == ["colonnade:index:OnPremisesFoundation"]


def test_no_two_objects_have_one_name(run_program: Any) -> None:
    recorded = run_program(foundation)
    names = [
        (r.type, r.inputs["metadata"].get("namespace"), r.inputs["metadata"]["name"])
        for r in recorded.resources
        if isinstance(r.inputs.get("metadata"), dict)
    ]
    assert len(names) > 30
    assert len(names) == len(set(names))


def test_a_consumer_is_granted_what_it_asked_for_and_no_more(run_program: Any) -> None:
    recorded = run_program(lambda: foundation())
    lakefs, feast, mlflow = (recorded.result.grant(name) for name in ("lakefs", "feast", "mlflow"))
    assert set(lakefs.stores) == {Purpose.LAKE}
    assert lakefs.stores[Purpose.LAKE].bucket == "lab-lake"
    assert lakefs.cache is None
    assert [port for _, port in lakefs.peers] == [8333, 5432]
    assert feast.stores == {}
    assert feast.cache is not None
    assert [port for _, port in feast.peers] == [5432, 6379]
    assert mlflow.database is not None
    assert mlflow.database.name == "mlflow"
    assert recorded.value(mlflow.database.password) != recorded.value(lakefs.database.password)
    keys = {recorded.value(a.secret_access_key) for g in (lakefs, mlflow) for a in g.stores.values()}
    assert len(keys) == 2


def test_what_is_granted_waits_for_what_makes_it(run_program: Any) -> None:
    recorded = run_program(lambda: grant("lakefs"))
    assert [type(resource).__name__ for resource in recorded.result.ready] == ["ProvisioningJob"] * 2


def test_an_unknown_consumer_is_granted_nothing(run_program: Any) -> None:
    with pytest.raises(KeyError, match="stranger"):
        run_program(lambda: grant("stranger"))


def test_case_22_two_consumers_of_one_database_are_rejected(run_program: Any) -> None:
    twice = (*CONSUMERS, Consumer("other", "data", "other", database="lakefs"))
    with pytest.raises(ContractError, match="database 'lakefs': asked for by lakefs, other"):
        run_program(lambda: foundation(twice))


def test_a_cache_that_is_switched_off_cannot_be_asked_for(run_program: Any) -> None:
    with pytest.raises(ContractError, match="consumer 'feast' wants the cache"):
        run_program(lambda: foundation(cache=CacheSettings(enabled=False)))


def test_an_unknown_kind_of_database_is_refused(run_program: Any) -> None:
    with pytest.raises(ContractError, match="database mode 'mysql' is unknown"):
        run_program(lambda: foundation(database=DatabaseSettings(mode="mysql")))


def test_an_explicit_provider_is_demanded(run_program: Any) -> None:
    def program() -> None:
        OnPremisesFoundation(
            "foundation",
            OnPremisesFoundationArgs("lab", CONSUMERS, EdgeSettings("d", issuer="i"), IMAGES),
        )

    with pytest.raises(ContractError, match="explicit Kubernetes provider"):
        run_program(program)


def test_arguments_may_come_as_the_dict_of_a_packaged_component(run_program: Any) -> None:
    given = {
        "environment": "lab",
        "consumers": [
            {"name": "lakefs", "namespace": "data", "serviceAccount": "lakefs", "stores": ["lake"]},
        ],
        "edge": {"domain": "lab.example.com", "issuer": "internal"},
        "images": IMAGES,
    }
    recorded = run_program(
        lambda: OnPremisesFoundation(
            "foundation",
            given,
            pulumi.ResourceOptions(providers=[kubernetes.Provider("cluster"), random.Provider("random")]),
        )
    )
    assert recorded.result.edge.url("mlflow") == "https://mlflow.lab.example.com"
    assert set(recorded.result.grant("lakefs").stores) == {Purpose.LAKE}


def test_nothing_runs_that_nobody_asked_for(run_program: Any) -> None:
    recorded = run_program(
        lambda: foundation((Consumer("lakefs", "data", "lakefs", stores=(Purpose.LAKE,)),))
    )
    assert [resource.name for resource in recorded.all("kubernetes:apps/v1:StatefulSet")] == ["object-store"]


def test_the_edge_serves_the_consumers_namespaces_and_the_store(run_program: Any) -> None:
    recorded = run_program(foundation)
    (listener,) = recorded.one("kubernetes:gateway.networking.k8s.io/v1:Gateway").inputs["spec"]["listeners"]
    (expression,) = listener["allowedRoutes"]["namespaces"]["selector"]["matchExpressions"]
    assert expression["values"] == ["colonnade-foundation", "data", "experimentation"]
    route = recorded.one("kubernetes:gateway.networking.k8s.io/v1:HTTPRoute").inputs
    assert route["spec"]["hostnames"] == ["s3.lab.example.com"]
    assert route["metadata"]["namespace"] == "colonnade-foundation"


def test_protection_covers_all_that_keeps_data(run_program: Any) -> None:
    recorded = run_program(lambda: foundation(protect=True))
    kept = {resource.name for resource in recorded.resources if resource.protect}
    assert kept == {resource.name for resource in recorded.all("kubernetes:apps/v1:StatefulSet")}
    assert kept == {"object-store", "database", "cache"}


def test_pods_are_restricted(run_program: Any) -> None:
    recorded = run_program(foundation)
    kinds = ("apps/v1:StatefulSet", "apps/v1:Deployment", "batch/v1:Job")
    pods = [
        r.inputs["spec"]["template"]["spec"] for kind in kinds for r in recorded.all(f"kubernetes:{kind}")
    ]
    assert len(pods) == 6
    for pod in pods:
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}


class TestCloudNativePG:
    """Production tiers on-premises."""

    @staticmethod
    def program(**changes: Any) -> OnPremisesFoundation:
        return foundation(database=DatabaseSettings(mode="cloudnative-pg", instances=3), **changes)

    def test_a_cluster_has_a_role_for_each_consumer(self, run_program: Any) -> None:
        recorded = run_program(self.program)
        spec = recorded.one("kubernetes:postgresql.cnpg.io/v1:Cluster").inputs["spec"]
        assert spec["instances"] == 3
        assert spec["enableSuperuserAccess"] is False
        assert spec["imageName"].startswith("ghcr.io/cloudnative-pg/postgresql:")
        secrets = {s.inputs["metadata"]["name"] for s in recorded.all("kubernetes:core/v1:Secret")}
        for role in spec["managed"]["roles"]:
            assert role["passwordSecret"]["name"] in secrets
        assert [role["name"] for role in spec["managed"]["roles"]] == ["lakefs", "feast", "mlflow"]
        assert spec["postgresql"]["pg_hba"][-1] == "host all all all reject"

    def test_each_consumer_has_a_database_with_its_extensions(self, run_program: Any) -> None:
        recorded = run_program(self.program)
        specs = [r.inputs["spec"] for r in recorded.all("kubernetes:postgresql.cnpg.io/v1:Database")]
        assert {(spec["name"], spec["owner"]) for spec in specs} == {
            ("lakefs", "lakefs"),
            ("feast", "feast"),
            ("mlflow", "mlflow"),
        }
        extensions = {spec["name"]: spec["extensions"] for spec in specs}
        assert extensions == {"lakefs": [], "feast": [{"name": "vector"}], "mlflow": []}
        assert {spec["databaseReclaimPolicy"] for spec in specs} == {"retain"}

    def test_case_3_the_cluster_waits_for_the_operator(self, run_program: Any) -> None:
        recorded = run_program(self.program)
        chart = recorded.one("colonnade:index:Chart")
        assert chart.urn.endswith("Chart::cloudnative-pg")
        below = {r.urn for r in recorded.resources if r.parent == chart.urn}
        cluster = recorded.one("kubernetes:postgresql.cnpg.io/v1:Cluster")
        assert below
        assert below <= set(cluster.dependencies)

    def test_connections_are_tls_and_passwords_secret(self, run_program: Any) -> None:
        recorded = run_program(lambda: self.program().grant("mlflow"))
        database = recorded.result.database
        assert database.sslmode == "require"
        assert recorded.value(database.host) == "database-rw.colonnade-foundation.svc"
        assert recorded.is_secret(database.password)

    def test_protection_covers_cluster_and_databases(self, run_program: Any) -> None:
        recorded = run_program(lambda: self.program(protect=True))
        kinds = {resource.type for resource in recorded.resources if resource.protect}
        assert kinds == {
            "kubernetes:apps/v1:StatefulSet",
            "kubernetes:postgresql.cnpg.io/v1:Cluster",
            "kubernetes:postgresql.cnpg.io/v1:Database",
        }

    def test_backups_go_to_a_bucket_that_no_consumer_reaches(self, run_program: Any) -> None:
        settings = DatabaseSettings(
            mode="cloudnative-pg", backups=True, backup_schedule="15 2 * * *", backup_retention_days=35
        )
        recorded = run_program(lambda: foundation(database=settings))
        archive = recorded.one("kubernetes:barmancloud.cnpg.io/v1:ObjectStore").inputs
        assert archive["spec"]["retentionPolicy"] == "35d"
        assert archive["spec"]["configuration"]["destinationPath"] == "s3://lab-backups/"
        cluster = recorded.one("kubernetes:postgresql.cnpg.io/v1:Cluster").inputs["spec"]
        assert cluster["plugins"][0]["isWALArchiver"] is True
        assert cluster["plugins"][0]["parameters"] == {"barmanObjectName": archive["metadata"]["name"]}
        schedule = recorded.one("kubernetes:postgresql.cnpg.io/v1:ScheduledBackup").inputs["spec"]
        assert schedule["schedule"] == "0 15 2 * * *"
        keys = recorded.one("kubernetes:core/v1:Secret", "database-backups")
        assert keys.inputs["stringData"]["secret-access-key"] == "generated-object-store-database"
        assert any(path.startswith("stringData") for path in keys.secrets)
        granted = [recorded.result.grant(name).stores.values() for name in ("lakefs", "feast", "mlflow")]
        assert not any(store.bucket == "lab-backups" for stores in granted for store in stores)

    def test_the_bucket_of_backups_frees_what_is_deleted(self, run_program: Any) -> None:
        settings = DatabaseSettings(mode="cloudnative-pg", backups=True)
        recorded = run_program(lambda: foundation(database=settings))
        (container,) = recorded.one("kubernetes:batch/v1:Job").inputs["spec"]["template"]["spec"][
            "containers"
        ]
        environment = {item["name"]: item.get("value") for item in container["env"]}
        assert environment["UNVERSIONED"] == "lab-backups"
        assert "lab-backups" not in environment["VERSIONED"]

    def test_without_backups_none_are_made(self, run_program: Any) -> None:
        recorded = run_program(self.program)
        assert not recorded.all("kubernetes:barmancloud.cnpg.io/v1:ObjectStore")
        assert not recorded.all("kubernetes:postgresql.cnpg.io/v1:ScheduledBackup")
        assert "plugins" not in recorded.one("kubernetes:postgresql.cnpg.io/v1:Cluster").inputs["spec"]


def test_backups_of_the_embedded_server_are_refused(run_program: Any) -> None:
    with pytest.raises(ContractError, match="makes no backups; give cloudnative-pg"):
        run_program(lambda: foundation(database=DatabaseSettings(backups=True)))
