import sys

import pytest

from bootstrap.rehearsal.standin.sdk import Sdk, UnknownTypeError

SDK = Sdk("pulumi_aws")


def test_inputs_have_wire_names_and_say_what_is_required() -> None:
    inputs = SDK.type("aws:eks/nodeGroup:NodeGroup").inputs
    assert {name for name, entry in inputs.items() if entry.required} == {
        "clusterName",
        "nodeRoleArn",
        "scalingConfig",
        "subnetIds",
    }
    assert inputs["subnetIds"].shape.kind == "list"
    element = inputs["subnetIds"].shape.element
    assert element is not None
    assert element.kind == "string"
    assert inputs["labels"].shape.kind == "map"
    assert inputs["diskSize"].shape.kind == "integer"


def test_nested_objects_are_read() -> None:
    fields = SDK.type("aws:eks/nodeGroup:NodeGroup").inputs["scalingConfig"].shape.fields
    assert {name: entry.required for name, entry in fields.items()} == {
        "desiredSize": True,
        "maxSize": True,
        "minSize": True,
    }


def test_outputs_include_what_is_computed() -> None:
    assert {"arn", "vpcId", "tagsAll", "ownerId"} <= SDK.type("aws:ec2/subnet:Subnet").outputs


def test_an_enumeration_gives_its_values_on_the_wire() -> None:
    shape = SDK.type("aws:ec2/instance:Instance").inputs["tenancy"].shape
    assert (shape.kind, set(shape.members)) == ("enum", {"default", "dedicated"})


def test_an_object_of_another_module_is_found() -> None:
    policy = SDK.type("aws:s3/bucketPolicy:BucketPolicy").inputs["policy"].shape
    document = next(choice for choice in policy.choices if choice.kind == "object")
    assert document.fields["Statement"].required
    assert document.fields["Version"].shape.kind == "enum"


def test_a_deprecated_property_is_read() -> None:
    assert "defaultAddonsToRemoves" in SDK.type("aws:eks/cluster:Cluster").inputs


def test_a_type_whose_arguments_give_way_to_a_namesake_is_read() -> None:
    assert "targetBucket" in SDK.type("aws:s3/bucketLogging:BucketLogging").inputs


def test_the_configuration_of_the_provider_is_read() -> None:
    assert SDK.provider.inputs["allowedAccountIds"].shape.kind == "list"
    assert SDK.provider.inputs["defaultTags"].shape.fields["tags"].shape.kind == "map"


def test_an_unknown_type_names_the_closest() -> None:
    with pytest.raises(UnknownTypeError, match="no type aws:ec2/vpc:Vcp; the closest is aws:ec2/vpc:Vpc"):
        SDK.type("aws:ec2/vpc:Vcp")


def test_an_sdk_that_is_not_there_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match="pulumi_nowhere"):
        Sdk("pulumi_nowhere")


def test_another_sdk_is_read_alike() -> None:
    password = Sdk("pulumi_random").type("random:index/randomPassword:RandomPassword")
    assert password.inputs["length"].required
    assert password.inputs["keepers"].shape.kind == "map"
    assert "result" in password.outputs


def test_reading_imports_nothing_of_a_service() -> None:
    SDK.type("aws:quicksight/dashboard:Dashboard")
    assert "pulumi_aws.quicksight.dashboard" not in sys.modules
