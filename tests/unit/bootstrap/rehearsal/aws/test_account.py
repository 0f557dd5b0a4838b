"""What the rehearsed account does over time, beyond what one creation shows."""

from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2

from bootstrap.rehearsal.aws import aws, existing
from tests.unit.bootstrap.rehearsal.aws.conftest import Context, Engine, RefusedByEngineError, struct


def refused(engine: Engine, reason: str, type: str, inputs: dict[str, Any]) -> None:
    assert engine.check(type, inputs) == []
    with pytest.raises(RefusedByEngineError, match=reason):
        engine.create("refused", type, inputs)


def invoke(engine: Engine, function: str, inputs: dict[str, Any]) -> Any:
    request = provider_pb2.InvokeRequest(tok=function, args=struct(inputs))
    return getattr(engine.provider.Invoke(request, Context()), "return")


def test_a_cluster_goes_up_one_version_at_a_time(world: Engine) -> None:
    assert world.update("cluster", {"version": "1.35"})["version"] == "1.35"
    with pytest.raises(RefusedByEngineError, match=r"version: goes from 1\.35 to 1\.33"):
        world.update("cluster", {"version": "1.33"})


def test_a_pool_grows_in_place_within_its_bounds(world: Engine) -> None:
    scaling = {"minSize": 2, "desiredSize": 2, "maxSize": 6}
    assert world.update("nodes", {"scalingConfig": scaling})["scalingConfig"] == scaling
    with pytest.raises(RefusedByEngineError, match=r"scalingConfig\.desiredSize"):
        world.update("nodes", {"scalingConfig": {**scaling, "desiredSize": 7}})


def test_each_change_of_a_launch_template_is_a_further_version(world: Engine) -> None:
    assert world.named["template"]["latestVersion"] == 1
    assert world.update("template", {"description": "Nodes"})["latestVersion"] == 2
    made = {**world.named["nodes"], "launchTemplate": {"id": "@template", "version": "2"}}
    wanted = ("clusterName", "nodeRoleArn", "subnetIds", "scalingConfig", "launchTemplate", "instanceTypes")
    inputs = {name: made[name] for name in wanted} | {"nodeGroupName": "more"}
    assert world.create("more", world.types["nodes"], inputs)["launchTemplate"]["version"] == "2"
    latest = {**inputs, "nodeGroupName": "most", "launchTemplate": {"id": "@template", "version": "3"}}
    refused(world, "no version 3", world.types["nodes"], latest)


def test_disks_need_a_key_that_the_autoscaler_may_use(world: Engine) -> None:
    disk = {"deviceName": "/dev/xvda", "ebs": {"encrypted": "true", "kmsKeyId": "@strict.arn"}}
    world.create("strictly", world.types["template"], {"name": "strictly", "blockDeviceMappings": [disk]})
    inputs = {
        "clusterName": "@cluster",
        "nodeGroupName": "strictly",
        "nodeRoleArn": "@worker.arn",
        "subnetIds": ["@first"],
        "scalingConfig": {"minSize": 0, "desiredSize": 0, "maxSize": 1},
        "launchTemplate": {"id": "@strictly", "version": "1"},
    }
    refused(world, "AWSServiceRoleForAutoScaling", world.types["nodes"], inputs)


def test_an_image_of_ones_own_brings_the_way_to_join(world: Engine) -> None:
    template = {"name": "mute", "imageId": "ami-0123456789abcdef0", "instanceType": "g6.2xlarge"}
    world.create("mute", world.types["template"], template)
    inputs = {
        "clusterName": "@cluster",
        "nodeGroupName": "mute",
        "nodeRoleArn": "@worker.arn",
        "subnetIds": ["@first"],
        "scalingConfig": {"minSize": 0, "desiredSize": 0, "maxSize": 1},
        "launchTemplate": {"id": "@mute", "version": "1"},
    }
    refused(world, "no user data", world.types["nodes"], inputs)
    refused(
        world,
        "given here and by",
        world.types["nodes"],
        {**inputs, "instanceTypes": ["g6.xlarge"]},
    )
    spot = {"name": "spot", "instanceMarketOptions": {"marketType": "spot"}}
    world.create("spot", world.types["template"], spot)
    at_spot = {**inputs, "launchTemplate": {"id": "@spot", "version": "1"}}
    refused(world, "instanceMarketOptions", world.types["nodes"], at_spot)


