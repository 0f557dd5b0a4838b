"""Node pools: faults, what their nodes carry, what the autoscaler is told, and what goes over the wire."""

import base64
import dataclasses
import re
import string
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.foundation.aws import cluster_documents
from components.foundation.aws.pools import (
    AcceleratorArgs,
    AwsNodePool,
    AwsNodePoolArgs,
    PoolArgs,
    TaintArgs,
    declarations,
    group_name,
    image_type,
    is_arm,
    node_labels,
    node_taints,
    owner_tag,
    problems,
    user_data,
)
from tests.unit.components.foundation.aws.eks import (
    DISK_KEY,
    GENERAL,
    GPU,
    GROUP,
    OUTPUTS,
    POOLS,
    REGION,
    SPOT,
    SYSTEM,
    TAG,
    TAGS,
    TEMPLATE,
)

GOLDEN = Path(__file__).parent / "golden"
TEMPLATES = "k8s.io/cluster-autoscaler/node-template"
OWN = dataclasses.replace(GPU, image_id="ami-0abcdef1234567890")
GUARD = {"key": "nvidia.com/gpu", "value": "", "effect": "NO_SCHEDULE"}


def pool(given: PoolArgs) -> AwsNodePool:
    return AwsNodePool(
        given.name,
        AwsNodePoolArgs(
            environment="prod",
            cluster="prod",
            version="1.35",
            endpoint="https://api.example.com",
            authority="Q0E=",
            service_cidr="172.20.0.0/16",
            node_role_arn="arn:aws:iam::123456789012:role/prod-node",
            subnet_ids=["subnet-a", "subnet-b"],
            disk_key_arn=DISK_KEY,
            pool=given,
            tags=TAGS,
        ),
        pulumi.ResourceOptions(providers=[aws.Provider("aws", region=REGION)]),
    )


@pytest.fixture
def run(run_program: Any) -> Any:
    return lambda given: run_program(lambda: pool(given), outputs=OUTPUTS)


def told(recorded: Any) -> dict[str, str]:
    return {it.inputs["tag"]["key"]: it.inputs["tag"]["value"] for it in recorded.all(TAG)}


def test_pools_that_fit_have_no_faults() -> None:
    assert problems(POOLS) == []


def test_all_faults_of_all_pools_are_told_at_once() -> None:
    faults = "\n".join(
        problems(
            [
                PoolArgs("a", "general", "m6i.large", min=3, max=2),
                PoolArgs("a", "gpu", "g6.xlarge"),
                PoolArgs("b", "general", "g6.xlarge", accelerator=AcceleratorArgs("nvidia-l4", 0)),
                PoolArgs("c", "gpu", "m6i.large", accelerator=AcceleratorArgs("nvidia-l4")),
                PoolArgs("d", "batch", "m6i.large", min=0, max=0, image_id="ubuntu"),
                PoolArgs(
                    "e",
                    "general",
                    "m6i.large",
                    labels={"colonnade.io/pool": "x", "eks.amazonaws.com/nodegroup": "x", "k" * 100: "x"},
                    taints=[TaintArgs("t", effect="Never"), TaintArgs("t")],
                ),
            ]
        )
    )
    for expected in (
        "pool 'a': declared twice",
        "pool 'a': min 3 and max 2 admit no size",
        "pool 'a': purpose gpu and an accelerator come together",
        "pool 'b': purpose gpu and an accelerator come together",
        "pool 'b': an accelerator comes at least once",
        "pool 'c': machine type m6i.large has no accelerator of NVIDIA",
        "pool 'd': purpose 'batch' is unknown; give one of system, general, gpu",
        "pool 'd': min 0 and max 0 admit no size",
        "pool 'd': image 'ubuntu' is not the id of a machine image",
        "pool 'e': label colonnade.io/pool is not for pools to give",
        "pool 'e': label eks.amazonaws.com/nodegroup is not for pools to give",
        f"pool 'e': label/{'k' * 100} is too long to be declared to the autoscaler; shorten it by 18",
        "pool 'e': effect 'Never' is unknown",
        "pool 'e': taint t is given twice",
        "no pool has purpose system",
    ):
        assert expected in faults
    assert faults.count("\n") == 14


@pytest.mark.parametrize("change", [{"spot": True}, {"min": 0}])
def test_the_cluster_keeps_a_node_for_itself(change: dict[str, Any]) -> None:
    (fault,) = problems([dataclasses.replace(SYSTEM, **change)])
    assert "wants a node that stays" in fault


