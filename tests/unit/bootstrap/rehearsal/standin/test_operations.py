from typing import Any

import pytest

from bootstrap.rehearsal.standin.account import Store
from bootstrap.rehearsal.standin.model import UNKNOWN, RefusedError, Resource
from bootstrap.rehearsal.standin.operations import Operations
from bootstrap.rehearsal.standin.table import TableError

from .conftest import BUCKET, POOL, SUBNET, VPC, Recorder

CONFIGURATION = {"region": "eu-central-1", "defaultTags": {"tags": {"owner": "me"}}}


def make(operations: Operations, token: str, **inputs: Any) -> Resource:
    return operations.create(token, inputs, CONFIGURATION)


def pool(operations: Operations, **inputs: Any) -> Resource:
    vpc = make(operations, VPC, cidrBlock="10.0.0.0/16")
    subnet = make(operations, SUBNET, vpcId=vpc.id, cidrBlock="10.0.1.0/24")
    given = {
        "clusterName": "c",
        "nodeGroupName": "n",
        "nodeRoleArn": "r",
        "subnetIds": [subnet.id],
        "scalingConfig": {"desiredSize": 1, "maxSize": 2, "minSize": 0},
    }
    return make(operations, POOL, **{**given, **inputs})


def reasons(error: pytest.ExceptionInfo[RefusedError]) -> list[tuple[str, str, str]]:
    return [(refusal.property, refusal.reason, refusal.code) for refusal in error.value.refusals]


def test_a_resource_has_inputs_defaults_computed_outputs_and_tags(
    operations: Operations, account: Store
) -> None:
    vpc = make(operations, VPC, cidrBlock="10.0.0.0/16", tags={"Name": "v"})
    assert vpc.inputs == {
        "cidrBlock": "10.0.0.0/16",
        "tags": {"Name": "v"},
        "tagsAll": {"Name": "v", "owner": "me"},
    }
    assert vpc.outputs["enableDnsSupport"] is True
    assert vpc.outputs["tagsAll"] == {"Name": "v", "owner": "me"}
    assert vpc.outputs["arn"] == f"arn:aws:ec2:eu-central-1:123456789012:vpc/{vpc.id}"
    assert vpc.outputs["region"] == "eu-central-1"
    assert account.get(VPC, vpc.id) == vpc


def test_what_is_computed_from_others_joins_the_outputs(operations: Operations) -> None:
    vpc = make(operations, VPC, cidrBlock="10.0.0.0/16")
    subnet = make(operations, SUBNET, vpcId=vpc.id, cidrBlock="10.0.1.0/24")
    assert subnet.outputs["ownerId"] == f"123456789012 {subnet.id}"


def test_the_region_of_a_resource_wins(operations: Operations) -> None:
    vpc = make(operations, VPC, cidrBlock="10.0.0.0/16", region="us-east-1")
    assert (vpc.outputs["region"], vpc.outputs["arn"].split(":")[3]) == ("us-east-1", "us-east-1")


def test_a_preview_knows_inputs_and_defaults_alone(operations: Operations) -> None:
    outputs = operations.preview(VPC, {"cidrBlock": "10.0.0.0/16", "tags": {"Name": "v"}}, CONFIGURATION)
    known = {name: value for name, value in outputs.items() if value != UNKNOWN}
    assert known == {
        "cidrBlock": "10.0.0.0/16",
        "enableDnsSupport": True,
        "instanceTenancy": "default",
        "region": "eu-central-1",
        "tags": {"Name": "v"},
        "tagsAll": {"Name": "v", "owner": "me"},
    }
    assert {"arn", "mainRouteTableId", "ownerId"} <= outputs.keys() - known.keys()
    assert operations.preview(VPC, {"tags": {"a": UNKNOWN}}, CONFIGURATION)["tagsAll"] == UNKNOWN


def test_a_preview_keeps_what_is_computed_beside_inputs_unknown(operations: Operations) -> None:
    outputs = operations.preview(POOL, {"scalingConfig": {"maxSize": 2}}, CONFIGURATION)
    assert outputs["scalingConfig"] == {"maxSize": 2, "ceiling": UNKNOWN}
    assert outputs["status"] == UNKNOWN


def test_every_fault_of_the_inputs_is_refused_at_once(operations: Operations) -> None:
    with pytest.raises(RefusedError) as error:
        make(operations, VPC, instanceTenancy="shared", cidr="10.0.0.0/16")
    assert [name for name, _, _ in reasons(error)] == ["cidr", "cidrBlock", "instanceTenancy"]