def test_the_name_of_the_autoscaling_group_can_be_tagged(world: Engine) -> None:
    name = world.named["nodes"]["resources"][0]["autoscalingGroups"][0]["name"]
    tag = {"key": "k8s.io/cluster-autoscaler/enabled", "value": "true", "propagateAtLaunch": True}
    world.create("tag", "aws:autoscaling/tag:Tag", {"autoscalingGroupName": name, "tag": tag})
    refused(world, "names no", "aws:autoscaling/tag:Tag", {"autoscalingGroupName": "eks-gone", "tag": tag})


def test_access_entries_need_a_cluster_that_knows_them(world: Engine) -> None:
    entry = {"clusterName": "@cluster", "principalArn": "arn:aws:iam::123456789012:role/operators"}
    world.create("entry", "aws:eks/accessEntry:AccessEntry", entry)
    policy = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    granted = {**entry, "policyArn": policy, "accessScope": {"type": "cluster"}}
    world.create("granted", "aws:eks/accessPolicyAssociation:AccessPolicyAssociation", granted)
    viewing = policy.replace("ClusterAdmin", "View")
    scoped = {**granted, "policyArn": viewing, "accessScope": {"type": "namespace"}}
    refused(world, "needs namespaces", "aws:eks/accessPolicyAssociation:AccessPolicyAssociation", scoped)
    old = {**world.named["cluster"], "name": "old", "accessConfig": {"authenticationMode": "CONFIG_MAP"}}
    inputs = {name: old[name] for name in ("name", "roleArn", "version", "accessConfig")}
    inputs["vpcConfig"] = {"subnetIds": ["@first", "@second"], "endpointPrivateAccess": True}
    world.create("old", world.types["cluster"], inputs)
    refused(
        world, "knows no access entries", "aws:eks/accessEntry:AccessEntry", {**entry, "clusterName": "old"}
    )


def test_a_database_that_keeps_a_last_snapshot_says_its_name(world: Engine) -> None:
    world.update("database", {"deletionProtection": False, "skipFinalSnapshot": False})
    with pytest.raises(RefusedByEngineError, match="finalSnapshotIdentifier: is needed"):
        world.delete("database")
    world.update("database", {"finalSnapshotIdentifier": "kept-last"})
    world.delete("database")


def test_a_database_shows_where_it_is_and_where_its_password_is(world: Engine) -> None:
    made = world.named["database"]
    assert made["endpoint"] == f"{made['address']}:5432"
    assert made["masterUserSecrets"][0]["secretArn"].startswith("arn:aws:secretsmanager:eu-central-1:")
    assert world.named["database_subnets"]["vpcId"] == world.named["vpc"]["id"]


def test_a_certificate_is_proven_by_a_record_in_public(world: Engine) -> None:
    option = world.named["certificate"]["domainValidationOptions"][0]
    assert option["resourceRecordName"].endswith(".ml.example.com.")
    validation = {"certificateArn": "@certificate"}
    token = "aws:acm/certificateValidation:CertificateValidation"
    refused(world, "is nowhere", token, validation)
    record = {
        "name": option["resourceRecordName"],
        "type": option["resourceRecordType"],
        "records": [option["resourceRecordValue"]],
        "ttl": 60,
    }
    world.create("unseen", world.types["record"], {**record, "zoneId": "@hidden"})
    refused(world, "private zone", token, validation)
    world.create("seen", world.types["record"], {**record, "zoneId": "@zone"})
    refused(world, "leave out", token, {**validation, "validationRecordFqdns": ["a.ml.example.com"]})
    world.create("validated", token, {**validation, "validationRecordFqdns": ["@seen.fqdn"]})