@pytest.mark.parametrize(
    "arm", ["m7g.large", "t4g.small", "c7gn.large", "x2gd.large", "im4gn.large", "is4gen.large", "g5g.xlarge"]
)
def test_machines_with_arm_processors_get_images_for_arm(arm: str) -> None:
    assert is_arm(arm)
    assert image_type(dataclasses.replace(GENERAL, machine_type=arm)) == "AL2023_ARM_64_STANDARD"


@pytest.mark.parametrize(
    "other", ["m6i.large", "g6.xlarge", "g4dn.xlarge", "gr6.4xlarge", "p4de.24xlarge", "u7i-6tb.112xlarge"]
)
def test_other_machines_do_not(other: str) -> None:
    assert not is_arm(other)
    assert image_type(dataclasses.replace(GENERAL, machine_type=other)) == "AL2023_x86_64_STANDARD"


def test_accelerators_want_an_image_with_their_driver() -> None:
    assert image_type(GPU) == "AL2023_x86_64_NVIDIA"
    assert image_type(dataclasses.replace(GPU, machine_type="g5g.xlarge")) == "AL2023_ARM_64_NVIDIA"


def test_a_pool_becomes_a_node_group(run: Any) -> None:
    recorded = run(GENERAL)
    group = recorded.one(GROUP).inputs
    assert group["clusterName"] == "prod"
    assert group["amiType"] == "AL2023_x86_64_STANDARD"
    assert group["capacityType"] == "ON_DEMAND"
    assert group["instanceTypes"] == ["m6i.xlarge"]
    assert group["subnetIds"] == ["subnet-a", "subnet-b"]
    assert group["version"] == "1.35"
    assert group["labels"] == {"colonnade.io/pool": "general"}
    assert group["taints"] == []
    assert group["launchTemplate"] == {"id": "general-id", "version": "3"}
    assert group["updateConfig"] == {"maxUnavailable": 1}
    assert recorded.value(recorded.result.group) == group["nodeGroupName"]


def test_nodes_are_locked_up(run: Any) -> None:
    template = run(GENERAL).one(TEMPLATE).inputs
    assert template["metadataOptions"] == {
        "httpEndpoint": "enabled",
        "httpTokens": "required",
        "httpPutResponseHopLimit": 1,
    }
    (disk,) = template["blockDeviceMappings"]
    assert disk["ebs"]["encrypted"] == "true"
    assert disk["ebs"]["kmsKeyId"] == DISK_KEY
    assert (disk["ebs"]["volumeType"], disk["ebs"]["volumeSize"]) == ("gp3", 100)
    assert "imageId" not in template
    assert "userData" not in template


def test_nodes_and_their_disks_bear_the_tags_of_the_environment(run: Any) -> None:
    marked = run(GENERAL).one(TEMPLATE).inputs["tagSpecifications"]
    assert {it["resourceType"]: it["tags"] for it in marked} == {
        kind: {**TAGS, "Name": "prod-general"} for kind in ("instance", "volume")
    }


def test_spot_is_bought_as_spot(run: Any) -> None:
    assert run(SPOT).one(GROUP).inputs["capacityType"] == "SPOT"


def test_case_11_own_image_and_accelerator_are_both_in_the_template(run: Any) -> None:
    recorded = run(OWN)
    group, template = recorded.one(GROUP).inputs, recorded.one(TEMPLATE).inputs
    assert template["imageId"] == "ami-0abcdef1234567890"
    joining = base64.b64decode(template["userData"]).decode()
    assert "--register-with-taints=nvidia.com/gpu=:NoSchedule" in joining
    assert "k8s.amazonaws.com/accelerator=nvidia-l4" in joining
    # EKS refuses a group that says what the image in its template says already.
    assert "amiType" not in group
    assert "version" not in group
    assert group["instanceTypes"] == ["g6.2xlarge"]
    assert group["labels"]["k8s.amazonaws.com/accelerator"] == "nvidia-l4"
    assert group["taints"] == [GUARD]
    assert told(recorded)[f"{TEMPLATES}/resources/nvidia.com/gpu"] == "1"


def test_nodes_of_an_own_image_are_told_how_to_join() -> None:
    text = base64.b64decode(
        user_data(OWN, "prod", "https://api.example.com", "Q0E=", "172.20.0.0/16")
    ).decode()
    assert text == (GOLDEN / "node-user-data.txt").read_text(encoding="utf-8")
    boundary = re.search('boundary="(.+)"', text)
    assert boundary is not None
    part = text.split(f"--{boundary[1]}")[1]
    node = yaml.safe_load(part.partition("\n\n")[2])
    assert node["spec"]["cluster"]["name"] == "prod"


