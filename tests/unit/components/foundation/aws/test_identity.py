"""Workload identity on AWS: who may take a role, and what it may do."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.rehearsal.aws import policies
from components.foundation.aws.documents import render
from components.foundation.aws.identity import AwsIdentity, AwsIdentityArgs, trust
from tests.unit.components.foundation.aws.eks import ACCOUNT, ISSUER, OUTPUTS, PROVIDER, REGION, ROLE

GOLDEN = Path(__file__).parent / "golden"
POLICY = "aws:iam/rolePolicy:RolePolicy"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
DOCUMENT = '{"Statement":[],"Version":"2012-10-17"}'


def identity(**changes: Any) -> AwsIdentity:
    arguments: dict[str, Any] = {
        "environment": "prod",
        "name": "mlflow",
        "namespace": "experimentation",
        "service_account": "mlflow",
        "oidc_provider_arn": PROVIDER,
        "oidc_issuer_host": ISSUER,
        "policy": DOCUMENT,
    }
    provider = aws.Provider("aws", region=REGION)
    return AwsIdentity(
        "mlflow", AwsIdentityArgs(**(arguments | changes)), pulumi.ResourceOptions(providers=[provider])
    )


@pytest.fixture
def run(run_program: Any) -> Any:
    return lambda **changes: run_program(lambda: identity(**changes), outputs=OUTPUTS)


def test_who_may_take_the_role() -> None:
    document = trust(PROVIDER, ISSUER, "experimentation", "mlflow")
    assert document == json.loads((GOLDEN / "identity-trust.json").read_text(encoding="utf-8"))
    assert policies.trust(render(document)) is None


NAME = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)


@given(NAME, NAME)
def test_nobody_takes_a_role_but_one_service_account_with_a_token_for_aws(
    namespace: str, account: str
) -> None:
    (statement,) = trust(PROVIDER, ISSUER, namespace, account)["Statement"]
    assert statement["Principal"] == {"Federated": PROVIDER}
    assert statement["Condition"] == {
        # Not StringLike: a `*` in a name would open the role to others.
        "StringEquals": {
            f"{ISSUER}:aud": "sts.amazonaws.com",
            f"{ISSUER}:sub": f"system:serviceaccount:{namespace}:{account}",
        }
    }


def test_the_service_account_carries_the_role_once_it_has_its_rights(run: Any) -> None:
    recorded = run()
    role, policy = recorded.one(ROLE), recorded.one(POLICY)
    assert role.inputs["name"] == "prod-mlflow"
    assert role.inputs["tags"] == {"Name": "mlflow"}
    assert json.loads(role.inputs["assumeRolePolicy"]) == trust(PROVIDER, ISSUER, "experimentation", "mlflow")
    assert policy.inputs == {"name": "mlflow", "role": "prod-mlflow", "policy": DOCUMENT}
    assert recorded.value(recorded.result.identity.annotations) == {
        "eks.amazonaws.com/role-arn": f"arn:aws:iam::{ACCOUNT}:role/prod-mlflow"
    }


def test_policies_that_aws_keeps_are_attached(run: Any) -> None:
    recorded = run(policy=None, managed_policies=["arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"])
    assert recorded.all(POLICY) == []
    attached = recorded.one(ATTACHMENT).inputs
    assert attached == {"role": "prod-mlflow", "policyArn": "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"}


def test_every_child_uses_the_explicit_provider(run: Any) -> None:
    recorded = run(managed_policies=["arn:aws:iam::aws:policy/X"])
    component = recorded.one("colonnade:index:AwsIdentity")
    children = [it for it in recorded.resources if it.type.startswith("aws:")]
    assert len(children) == 3
    for child in children:
        assert "pulumi:providers:aws::aws::" in child.provider
        assert child.parent == component.urn