def test_a_zone_that_was_there_before_proves_a_certificate_too(world: Engine) -> None:
    world.account.add(existing.public_zone("Z0123456789EXAMPLE", "example.org"))
    certificate = {"domainName": "ml.example.org", "validationMethod": "DNS"}
    option = world.create("elsewhere", world.types["certificate"], certificate)["domainValidationOptions"][0]
    record = {
        "zoneId": "Z0123456789EXAMPLE",
        "name": option["resourceRecordName"],
        "type": "CNAME",
        "ttl": 60,
    }
    world.create("proof", world.types["record"], {**record, "records": [option["resourceRecordValue"]]})
    token = "aws:acm/certificateValidation:CertificateValidation"
    world.create("validated", token, {"certificateArn": "@elsewhere"})


def test_a_name_and_its_wildcard_share_one_proof(world: Engine) -> None:
    both = {
        "domainName": "ml.example.com",
        "subjectAlternativeNames": ["*.ml.example.com"],
        "validationMethod": "DNS",
    }
    options = world.create("both", world.types["certificate"], both)["domainValidationOptions"]
    assert [option["domainName"] for option in options] == ["ml.example.com", "*.ml.example.com"]
    assert len({option["resourceRecordName"] for option in options}) == 1


def test_the_arn_of_an_issuer_is_without_its_scheme(world: Engine) -> None:
    issuer = world.named["cluster"]["identities"][0]["oidcs"][0]["issuer"]
    token = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    made = world.create("issuer", token, {"url": issuer, "clientIdLists": ["sts.amazonaws.com"]})
    assert (
        made["id"]
        == made["arn"]
        == f"arn:aws:iam::123456789012:oidc-provider/{issuer.removeprefix('https://')}"
    )


def test_a_trail_writes_only_where_it_may(world: Engine) -> None:
    trail = {"name": "colonnade", "s3BucketName": "@trails", "kmsKeyId": "@strict.arn"}
    refused(world, r"kmsKeyId: the policy of .* does not let cloudtrail", "aws:cloudtrail/trail:Trail", trail)
    world.create("trail", "aws:cloudtrail/trail:Trail", {**trail, "kmsKeyId": "@key.arn"})


def test_names_in_policies_exist(world: Engine) -> None:
    nobody = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
    nobody += '"Principal": {"AWS": "arn:aws:iam::123456789012:role/nobody"}}]}'
    refused(
        world,
        "role/nobody, which does not exist",
        world.types["worker"],
        {"name": "x", "assumeRolePolicy": nobody},
    )
    worker = nobody.replace("nobody", "worker")
    world.create("x", world.types["worker"], {"name": "x", "assumeRolePolicy": worker})


def test_endpoints_lie_in_one_subnet_of_each_zone(world: Engine) -> None:
    inputs = {
        "vpcId": "@vpc",
        "serviceName": "com.amazonaws.eu-central-1.kms",
        "vpcEndpointType": "Interface",
        "privateDnsEnabled": True,
        "subnetIds": ["@first", "@beside"],
    }
    token = "aws:ec2/vpcEndpoint:VpcEndpoint"
    refused(world, "one subnet of each zone", token, inputs)
    refused(
        world,
        "not of the subnets'",
        token,
        {**inputs, "subnetIds": ["@first"], "securityGroupIds": ["@aliens"]},
    )
    made = world.create("endpoint", token, {**inputs, "subnetIds": ["@first", "@second"]})
    assert len(made["networkInterfaceIds"]) == 2
    refused(world, "already", token, {**inputs, "subnetIds": ["@second"]})
    gateway = {"vpcId": "@vpc", "serviceName": "com.amazonaws.eu-central-1.s3", "routeTableIds": ["@table"]}
    world.create("gateway", token, gateway)
    refused(world, "takes no subnetIds", token, {**gateway, "routeTableIds": [], "subnetIds": ["@first"]})
    refused(world, "no endpoint of type Gateway", token, {**gateway, "serviceName": inputs["serviceName"]})