def test_case_12_the_size_belongs_to_the_autoscaler(run: Any) -> None:
    group = run(GENERAL).one(GROUP)
    assert group.inputs["scalingConfig"] == {"minSize": 3, "maxSize": 12, "desiredSize": 3}
    assert group.ignore_changes == ("scalingConfig.desiredSize",)


def test_case_13_a_pool_without_nodes_is_declared_to_the_autoscaler(run: Any) -> None:
    recorded = run(SPOT)
    group = recorded.one(GROUP).inputs
    assert group["scalingConfig"]["minSize"] == 0
    assert {it.inputs["autoscalingGroupName"] for it in recorded.all(TAG)} == {"scaled-gpuspot"}
    assert told(recorded) == {
        "k8s.io/cluster-autoscaler/enabled": "true",
        "k8s.io/cluster-autoscaler/prod": "owned",
        f"{TEMPLATES}/label/colonnade.io/pool": "gpuspot",
        f"{TEMPLATES}/label/k8s.amazonaws.com/accelerator": "nvidia-l4",
        f"{TEMPLATES}/taint/nvidia.com/gpu": ":NoSchedule",
        f"{TEMPLATES}/taint/example.com/spot": "yes:PreferNoSchedule",
        f"{TEMPLATES}/resources/nvidia.com/gpu": "1",
    }


def test_the_rights_of_the_autoscaler_hang_on_the_tag_of_the_cluster() -> None:
    (resize,) = [
        it
        for it in cluster_documents.autoscaler("prod", "123456789012", REGION)["Statement"]
        if it["Sid"] == "Resize"
    ]
    assert resize["Condition"] == {"StringEquals": {f"aws:ResourceTag/{owner_tag('prod')}": "owned"}}


WORD = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=12)
SOME = st.builds(
    PoolArgs,
    name=WORD,
    purpose=st.just("gpu"),
    machine_type=st.sampled_from(["g6.xlarge", "p5.48xlarge", "g5g.xlarge"]),
    min=st.integers(0, 2),
    max=st.integers(2, 9),
    spot=st.booleans(),
    image_id=st.sampled_from([None, "ami-0abcdef1234567890"]),
    accelerator=st.builds(AcceleratorArgs, type=WORD, count=st.integers(1, 8)),
    labels=st.dictionaries(WORD, WORD, max_size=3),
    taints=st.lists(
        st.builds(TaintArgs, WORD, WORD, st.sampled_from(["NoSchedule", "NoExecute"])),
        max_size=3,
        unique_by=lambda taint: taint.key,
    ),
)


@given(SOME)
def test_the_autoscaler_is_told_all_that_nodes_carry(some: PoolArgs) -> None:
    found = declarations(some)
    assert {k.split("/label/")[1]: v for k, v in found.items() if "/label/" in k} == node_labels(some)
    assert {k.split("/taint/")[1]: v for k, v in found.items() if "/taint/" in k} == {
        taint.key: f"{taint.value}:{taint.effect}" for taint in node_taints(some)
    }
    assert found[f"{TEMPLATES}/resources/nvidia.com/gpu"] == str(some.accelerator and some.accelerator.count)


@given(SOME)
def test_nodes_with_accelerators_are_tainted_once(some: PoolArgs) -> None:
    assert [taint.key for taint in node_taints(some)].count("nvidia.com/gpu") == 1


@given(SOME, st.sampled_from(["machine_type", "spot", "image_id"]))
def test_nodes_of_another_kind_come_as_another_group(some: PoolArgs, changed: str) -> None:
    other = {
        "machine_type": "g6e.xlarge",
        "spot": not some.spot,
        "image_id": None if some.image_id else "ami-01234567",
    }[changed]
    assert group_name(dataclasses.replace(some, **{changed: other})) != group_name(some)


@given(SOME)
def test_sizes_labels_and_a_newer_image_leave_the_group(some: PoolArgs) -> None:
    newer = "ami-0fedcba9876543210" if some.image_id else None
    assert group_name(dataclasses.replace(some, max=20, labels={"a": "b"}, image_id=newer)) == group_name(
        some
    )
    assert re.fullmatch(r"[0-9a-z][0-9a-z-]{0,62}", group_name(some))
