"""Keys on AWS: what goes over the wire."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from components.foundation.aws import documents
from components.foundation.aws.keys import AwsKeys, AwsKeysArgs
from components.foundation.contract import Purpose

KEY = "aws:kms/key:Key"
ALIAS = "aws:kms/alias:Alias"
ACCOUNT = "123456789012"
PURPOSES = ["nodes", *Purpose]


def keys(**changes: Any) -> AwsKeys:
    arguments: dict[str, Any] = {
        "environment": "prod",
        "account": ACCOUNT,
        "region": "eu-central-1",
        "purposes": PURPOSES,
    }
    provider = aws.Provider("aws", region="eu-central-1")
    return AwsKeys("keys", AwsKeysArgs(**(arguments | changes)), pulumi.ResourceOptions(providers=[provider]))


@pytest.fixture
def run(run_program: Any) -> Any:
    outputs = {KEY: lambda resource: {"arn": f"arn-{resource.name}", "keyId": f"id-{resource.name}"}}
    return lambda **changes: run_program(lambda: keys(**changes), outputs=outputs)


def test_there_is_a_key_for_each_purpose_and_it_rotates(run: Any) -> None:
    recorded = run(deletion_window_days=7)
    assert {key.name for key in recorded.all(KEY)} == set(PURPOSES)
    for key in recorded.all(KEY):
        assert key.inputs["enableKeyRotation"] is True
        assert key.inputs["deletionWindowInDays"] == 7
        assert key.inputs["description"] == f"prod: {key.name}"
        assert "multiRegion" not in key.inputs
    assert recorded.value(recorded.result.arns[Purpose.LAKE]) == "arn-lake"
    assert recorded.value(recorded.result.arns["nodes"]) == "arn-nodes"


def test_each_key_has_the_policy_of_its_purpose(run: Any) -> None:
    for key in run().all(KEY):
        assert json.loads(key.inputs["policy"]) == documents.key_policy(key.name, ACCOUNT, "eu-central-1")


def test_each_key_has_a_name_for_people(run: Any) -> None:
    for alias in run().all(ALIAS):
        assert alias.inputs["name"] == f"alias/prod/{alias.name}"
        assert alias.inputs["targetKeyId"] == f"id-{alias.name}"


def test_case_16_protected_keys_refuse_deletion(run: Any) -> None:
    protected = {(r.type, r.name) for r in run(protect=True).resources if r.protect}
    assert protected == {(KEY, str(purpose)) for purpose in PURPOSES}
    assert not any(r.protect for r in run().resources)


def test_every_child_goes_through_the_provider_given_and_bears_a_name_of_its_own(run: Any) -> None:
    recorded = run()
    for resource in [*recorded.all(KEY), *recorded.all(ALIAS)]:
        assert resource.parent == recorded.one("colonnade:index:AwsKeys").urn
        assert resource.provider.startswith(recorded.one("pulumi:providers:aws").urn)
    assert {key.inputs["tags"]["Name"] for key in recorded.all(KEY)} == set(PURPOSES)