def test_a_group_may_hold_its_rules_itself(world: Engine) -> None:
    rule = {"protocol": "tcp", "fromPort": 443, "toPort": 443, "cidrBlocks": ["10.64.0.0/16"]}
    inputs = {"vpcId": "@vpc", "name": "inline", "description": "Rules of its own", "ingress": [rule]}
    token = world.types["group"]
    refused(world, "given twice", token, {**inputs, "ingress": [rule, {**rule, "description": "Again"}]})
    refused(world, "no range of ports", token, {**inputs, "ingress": [{**rule, "fromPort": 444}]})
    refused(world, "no protocol", token, {**inputs, "ingress": [{**rule, "protocol": "https"}]})
    world.create("inline", token, inputs)
    world.create("default", "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", {"vpcId": "@vpc"})


def test_rules_of_a_bucket_expire_after_they_move(world: Engine) -> None:
    token = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"

    def rule(**actions: Any) -> dict[str, Any]:
        return {
            "bucket": "@lake",
            "rules": [{"id": "a", "status": "Enabled", "filter": {"prefix": ""}, **actions}],
        }

    early = {"days": 10, "storageClass": "STANDARD_IA"}
    refused(world, "before 30", token, rule(transitions=[early]))
    late = {"days": 90, "storageClass": "GLACIER"}
    refused(world, "not after its transitions", token, rule(transitions=[late], expiration={"days": 90}))
    refused(world, "does nothing", token, rule())
    world.create("rules", token, rule(transitions=[late], expiration={"days": 365}))


def test_the_sixth_address_is_one_too_many(world: Engine) -> None:
    for number in range(4):
        world.create(f"more-{number}", world.types["address"], {})
    refused(world, "quota L-0263D0A3", world.types["address"], {})


def test_a_nat_gateway_takes_the_address_that_it_is_given(world: Engine) -> None:
    inputs = {"subnetId": "@public", "allocationId": "@address"}
    made = world.create("nat", "aws:ec2/natGateway:NatGateway", inputs)
    assert made["publicIp"] == world.named["address"]["publicIp"]
    refused(world, "is taken by", "aws:ec2/natGateway:NatGateway", inputs)
    with pytest.raises(RefusedByEngineError, match=f"in use by {made['id']}"):
        world.delete("internet")
    loop = {"routeTableId": "@table", "destinationCidrBlock": "10.0.0.0/8", "natGatewayId": "@nat"}
    refused(world, "come back to it", world.types["default"], loop)
    world.delete("nat")
    world.delete("internet")


def test_functions_tell_where_one_is(world: Engine) -> None:
    zones = invoke(world, "aws:index/getAvailabilityZones:getAvailabilityZones", {"state": "available"})
    assert list(zones["names"]) == ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
    assert list(zones["zoneIds"]) == ["euc1-az1", "euc1-az2", "euc1-az3"]
    identity = invoke(world, "aws:index/getCallerIdentity:getCallerIdentity", {})
    assert identity["accountId"] == "123456789012"
    assert invoke(world, "aws:index/getRegion:getRegion", {})["region"] == "eu-central-1"
    partition = invoke(world, "aws:index/getPartition:getPartition", {})
    assert (partition["partition"], partition["dnsSuffix"]) == ("aws", "amazonaws.com")
    assert partition["reverseDnsPrefix"] == "com.amazonaws"
    cluster = invoke(world, "aws:eks/getCluster:getCluster", {"name": "colonnade"})
    assert cluster["endpoint"] == world.named["cluster"]["endpoint"]
    with pytest.raises(RefusedByEngineError, match="there is no cluster 'elsewhere'"):
        invoke(world, "aws:eks/getClusterAuth:getClusterAuth", {"name": "elsewhere"})


def test_a_rehearsal_says_where_the_api_server_is() -> None:
    token = "aws:eks/cluster:Cluster"
    cloud = aws(computing={token: lambda *_: {"endpoint": "https://198.19.0.2:6443"}})
    assert cloud.computing.keys() == aws().computing.keys()
    assert aws(computing={"aws:sns/topic:Topic": lambda *_: {}}).computing.keys() > cloud.computing.keys()
