"""The whole foundation on AWS: who may take which role, and what goes before what."""

import json
from typing import Any

import pytest

from components.foundation.aws import foundation as on_aws
from components.foundation.aws.identity import ANNOTATION
from components.foundation.contract import Consumer, ContractError, Purpose
from tests.unit.components.foundation.aws.test_documents import allowed
from tests.unit.components.foundation.aws.test_edge import precedes
from tests.unit.components.foundation.contract_suite import CONSUMERS
from tests.unit.components.foundation.subjects import AWS_OUTPUTS, BUCKET, CACHE, INSTANCE, ROLE, build_aws

POLICY = "aws:iam/rolePolicy:RolePolicy"
SERVICE = "kubernetes:core/v1:Service"
VIA = "s3.eu-central-1.amazonaws.com"
LAKE, ARTIFACTS, MODELS = (
    f"arn:aws:s3:::prod-{purpose}-2a33349e" for purpose in ("lake", "artifacts", "models")
)


@pytest.fixture
def run(run_program: Any) -> Any:
    return lambda *given, **changes: run_program(lambda: build_aws(*given, **changes), outputs=AWS_OUTPUTS)


def policies(recorded: Any) -> dict[str, dict[str, Any]]:
    """Returns what each role may do, by the service account."""
    return {r.name: json.loads(r.inputs["policy"]) for r in recorded.all(POLICY)}


def test_a_role_opens_the_buckets_of_its_consumers_and_no_other(run: Any) -> None:
    found = policies(run())
    assert set(found) == {"lakefs", "feast", "mlflow", "secrets-operator"}
    opened = {
        (name, bucket)
        for name in ("lakefs", "feast", "mlflow")
        for bucket in (LAKE, ARTIFACTS, MODELS)
        if allowed(found[name], "s3:PutObject", f"{bucket}/versioned/x")
    }
    assert opened == {("lakefs", LAKE), ("feast", LAKE), ("mlflow", ARTIFACTS), ("mlflow", MODELS)}


def test_a_bucket_is_opened_with_its_own_key(run: Any) -> None:
    found = policies(run())
    opened = {
        (name, key)
        for name in ("lakefs", "feast", "mlflow")
        for key in (*Purpose, "database", "cache", "secrets", "registry")
        if allowed(
            found[name],
            "kms:GenerateDataKey",
            f"arn:aws:kms:eu-central-1:123456789012:key/{key}",
            kms__ViaService=VIA,
        )
    }
    assert opened == {("lakefs", "lake"), ("feast", "lake"), ("mlflow", "artifacts"), ("mlflow", "models")}


def test_a_consumer_that_keeps_to_a_folder_is_kept_to_it(run: Any) -> None:
    found = policies(run())
    assert not allowed(found["lakefs"], "s3:GetObject", f"{LAKE}/feast/x")
    assert allowed(found["feast"], "s3:GetObject", f"{LAKE}/feast/x")


@pytest.mark.parametrize("reverse", [False, True])
def test_consumers_of_one_service_account_share_a_role_that_opens_what_either_asked_for(
    run: Any, reverse: bool
) -> None:
    def asking(name: str, *stores: Purpose, **prefixes: str) -> Consumer:
        return Consumer(
            name, "ml", "shared", stores=stores, prefixes={Purpose(it): to for it, to in prefixes.items()}
        )

    consumers = [
        asking("a", Purpose.LAKE, Purpose.MODELS, lake="one"),
        asking("b", Purpose.LAKE, Purpose.ARTIFACTS, lake="two", artifacts="b"),
        asking("c", Purpose.ARTIFACTS),
    ]
    recorded = run(consumers[::-1] if reverse else consumers)
    assert [r.name for r in recorded.all(ROLE)] == ["shared"]
    document = policies(recorded)["shared"]
    for path, opened in {"one/x": True, "two/x": True, "three/x": False}.items():
        assert allowed(document, "s3:GetObject", f"{LAKE}/{path}") is opened
    # Who asks for the whole bucket gets it, whoever else keeps to a folder of it.
    assert allowed(document, "s3:GetObject", f"{ARTIFACTS}/anything")
    assert allowed(document, "s3:GetObject", f"{MODELS}/anything")
    roles = {
        recorded.value(dict(recorded.result.grant(name).identity.annotations)[ANNOTATION])
        for name in ("a", "b", "c")
    }
    assert roles == {"arn:aws:iam::123456789012:role/prod-shared"}


def test_service_accounts_of_one_name_in_two_namespaces_are_refused(run: Any) -> None:
    twice = [
        Consumer("a", "one", "same", stores=(Purpose.LAKE,)),
        Consumer("b", "two", "same", stores=(Purpose.LAKE,)),
    ]
    with pytest.raises(ContractError, match="service account same: in several namespaces"):
        run(twice)
    run([twice[0], Consumer("b", "two", "same")])


