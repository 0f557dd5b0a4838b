import json
from typing import Any

import pytest

from bootstrap.rehearsal.aws import policies

READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::colonnade-lake/*"}
ROOT = {"AWS": "arn:aws:iam::123456789012:root"}
ISSUER = "oidc.eks.eu-central-1.amazonaws.com/id/ABC"


def document(*statements: Any) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@pytest.mark.parametrize(
    "action",
    [
        "*",
        "s3:*",
        "s3:Get*",
        "s3:ListBucket",  # no operation of the API is called so
        "s3:ListObjectsV2",
        "kms:GenerateDataKey*",
        "ecr:GetAuthorizationToken",
        "rds-db:connect",
        "autoscaling:SetDesiredCapacity",
        "elasticloadbalancing:CreateTargetGroup",
        "secretsmanager:GetSecretValue",
        "eks:DescribeCluster",
    ],
)
def test_actions_that_exist_pass(action: str) -> None:
    assert policies.identity(document({**READ, "Action": action, "Resource": "*"})) is None


@pytest.mark.parametrize(
    "action", ["s3:GetObjects", "s3:Fetch*", "kms:Decypher", "secretmanager:GetSecretValue"]
)
def test_actions_that_nobody_knows_are_refused(action: str) -> None:
    reason = policies.identity(document(READ, {**READ, "Action": action, "Resource": "*"}))
    assert reason is not None
    assert reason.startswith("Statement[1]")
    assert action in reason


def test_the_policy_of_an_identity_names_no_principal() -> None:
    assert policies.identity(document(READ)) is None
    assert "principal" in str(policies.identity(document({**READ, "Principal": "*"})))


def test_a_service_account_may_assume_a_role_through_its_issuer() -> None:
    statement = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:aws:iam::123456789012:oidc-provider/{ISSUER}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"}},
    }
    assert policies.trust(document(statement)) is None
    wrong = {**statement, "Principal": {"Federated": f"https://{ISSUER}/"}}
    assert "Federated" in str(policies.trust(document(wrong)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Principal": None}, "names no principal"),
        ({"Principal": "ec2.amazonaws.com"}, "must be '*' or an object"),
        ({"Principal": {"Services": "ec2.amazonaws.com"}}, "unknown kind 'Services'"),
        ({"Principal": {"Service": "ec2.amazonaws"}}, "nothing of kind Service"),
        ({"Principal": {"AWS": "worker"}}, "nothing of kind AWS"),
        ({"Action": "ec2:RunInstances"}, "sts:AssumeRole"),
        ({"Resource": "*"}, "Resource"),
        ({"Condition": {"StringMatches": {"aws:SourceAccount": "123456789012"}}}, "Syntax errors"),
    ],
)
def test_trust_policies_say_who_may_assume_the_role(change: dict[str, Any], reason: str) -> None:
    right = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    assert policies.trust(document(right)) is None
    changed = {name: entry for name, entry in {**right, **change}.items() if entry is not None}
    assert reason in str(policies.trust(document(changed)))


@pytest.mark.parametrize("action", ["kms:*", "kms:Put*", "*", ["kms:Decrypt", "kms:PutKeyPolicy"]])
def test_a_key_keeps_somebody_who_may_change_its_policy(action: Any) -> None:
    statement = {"Effect": "Allow", "Principal": ROOT, "Action": action, "Resource": "*"}
    assert policies.key(document(statement)) is None
    assert "lets no principal" in str(policies.key(document({**statement, "Effect": "Deny"})))
    service = {**statement, "Principal": {"Service": "logs.amazonaws.com"}}
    assert "lets no principal" in str(policies.key(document(service)))


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"Statement": 3}', '{"Version": "2012-10-17", "Statement": ["a"]}']
)
def test_what_is_no_document_is_refused(text: str) -> None:
    for judge in (policies.identity, policies.trust, policies.resource, policies.key):
        assert judge(text) is not None


def rule(**change: Any) -> dict[str, Any]:
    selection = {
        "tagStatus": "untagged",
        "countType": "sinceImagePushed",
        "countUnit": "days",
        "countNumber": 14,
    }
    return {"rulePriority": 1, "selection": {**selection, **change}, "action": {"type": "expire"}}


def test_lifecycles_of_images() -> None:
    assert policies.image_lifecycle(json.dumps({"rules": [rule()]})) is None
    assert (
        policies.image_lifecycle(json.dumps({"rules": [rule(tagStatus="tagged", tagPrefixList=["v"])]}))
        is None
    )
    for change, reason in (
        ({"tagStatus": "tagged"}, "neither prefix nor pattern"),
        ({"tagStatus": "old"}, "tagStatus 'old'"),
        ({"countType": "age"}, "countType 'age'"),
        ({"countUnit": "weeks"}, "days"),
        ({"countNumber": 0}, "countNumber 0"),
    ):
        assert reason in str(policies.image_lifecycle(json.dumps({"rules": [rule(**change)]})))
    assert "one priority" in str(policies.image_lifecycle(json.dumps({"rules": [rule(), rule()]})))
    assert "no lifecycle policy" in str(policies.image_lifecycle("{}"))