def test_references_have_to_name_what_lives(operations: Operations, account: Store) -> None:
    with pytest.raises(RefusedError) as error:
        make(operations, SUBNET, vpcId="vpc-0", cidrBlock="10.0.1.0/24", outpostArn="arn:none")
    assert reasons(error) == [
        ("vpcId", "'vpc-0' names no aws:ec2/vpc:Vpc that exists", "ResourceNotFound"),
        (
            "outpostArn",
            "'arn:none' names no /arn:aws:outposts:.*/ or aws:s3/bucket:Bucket#{arn}/outpost that exists",
            "ResourceNotFound",
        ),
    ]
    assert account.living() == []
    vpc = make(operations, VPC, cidrBlock="10.0.0.0/16")
    bucket = make(operations, BUCKET, bucket="b")
    make(operations, SUBNET, vpcId=vpc.id, cidrBlock="10.0.1.0/24", outpostArn="arn:aws:outposts:x")
    make(
        operations,
        SUBNET,
        vpcId=vpc.id,
        cidrBlock="10.0.2.0/24",
        outpostArn=f"{bucket.outputs['arn']}/outpost",
    )


def test_rules_across_resources_refuse(operations: Operations, account: Store) -> None:
    vpc = make(operations, VPC, cidrBlock="10.0.0.0/16")
    with pytest.raises(
        RefusedError, match=r"cidrBlock: not within vpc-\w+ \[InvalidSubnet.Range\] \(the manual\)"
    ):
        make(operations, SUBNET, vpcId=vpc.id, cidrBlock="172.16.0.0/24")
    assert account.all(SUBNET) == []


def test_a_name_is_taken_once(operations: Operations) -> None:
    make(operations, BUCKET, bucket="b")
    with pytest.raises(RefusedError, match="aws:s3/bucket:Bucket b exists already"):
        make(operations, BUCKET, bucket="b")


def test_a_unique_group_is_shared_by_no_two_of_a_region(operations: Operations, account: Store) -> None:
    first = pool(operations)
    twin = Resource(POOL, "twin", first.inputs, first.outputs)
    account.remove(first)
    account.add(twin)
    with pytest.raises(RefusedError, match="clusterName: c, n is taken by twin"):
        make(operations, POOL, **{k: v for k, v in first.inputs.items() if k != "tagsAll"})
    account.add(Resource(POOL, "twin", first.inputs, first.outputs | {"region": "us-east-1"}))
    make(operations, POOL, **{k: v for k, v in first.inputs.items() if k != "tagsAll"})


def test_an_update_changes_what_the_program_changed_and_nothing_else(
    operations: Operations, account: Store
) -> None:
    before = pool(operations, labels={"x": "y"})
    account.drift(POOL, before.id, "scalingConfig.desiredSize", 2)
    old = before.inputs
    after = operations.update(POOL, before.id, old, old | {"labels": {"x": "z"}}, CONFIGURATION, False)
    assert after.inputs["scalingConfig"]["desiredSize"] == 2
    assert after.outputs["labels"] == {"x": "z"}
    new = old | {"scalingConfig": {"desiredSize": 1, "maxSize": 5, "minSize": 0}}
    grown = operations.update(POOL, before.id, old, new, CONFIGURATION, False)
    assert grown.outputs["scalingConfig"] == {"desiredSize": 1, "maxSize": 5, "minSize": 0, "ceiling": 5}
    bare = {name: value for name, value in old.items() if name != "labels"}
    assert "labels" not in operations.update(POOL, before.id, old, bare, CONFIGURATION, False).outputs


def test_an_update_draws_anew_only_what_the_table_says(operations: Operations) -> None:
    bucket = make(operations, BUCKET, bucket="b")
    new = bucket.inputs | {"forceDestroy": True}
    previewed = operations.update(BUCKET, "b", bucket.inputs, new, CONFIGURATION, True)
    assert (previewed.outputs["hostedZoneId"], previewed.outputs["arn"]) == (UNKNOWN, "arn:aws:s3:::b")
    after = operations.update(BUCKET, "b", bucket.inputs, new, CONFIGURATION, False)
    assert after.outputs["hostedZoneId"] != bucket.outputs["hostedZoneId"]
    vpc = make(operations, VPC, cidrBlock="10.0.0.0/16")
    new = vpc.inputs | {"enableDnsSupport": False}
    kept = operations.update(VPC, vpc.id, vpc.inputs, new, CONFIGURATION, False)
    assert kept.outputs["mainRouteTableId"] == vpc.outputs["mainRouteTableId"]


