"""External Secrets Operator on AWS: its policy, its values, and what goes over the wire."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.foundation.aws.secrets import AwsSecrets, AwsSecretsArgs, reader_document, values

GOLDEN = Path(__file__).parent / "golden"
HELM = "kubernetes:helm.sh/v4:Chart"
STORE = "kubernetes:external-secrets.io/v1:ClusterSecretStore"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
ROLE = "aws:iam/role:Role"
ACCOUNT = "123456789012"
KEY = f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/5f1c"
IMAGE = "ghcr.io/external-secrets/external-secrets:v2.9.0"


def document(**changes: Any) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "environment": "prod",
        "account": ACCOUNT,
        "region": "eu-central-1",
        "key_arn": KEY,
        "databases": ["prod-database"],
    }
    return reader_document(**(arguments | changes))


def secrets(**changes: Any) -> AwsSecrets:
    arguments: dict[str, Any] = {
        "environment": "prod",
        "account": ACCOUNT,
        "region": "eu-central-1",
        "key_arn": KEY,
        "oidc_provider_arn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.example.com/id/A1",
        "oidc_issuer_host": "oidc.example.com/id/A1",
        "image": IMAGE,
        "namespaces": ["colonnade-foundation"],
        "databases": ["prod-database"],
    }
    providers = [aws.Provider("aws", region="eu-central-1"), kubernetes.Provider("cluster")]
    return AwsSecrets(
        "secrets", AwsSecretsArgs(**(arguments | changes)), pulumi.ResourceOptions(providers=providers)
    )


@pytest.fixture
def run(run_program: Any) -> Any:
    return lambda **changes: run_program(
        lambda: secrets(**changes), outputs={ROLE: {"arn": f"arn:aws:iam::{ACCOUNT}:role/operator"}}
    )


@pytest.mark.parametrize(
    ("name", "databases"), [("secrets-reader", ["prod-database"]), ("secrets-reader-no-database", [])]
)
def test_the_policy_of_the_operator(name: str, databases: list[str]) -> None:
    golden = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert document(databases=databases) == golden


NAME = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)


@given(NAME, st.lists(NAME, max_size=3))
def test_the_operator_changes_nothing_and_reads_nothing_of_others(
    environment: str, databases: list[str]
) -> None:
    for statement in document(environment=environment, databases=databases)["Statement"]:
        actions = statement["Action"]
        for action in [actions] if isinstance(actions, str) else actions:
            assert action.partition(":")[2].startswith(("Get", "Describe", "Decrypt"))
        resource = statement["Resource"]
        assert resource != "*"
        if resource.endswith("*") and not resource.endswith(f":secret:{environment}/*"):
            # RDS names its secrets by itself, so only the tag says whose they are.
            owners = statement["Condition"]["StringEquals"]["aws:ResourceTag/aws:rds:primaryDBInstanceArn"]
            assert [owner.rpartition(":")[2] for owner in owners] == databases
            assert not any("*" in owner for owner in owners)


def test_the_chart_runs_the_image_given_and_its_service_account_is_the_identity() -> None:
    chart = values(IMAGE, {"eks.amazonaws.com/role-arn": "role"}, replicas=2, pool="system")
    image = {"repository": "ghcr.io/external-secrets/external-secrets", "tag": "v2.9.0"}
    assert chart["image"] == chart["webhook"]["image"] == chart["certController"]["image"] == image
    assert chart["serviceAccount"] == {
        "name": "external-secrets",
        "annotations": {"eks.amazonaws.com/role-arn": "role"},
    }
    assert chart["replicaCount"] == chart["webhook"]["replicaCount"] == 2
    assert chart["leaderElect"] is True
    assert chart["global"]["nodeSelector"] == {"colonnade.io/pool": "system"}
    assert "global" not in values(IMAGE, {})
    assert values(IMAGE, {})["leaderElect"] is False


def test_what_has_no_definition_has_no_controller() -> None:
    chart = values(IMAGE, {})
    for name, created in chart["crds"].items():
        assert chart[name.replace("create", "process")] is created


def test_an_image_by_digest_stays_by_digest() -> None:
    image = values("registry.example.com/eso@sha256:" + "0" * 64, {})["image"]
    assert f"{image['repository']}:{image['tag']}" == "registry.example.com/eso@sha256:" + "0" * 64


def test_the_operator_is_let_in_as_its_service_account_alone(run: Any) -> None:
    recorded = run()
    trusted = recorded.one(ROLE).inputs["assumeRolePolicy"]
    assert "system:serviceaccount:colonnade-secrets:external-secrets" in trusted
    annotations = recorded.one(HELM).inputs["values"]["serviceAccount"]["annotations"]
    assert annotations == {"eks.amazonaws.com/role-arn": f"arn:aws:iam::{ACCOUNT}:role/operator"}
    granted = [r.inputs["policy"] for r in recorded.resources if "policy" in r.inputs]
    assert [json.loads(policy) for policy in granted] == [document()]


def test_case_3_and_20_the_store_comes_once_the_chart_answers(run: Any) -> None:
    recorded = run()
    store, chart = recorded.one(STORE), recorded.one(HELM)
    assert waits_for(recorded, store, chart)
    assert store.inputs["metadata"]["annotations"] == {"pulumi.com/waitFor": "condition=Ready"}
    assert [r.urn for r in recorded.all(POLICY) if r.name.startswith("secrets-")] == [
        r.urn for r in recorded.all(POLICY) if waits_for(recorded, chart, r) and r.name.startswith("secrets-")
    ]
    assert len([r for r in recorded.all(POLICY) if r.name.startswith("secrets-")]) == 2
    assert waits_for(recorded, chart, recorded.one("colonnade:index:AwsIdentity"))


def test_only_the_namespaces_named_read_through_the_store(run: Any) -> None:
    recorded = run()
    store = recorded.one(STORE).inputs
    assert store["spec"] == {
        "provider": {"aws": {"service": "SecretsManager", "region": "eu-central-1"}},
        "conditions": [{"namespaces": ["colonnade-foundation"]}],
    }
    assert recorded.value(recorded.result.store) == store["metadata"]["name"]
    assert [type(resource).__name__ for resource in recorded.result.ready] == ["CustomResource"]


def test_the_webhook_answers_the_api_server_alone(run: Any) -> None:
    recorded = run()
    by_name = {r.name: r.inputs for r in recorded.all(POLICY)}
    assert by_name["secrets-webhook"]["spec"]["ingress"] == [{"ports": [{"protocol": "TCP", "port": 10250}]}]
    assert recorded.one(HELM).inputs["values"]["webhook"]["port"] == 10250
    assert by_name["secrets-operator"]["spec"]["ingress"] == []
    for inputs in by_name.values():
        assert inputs["metadata"]["namespace"] == "colonnade-secrets"


def test_every_child_goes_through_the_provider_given(run: Any) -> None:
    recorded = run()
    for prefix, provider in (
        ("aws:", "pulumi:providers:aws"),
        ("kubernetes:", "pulumi:providers:kubernetes"),
    ):
        ours = [r for r in recorded.resources if r.type.startswith(prefix) and r.type != HELM]
        assert ours
        assert {r.provider.rpartition("::")[0] for r in ours} == {recorded.one(provider).urn}


def waits_for(recorded: Any, later: Any, earlier: Any) -> bool:
    """Tells whether the engine creates `earlier` first: a child waits for what its parents wait for."""
    known = {resource.urn: resource for resource in recorded.resources}
    seen: set[str] = set()
    pending = [later.urn]
    while pending:
        urn = pending.pop()
        if urn in known and urn not in seen:
            seen.add(urn)
            pending += [*known[urn].dependencies, known[urn].parent]
    return earlier.urn in seen