def test_ways_out_lead_to_the_data_subnets_and_to_s3(run: Any) -> None:
    recorded = run()
    subnets = ("10.64.200.0/24", "10.64.201.0/24")
    feast = recorded.result.grant("feast").egress
    assert set(feast) == {
        ("0.0.0.0/0", 443),
        *((cidr, port) for cidr in subnets for port in (5432, 6379)),
    }
    assert set(recorded.result.grant("mlflow-auth").egress) == {(cidr, 5432) for cidr in subnets}
    assert set(recorded.result.grant("scratch").egress) == {(cidr, 6379) for cidr in subnets}


def test_a_consumer_starts_once_its_role_may_do_all_that_it_shall(run: Any) -> None:
    recorded = run()
    ready = {recorded.value(resource.urn) for resource in recorded.result.grant("lakefs").ready}
    assert recorded.one("colonnade:index:AwsIdentity", "lakefs").urn in ready
    assert recorded.one("colonnade:index:ProvisioningJob", "database-databases").urn in ready


def test_the_database_waits_for_what_copies_its_password(run: Any) -> None:
    recorded = run()
    store = recorded.one("kubernetes:external-secrets.io/v1:ClusterSecretStore")
    copied = recorded.one("kubernetes:external-secrets.io/v1:ExternalSecret")
    assert precedes(recorded, store, copied)
    assert store.inputs["spec"]["conditions"] == [{"namespaces": ["colonnade-foundation"]}]


def test_case_15_the_load_balancer_goes_before_the_network_does(run: Any) -> None:
    recorded = run(ready=["private-0", "private-1"])
    service = recorded.one(SERVICE, "edge-public")
    subnets = recorded.all("aws:ec2/subnet:Subnet")
    assert len(subnets) == 2
    # Deleted is in the order opposite to that of creation.
    assert all(precedes(recorded, subnet, service) for subnet in subnets)
    assert service.inputs["spec"]["type"] == "LoadBalancer"
    assert service.inputs["metadata"]["annotations"]


def test_case_16_production_also_refuses_at_aws(run: Any) -> None:
    for protect in (True, False):
        recorded = run(protect=protect, final_snapshot=True)
        assert recorded.one(INSTANCE).inputs["deletionProtection"] is protect
        # The step before a deletion takes no snapshot away.
        assert recorded.one(INSTANCE).inputs["skipFinalSnapshot"] is False
        assert "finalSnapshotIdentifier" in recorded.one(CACHE).inputs
        assert not any(bucket.inputs["forceDestroy"] for bucket in recorded.all(BUCKET))


@pytest.mark.parametrize(
    ("consumers", "gone"),
    [
        ([it for it in CONSUMERS if not it.cache], {CACHE}),
        ([it for it in CONSUMERS if not it.database], {INSTANCE}),
        ([it for it in CONSUMERS if not it.stores], set()),
        ([], {CACHE, INSTANCE}),
    ],
    ids=["no-cache", "no-database", "no-store", "nothing"],
)
def test_case_19_each_part_can_be_left_out(run: Any, consumers: list[Consumer], gone: set[str]) -> None:
    recorded = run(consumers)
    assert {kind for kind in (CACHE, INSTANCE) if not recorded.all(kind)} == gone
    # Buckets hold data whether or not a service of the platform asks for them.
    assert {r.name for r in recorded.all(BUCKET)} >= set(Purpose)
    assert ("database_host" in recorded.result.outputs) is (INSTANCE not in gone)
    secrets = recorded.all("colonnade:index:AwsSecrets")
    assert bool(secrets) is (INSTANCE not in gone)


def test_people_are_told_where_things_are(run: Any) -> None:
    recorded = run()
    outputs = recorded.value(dict(recorded.result.outputs))
    assert outputs["registry"] == "123456789012.dkr.ecr.eu-central-1.amazonaws.com/prod"
    assert outputs["buckets"]["lake"] == LAKE.rpartition(":")[2]
    assert outputs["database_host"] == "prod-database.abc.eu-central-1.rds.amazonaws.com"
    assert outputs["name_servers"] == ["ns-1.awsdns-00.com"]
    assert not recorded.is_secret(dict(recorded.result.outputs))


def test_the_edge_serves_the_namespaces_of_the_consumers(run: Any) -> None:
    recorded = run()
    gateway = recorded.one("kubernetes:gateway.networking.k8s.io/v1:Gateway").inputs["spec"]
    (expression,) = gateway["listeners"][0]["allowedRoutes"]["namespaces"]["selector"]["matchExpressions"]
    assert expression["values"] == ["data", "experimentation", "serving"]


def test_the_trail_goes_to_a_bucket_that_no_role_opens(run: Any) -> None:
    recorded = run(governance=on_aws.GovernanceSettings(audit_trail=True))
    trail = recorded.one("aws:cloudtrail/trail:Trail").inputs["s3BucketName"]
    assert trail == recorded.one(BUCKET, "trail").inputs["bucket"]
    for name, document in policies(recorded).items():
        assert not allowed(document, "s3:GetObject", f"arn:aws:s3:::{trail}/AWSLogs/x"), name