def test_previewing_an_update_changes_nothing(
    operations: Operations, account: Store, recorder: Recorder
) -> None:
    vpc = make(operations, VPC, cidrBlock="10.0.0.0/16")
    operations.update(
        VPC, vpc.id, vpc.inputs, vpc.inputs | {"enableDnsSupport": UNKNOWN}, CONFIGURATION, True
    )
    assert account.get(VPC, vpc.id) == vpc
    assert recorder.heard == [("created", VPC)]


def test_an_update_is_refused_like_a_creation(operations: Operations) -> None:
    before = pool(operations)

    def update(**inputs: Any) -> None:
        operations.update(POOL, before.id, before.inputs, before.inputs | inputs, CONFIGURATION, False)

    with pytest.raises(RefusedError, match="labels: no"):
        update(labels={"a": "b"})
    with pytest.raises(RefusedError, match=r"subnetIds\[0\]: 's' names no"):
        update(subnetIds=["s"])
    with pytest.raises(RefusedError, match="diskSize: 'x' is no integer"):
        update(diskSize="x")
    with pytest.raises(RefusedError, match="nowhere does not exist"):
        operations.update(POOL, "nowhere", {}, {}, CONFIGURATION, False)


def test_what_others_need_stays(operations: Operations, account: Store) -> None:
    living = pool(operations)
    (vpc,), (subnet,) = account.all(VPC), account.all(SUBNET)
    with pytest.raises(RefusedError) as error:
        operations.delete(VPC, vpc.id)
    assert reasons(error) == [
        ("id", f"{vpc.id} is in use by {SUBNET} {subnet.id} (vpcId)", "DependencyViolation")
    ]
    for resource in (living, subnet, vpc, vpc):
        operations.delete(resource.type, resource.id)
    assert account.living() == []


def test_what_is_protected_stays_until_it_is_not(operations: Operations, account: Store) -> None:
    living = pool(operations, forceUpdateVersion=True)
    with pytest.raises(RefusedError) as error:
        operations.delete(POOL, living.id)
    assert reasons(error) == [
        ("forceUpdateVersion", "protects n from being deleted; set it to false", "OperationNotPermitted")
    ]
    new = living.inputs | {"forceUpdateVersion": False}
    operations.update(POOL, living.id, living.inputs, new, CONFIGURATION, False)
    operations.delete(POOL, living.id)
    assert account.all(POOL) == []


def test_a_rule_may_keep_a_resource(operations: Operations) -> None:
    make(operations, BUCKET, bucket="b", forceDestroy=False)
    with pytest.raises(RefusedError, match="id: not empty"):
        operations.delete(BUCKET, "b")


def test_observers_hear_of_what_happened_alone(operations: Operations, recorder: Recorder) -> None:
    bucket = make(operations, BUCKET, bucket="b")
    with pytest.raises(RefusedError):
        make(operations, BUCKET, bucket="b")
    operations.update(
        BUCKET, "b", bucket.inputs, bucket.inputs | {"forceDestroy": True}, CONFIGURATION, False
    )
    operations.delete(BUCKET, "b")
    operations.delete(BUCKET, "b")
    assert recorder.heard == [("created", BUCKET), ("updated", BUCKET), ("deleted", BUCKET)]


def test_the_tags_of_the_provider_change_resources(operations: Operations) -> None:
    vpc = make(operations, VPC, cidrBlock="10.0.0.0/16")
    new = operations.tagged(VPC, vpc.inputs, {"defaultTags": {"tags": {"owner": "you"}}})
    found = operations.compare(VPC, vpc.inputs, new, [])
    assert [(change.path, change.kind) for change in found.changes] == [("tagsAll.owner", "UPDATE")]
    assert (
        operations.tagged("aws:eks/accessPolicyAssociation:AccessPolicyAssociation", {}, CONFIGURATION) == {}
    )


def test_a_type_without_a_table_is_an_error(operations: Operations) -> None:
    with pytest.raises(TableError, match="no table for aws:ec2/eip:Eip"):
        operations.check("aws:ec2/eip:Eip", {})
