"""The image registry on AWS: what goes over the wire."""

import json
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from bootstrap.rehearsal.aws import policies
from components.base import ArgsError
from components.foundation.aws.registry import AwsRegistry, AwsRegistryArgs, cleaning

REPOSITORY = "aws:ecr/repository:Repository"
CLEANING = "aws:ecr/lifecyclePolicy:LifecyclePolicy"
SCANNING = "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"
ACCOUNT = "123456789012"
HOST = f"{ACCOUNT}.dkr.ecr.eu-central-1.amazonaws.com"


def registry(**changes: Any) -> AwsRegistry:
    arguments: dict[str, Any] = {
        "environment": "prod",
        "account": ACCOUNT,
        "region": "eu-central-1",
        "key_arn": "key-arn",
        "repositories": ["mlflow", "toolbox"],
    }
    provider = aws.Provider("aws", region="eu-central-1")
    return AwsRegistry(
        "registry", AwsRegistryArgs(**(arguments | changes)), pulumi.ResourceOptions(providers=[provider])
    )


@pytest.fixture
def run(run_program: Any) -> Any:
    outputs = {REPOSITORY: lambda resource: {"repositoryUrl": f"{HOST}/{resource.inputs['name']}"}}
    return lambda **changes: run_program(lambda: registry(**changes), outputs=outputs)


def test_a_tag_names_one_image_for_ever_under_our_key(run: Any) -> None:
    recorded = run()
    assert [r.inputs["name"] for r in recorded.all(REPOSITORY)] == ["prod/mlflow", "prod/toolbox"]
    for repository in recorded.all(REPOSITORY):
        given = repository.inputs
        assert given["imageTagMutability"] == "IMMUTABLE"
        assert given["encryptionConfigurations"] == [{"encryptionType": "KMS", "kmsKey": "key-arn"}]
        assert given["imageScanningConfiguration"] == {"scanOnPush": True}
        assert given["forceDelete"] is False
    assert recorded.result.url == f"{HOST}/prod"
    assert recorded.value(recorded.result.repositories) == {
        "mlflow": f"{HOST}/prod/mlflow",
        "toolbox": f"{HOST}/prod/toolbox",
    }


@pytest.mark.parametrize(
    ("scanning", "kind", "frequency"),
    [("basic", "BASIC", "SCAN_ON_PUSH"), ("enhanced", "ENHANCED", "CONTINUOUS_SCAN")],
)
def test_every_image_is_scanned(run: Any, scanning: str, kind: str, frequency: str) -> None:
    given = run(scanning=scanning).one(SCANNING).inputs
    assert given["scanType"] == kind
    assert given["rules"] == [
        {"scanFrequency": frequency, "repositoryFilters": [{"filter": "*", "filterType": "WILDCARD"}]}
    ]


def test_a_kind_of_scan_that_does_not_exist_is_refused(run: Any) -> None:
    with pytest.raises(ArgsError, match="'none' is unknown; give basic or enhanced"):
        run(scanning="none")


def test_only_images_without_a_tag_go(run: Any) -> None:
    recorded = run()
    for lifecycle in recorded.all(CLEANING):
        assert lifecycle.inputs["repository"] == f"prod/{lifecycle.name}"
        assert json.loads(lifecycle.inputs["policy"]) == cleaning()
        assert policies.image_lifecycle(lifecycle.inputs["policy"]) is None
    assert {rule["selection"]["tagStatus"] for rule in cleaning()["rules"]} == {"untagged"}


def test_case_16_protected_repositories_refuse_deletion(run: Any) -> None:
    assert {r.type for r in run(protect=True).resources if r.protect} == {REPOSITORY}
    assert not any(r.protect for r in run().resources)


def test_every_child_goes_through_the_provider_given_and_bears_a_name_of_its_own(run: Any) -> None:
    recorded = run()
    ours = [r for r in recorded.resources if r.type.startswith("aws:")]
    assert len(ours) == 5
    for resource in ours:
        assert resource.parent == recorded.one("colonnade:index:AwsRegistry").urn
        assert resource.provider.startswith(recorded.one("pulumi:providers:aws").urn)
    assert {r.inputs["tags"]["Name"] for r in recorded.all(REPOSITORY)} == {"mlflow", "toolbox"}
