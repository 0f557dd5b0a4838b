"""What the real API would have been called with, for each type that is repeated into moto."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bootstrap.rehearsal.standin.model import Resource

Inputs = dict[str, Any]


class Calls(Protocol):
    """Calls moto for one resource."""

    def __call__(self, operation: str, given: Mapping[str, Any] | None = None, /, **parameters: Any) -> Any:
        """Calls `SERVICE.Operation` with parameters, and with what of `given` the operation knows by name."""

    def draw(self, *ids: str) -> None:
        """Has moto take these identifiers, each for the next thing of its kind that it makes."""


Act = Callable[[Calls, Resource], None]


def _nothing(_: Calls, __: Resource) -> None:
    """Does nothing: what owns the resource takes it along, or nothing of it can change."""


@dataclass(frozen=True)
class Copy:
    """How one type is repeated: what makes it, what ends it, and what makes of it what it became."""

    make: Act
    end: Act
    change: Act = _nothing


def _inputs(resource: Resource, **names: str) -> Inputs:
    """Returns what was given, under the names that the API has for it where they differ, with all tags."""
    given = {names.get(name, name): value for name, value in resource.inputs.items() if name != "tagsAll"}
    return {**given, "tags": resource.outputs.get("tagsAll") or {}}


def _tag(call: Calls, resource: Resource) -> None:
    tags = _inputs(resource)["tags"]
    if tags:
        entries = [{"Key": key, "Value": value} for key, value in tags.items()]
        call("ec2.CreateTags", Resources=[resource.id], Tags=entries)


def _of_ec2(noun: str, handle: str, make: str = "Create", end: str = "Delete", **names: str) -> Copy:
    """Returns how a thing of EC2 with an identifier of its own is repeated."""

    def made(call: Calls, resource: Resource) -> None:
        call.draw(resource.id)
        given = _inputs(resource, **names)
        del given["tags"]
        call(f"ec2.{make}{noun}", given)
        _tag(call, resource)

    def ended(call: Calls, resource: Resource) -> None:
        call(f"ec2.{end}{noun}", **{handle: resource.id})

    return Copy(made, ended, _tag)


def _vpc(call: Calls, resource: Resource) -> None:
    outputs = resource.outputs
    owned = ("defaultSecurityGroupId", "mainRouteTableId", "defaultNetworkAclId")
    call.draw(resource.id, *(outputs[name] for name in owned))
    call("ec2.CreateVpc", CidrBlock=outputs["cidrBlock"], InstanceTenancy=outputs["instanceTenancy"])
    _vpc_changed(call, resource)


def _vpc_changed(call: Calls, resource: Resource) -> None:
    for name in ("EnableDnsSupport", "EnableDnsHostnames"):
        wanted = {"Value": resource.outputs[name[0].lower() + name[1:]]}
        call("ec2.ModifyVpcAttribute", VpcId=resource.id, **{name: wanted})
    _tag(call, resource)


def _gateway(call: Calls, resource: Resource) -> None:
    call.draw(resource.id)
    call("ec2.CreateInternetGateway")
    _tag(call, resource)
    if vpc := resource.outputs.get("vpcId"):
        call("ec2.AttachInternetGateway", InternetGatewayId=resource.id, VpcId=vpc)


def _gateway_ended(call: Calls, resource: Resource) -> None:
    if vpc := resource.outputs.get("vpcId"):
        call("ec2.DetachInternetGateway", InternetGatewayId=resource.id, VpcId=vpc)
    call("ec2.DeleteInternetGateway", InternetGatewayId=resource.id)


def _group(call: Calls, resource: Resource) -> None:
    call.draw(resource.id)
    outputs = resource.outputs
    call(
        "ec2.CreateSecurityGroup",
        GroupName=outputs["name"],
        Description=outputs["description"],
        VpcId=outputs["vpcId"],
    )
    # The provider leaves no rule that the program does not name.
    call("ec2.RevokeSecurityGroupEgress", GroupId=resource.id, IpPermissions=[_ANYWHERE])
    for direction in ("ingress", "egress"):
        for rule in resource.inputs.get(direction) or []:
            authorize = f"ec2.AuthorizeSecurityGroup{direction.capitalize()}"
            call(authorize, GroupId=resource.id, IpPermissions=[_inline(rule)])
    _tag(call, resource)


def _rule(direction: str) -> Copy:
    def act(verb: str) -> Act:
        def acts(call: Calls, resource: Resource) -> None:
            group = resource.outputs["securityGroupId"]
            permission = _permission(resource.inputs)
            call(f"ec2.{verb}SecurityGroup{direction}", GroupId=group, IpPermissions=[permission])

        return acts

    return Copy(act("Authorize"), act("Revoke"))


_ANYWHERE: Final = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


def _permission(rule: Mapping[str, Any]) -> Inputs:
    """Returns a rule that is a resource of its own as a permission."""
    targets = {
        "IpRanges": ("cidrIpv4", "CidrIp"),
        "Ipv6Ranges": ("cidrIpv6", "CidrIpv6"),
        "UserIdGroupPairs": ("referencedSecurityGroupId", "GroupId"),
        "PrefixListIds": ("prefixListId", "PrefixListId"),
    }
    return {
        **_ports(rule["ipProtocol"], rule),
        **{kind: [{key: rule[name]}] for kind, (name, key) in targets.items() if rule.get(name)},
    }


def _inline(rule: Mapping[str, Any]) -> Inputs:
    """Returns a rule within a security group as a permission."""
    return {
        **_ports(rule["protocol"], rule),
        "IpRanges": [{"CidrIp": block} for block in rule.get("cidrBlocks") or []],
        "UserIdGroupPairs": [{"GroupId": group} for group in rule.get("securityGroups") or []],
    }


def _ports(protocol: str, rule: Mapping[str, Any]) -> Inputs:
    if protocol == "-1":
        return {"IpProtocol": protocol}
    return {"IpProtocol": protocol, "FromPort": int(rule["fromPort"]), "ToPort": int(rule["toPort"])}


def _route_ended(call: Calls, resource: Resource) -> None:
    outputs = resource.outputs
    call(
        "ec2.DeleteRoute",
        RouteTableId=outputs["routeTableId"],
        DestinationCidrBlock=outputs["destinationCidrBlock"],
    )


def _address_ended(call: Calls, resource: Resource) -> None:
    call("ec2.ReleaseAddress", AllocationId=resource.id)


def _endpoint_ended(call: Calls, resource: Resource) -> None:
    call("ec2.DeleteVpcEndpoints", VpcEndpointIds=[resource.id])


def _template(call: Calls, resource: Resource) -> None:
    call.draw(resource.id)
    call(
        "ec2.CreateLaunchTemplate",
        LaunchTemplateName=resource.outputs["name"],
        LaunchTemplateData=_data(resource),
    )


def _template_changed(call: Calls, resource: Resource) -> None:
    call("ec2.CreateLaunchTemplateVersion", LaunchTemplateId=resource.id, LaunchTemplateData=_data(resource))


def _data(resource: Resource) -> Inputs:
    # The tags that are given are those of the template itself, not of what it makes.
    given = _inputs(resource, vpcSecurityGroupIds="securityGroupIds")
    return {name: value for name, value in given.items() if name not in ("tags", "name", "region")}


def _key(call: Calls, resource: Resource) -> None:
    call.draw(resource.id)
    call("kms.CreateKey", _inputs(resource, customerMasterKeySpec="keySpec"))
    _rotate(call, resource)


def _key_changed(call: Calls, resource: Resource) -> None:
    if policy := resource.inputs.get("policy"):
        call("kms.PutKeyPolicy", KeyId=resource.id, PolicyName="default", Policy=policy)
    call("kms.UpdateKeyDescription", KeyId=resource.id, Description=resource.outputs.get("description") or "")
    call("kms.TagResource", _inputs(resource), KeyId=resource.id)
    _rotate(call, resource)


def _rotate(call: Calls, resource: Resource) -> None:
    verb = "Enable" if resource.outputs["enableKeyRotation"] else "Disable"
    call(f"kms.{verb}KeyRotation", KeyId=resource.id)


def _key_ended(call: Calls, resource: Resource) -> None:
    days = int(resource.outputs.get("deletionWindowInDays") or 30)
    call("kms.ScheduleKeyDeletion", KeyId=resource.id, PendingWindowInDays=days)


def _alias(verb: str) -> Act:
    def acts(call: Calls, resource: Resource) -> None:
        call(f"kms.{verb}Alias", AliasName=resource.id, TargetKeyId=resource.outputs["targetKeyId"])

    return acts


def _role(call: Calls, resource: Resource) -> None:
    call("iam.CreateRole", _inputs(resource, name="roleName", assumeRolePolicy="assumeRolePolicyDocument"))
    for arn in resource.inputs.get("managedPolicyArns") or []:
        call("iam.AttachRolePolicy", RoleName=resource.id, PolicyArn=arn)
    for policy in resource.inputs.get("inlinePolicies") or []:
        call(
            "iam.PutRolePolicy",
            RoleName=resource.id,
            PolicyName=policy["name"],
            PolicyDocument=policy["policy"],
        )


def _role_changed(call: Calls, resource: Resource) -> None:
    document = resource.outputs["assumeRolePolicy"]
    call("iam.UpdateAssumeRolePolicy", RoleName=resource.id, PolicyDocument=document)
    call("iam.TagRole", _inputs(resource), RoleName=resource.id)


def _role_ended(call: Calls, resource: Resource) -> None:
    # The provider itself takes away what it gave along with the role.
    for arn in resource.inputs.get("managedPolicyArns") or []:
        call("iam.DetachRolePolicy", RoleName=resource.id, PolicyArn=arn)
    for policy in resource.inputs.get("inlinePolicies") or []:
        call("iam.DeleteRolePolicy", RoleName=resource.id, PolicyName=policy["name"])
    call("iam.DeleteRole", RoleName=resource.id)


def _policy(call: Calls, resource: Resource) -> None:
    call("iam.CreatePolicy", _inputs(resource, name="policyName", policy="policyDocument"))


def _policy_changed(call: Calls, resource: Resource) -> None:
    versions = call("iam.ListPolicyVersions", PolicyArn=resource.id)["Versions"]
    for version in versions:
        if not version["IsDefaultVersion"]:
            call("iam.DeletePolicyVersion", PolicyArn=resource.id, VersionId=version["VersionId"])
    document = resource.outputs["policy"]
    call("iam.CreatePolicyVersion", PolicyArn=resource.id, PolicyDocument=document, SetAsDefault=True)


def _policy_ended(call: Calls, resource: Resource) -> None:
    for version in call("iam.ListPolicyVersions", PolicyArn=resource.id)["Versions"]:
        if not version["IsDefaultVersion"]:
            call("iam.DeletePolicyVersion", PolicyArn=resource.id, VersionId=version["VersionId"])
    call("iam.DeletePolicy", PolicyArn=resource.id)


def _role_policy(call: Calls, resource: Resource) -> None:
    given = _inputs(resource, role="roleName", name="policyName", policy="policyDocument")
    call("iam.PutRolePolicy", given)


def _of_role(operation: str) -> Act:
    def acts(call: Calls, resource: Resource) -> None:
        call(f"iam.{operation}", _inputs(resource, role="roleName", name="policyName"))

    return acts


def _profile(call: Calls, resource: Resource) -> None:
    call("iam.CreateInstanceProfile", _inputs(resource, name="instanceProfileName"))
    if role := resource.inputs.get("role"):
        call("iam.AddRoleToInstanceProfile", InstanceProfileName=resource.id, RoleName=role)


def _profile_ended(call: Calls, resource: Resource) -> None:
    if role := resource.inputs.get("role"):
        call("iam.RemoveRoleFromInstanceProfile", InstanceProfileName=resource.id, RoleName=role)
    call("iam.DeleteInstanceProfile", InstanceProfileName=resource.id)


def _issuer(call: Calls, resource: Resource) -> None:
    url = resource.outputs["url"]
    call(
        "iam.CreateOpenIDConnectProvider",
        _inputs(resource, clientIdLists="clientIDList"),
        Url=url if url.startswith("https://") else f"https://{url}",
        ThumbprintList=resource.outputs["thumbprintLists"],
    )


def _issuer_ended(call: Calls, resource: Resource) -> None:
    call("iam.DeleteOpenIDConnectProvider", OpenIDConnectProviderArn=resource.outputs["arn"])


def _bucket(call: Calls, resource: Resource) -> None:
    outputs = resource.outputs
    # us-east-1 is where a bucket lies that names no region, and may not be named.
    place = outputs["bucketRegion"]
    where = {} if place == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": place}}
    locked = bool(outputs["objectLockEnabled"])
    call("s3.CreateBucket", Bucket=resource.id, ObjectLockEnabledForBucket=locked, **where)
    _bucket_changed(call, resource)


def _bucket_changed(call: Calls, resource: Resource) -> None:
    if tags := _inputs(resource)["tags"]:
        entries = [{"Key": key, "Value": value} for key, value in tags.items()]
        call("s3.PutBucketTagging", Bucket=resource.id, Tagging={"TagSet": entries})


def _bucket_ended(call: Calls, resource: Resource) -> None:
    if resource.outputs["forceDestroy"]:
        found = call("s3.ListObjectVersions", Bucket=resource.id)
        for entry in [*found.get("Versions", []), *found.get("DeleteMarkers", [])]:
            call("s3.DeleteObject", Bucket=resource.id, Key=entry["Key"], VersionId=entry["VersionId"])
    call("s3.DeleteBucket", Bucket=resource.id)


def _of_bucket(put: str, configuration: Callable[[Resource], Inputs], delete: str | None = None) -> Copy:
    """Returns how something that a bucket is set to is repeated."""

    def made(call: Calls, resource: Resource) -> None:
        call(f"s3.{put}", Bucket=resource.outputs["bucket"], **configuration(resource))

    def ended(call: Calls, resource: Resource) -> None:
        if delete:
            call(f"s3.{delete}", Bucket=resource.outputs["bucket"])

    return Copy(made, ended, made)


def _repository(call: Calls, resource: Resource) -> None:
    given = _inputs(resource, name="repositoryName", encryptionConfigurations="encryptionConfiguration")
    call("ecr.CreateRepository", given)


def _repository_changed(call: Calls, resource: Resource) -> None:
    given = _inputs(resource, name="repositoryName")
    call("ecr.PutImageTagMutability", given, imageTagMutability=resource.outputs["imageTagMutability"])
    if "imageScanningConfiguration" in given:
        call("ecr.PutImageScanningConfiguration", given)


def _repository_ended(call: Calls, resource: Resource) -> None:
    force = bool(resource.outputs["forceDelete"])
    call("ecr.DeleteRepository", repositoryName=resource.id, force=force)


def _image_lifecycle(operation: str) -> Act:
    def acts(call: Calls, resource: Resource) -> None:
        call(f"ecr.{operation}", _inputs(resource, repository="repositoryName", policy="lifecyclePolicyText"))

    return acts


def _cluster(call: Calls, resource: Resource) -> None:
    vpc = resource.outputs["vpcConfig"]
    group = vpc["clusterSecurityGroupId"]
    # EKS makes the group, and takes it along.
    call.draw(group)
    call(
        "ec2.CreateSecurityGroup",
        GroupName=f"eks-cluster-sg-{resource.id}",
        Description="EKS created security group",
        VpcId=vpc["vpcId"],
    )
    call("eks.CreateCluster", _inputs(resource, vpcConfig="resourcesVpcConfig"))


def _cluster_ended(call: Calls, resource: Resource) -> None:
    call("eks.DeleteCluster", name=resource.id)
    call("ec2.DeleteSecurityGroup", GroupId=resource.outputs["vpcConfig"]["clusterSecurityGroupId"])


def _pool(call: Calls, resource: Resource) -> None:
    given = _inputs(resource, nodeGroupName="nodegroupName", nodeRoleArn="nodeRole", subnetIds="subnets")
    effects = {"taints": _taints(resource)} if resource.inputs.get("taints") else {}
    call("eks.CreateNodegroup", given, **effects)


def _pool_changed(call: Calls, resource: Resource) -> None:
    call(
        "eks.UpdateNodegroupConfig",
        clusterName=resource.outputs["clusterName"],
        nodegroupName=resource.outputs["nodeGroupName"],
        scalingConfig=resource.outputs["scalingConfig"],
    )


def _taints(resource: Resource) -> list[Inputs]:
    return [dict(taint) for taint in resource.inputs["taints"]]


def _pool_ended(call: Calls, resource: Resource) -> None:
    outputs = resource.outputs
    call(
        "eks.DeleteNodegroup",
        clusterName=outputs["clusterName"],
        nodegroupName=outputs["nodeGroupName"],
    )


COPIES: Final[Mapping[str, Copy]] = {
    "aws:ec2/eip:Eip": Copy(_of_ec2("Address", "AllocationId", make="Allocate").make, _address_ended, _tag),
    "aws:ec2/internetGateway:InternetGateway": Copy(_gateway, _gateway_ended, _tag),
    "aws:ec2/launchTemplate:LaunchTemplate": Copy(
        _template,
        lambda call, resource: call("ec2.DeleteLaunchTemplate", LaunchTemplateId=resource.id),
        _template_changed,
    ),
    "aws:ec2/natGateway:NatGateway": _of_ec2("NatGateway", "NatGatewayId"),
    "aws:ec2/networkInterface:NetworkInterface": _of_ec2(
        "NetworkInterface", "NetworkInterfaceId", securityGroups="groups"
    ),
    "aws:ec2/route:Route": Copy(
        lambda call, resource: call("ec2.CreateRoute", _inputs(resource)), _route_ended
    ),
    "aws:ec2/routeTable:RouteTable": _of_ec2("RouteTable", "RouteTableId"),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": Copy(
        _of_ec2("RouteTable", "", make="Associate").make,
        lambda call, resource: call("ec2.DisassociateRouteTable", AssociationId=resource.id),
    ),
    "aws:ec2/securityGroup:SecurityGroup": Copy(
        _group, lambda call, resource: call("ec2.DeleteSecurityGroup", GroupId=resource.id), _tag
    ),
    "aws:ec2/subnet:Subnet": _of_ec2("Subnet", "SubnetId"),
    "aws:ec2/vpc:Vpc": Copy(
        _vpc, lambda call, resource: call("ec2.DeleteVpc", VpcId=resource.id), _vpc_changed
    ),
    "aws:ec2/vpcEndpoint:VpcEndpoint": Copy(
        _of_ec2("VpcEndpoint", "", policy="policyDocument").make, _endpoint_ended, _tag
    ),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": Copy(
        _image_lifecycle("PutLifecyclePolicy"), _image_lifecycle("DeleteLifecyclePolicy")
    ),
    "aws:ecr/repository:Repository": Copy(_repository, _repository_ended, _repository_changed),
    "aws:eks/cluster:Cluster": Copy(_cluster, _cluster_ended),
    "aws:eks/nodeGroup:NodeGroup": Copy(_pool, _pool_ended, _pool_changed),
    "aws:iam/instanceProfile:InstanceProfile": Copy(_profile, _profile_ended),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": Copy(_issuer, _issuer_ended),
    "aws:iam/policy:Policy": Copy(_policy, _policy_ended, _policy_changed),
    "aws:iam/role:Role": Copy(_role, _role_ended, _role_changed),
    "aws:iam/rolePolicy:RolePolicy": Copy(_role_policy, _of_role("DeleteRolePolicy"), _role_policy),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": Copy(
        _of_role("AttachRolePolicy"), _of_role("DetachRolePolicy")
    ),
    "aws:kms/alias:Alias": Copy(
        _alias("Create"),
        lambda call, resource: call("kms.DeleteAlias", AliasName=resource.id),
        _alias("Update"),
    ),
    "aws:kms/key:Key": Copy(_key, _key_ended, _key_changed),
    "aws:s3/bucket:Bucket": Copy(_bucket, _bucket_ended, _bucket_changed),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": _of_bucket(
        "PutBucketLifecycleConfiguration",
        lambda it: {"LifecycleConfiguration": {"Rules": it.outputs["rules"]}},
        "DeleteBucketLifecycle",
    ),
    "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration": _of_bucket(
        "PutObjectLockConfiguration",
        lambda it: {
            "ObjectLockConfiguration": {
                "ObjectLockEnabled": it.outputs["objectLockEnabled"],
                "Rule": it.outputs.get("rule"),
            }
        },
    ),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": _of_bucket(
        "PutBucketOwnershipControls",
        lambda it: {"OwnershipControls": {"Rules": [it.outputs["rule"]]}},
        "DeleteBucketOwnershipControls",
    ),
    "aws:s3/bucketPolicy:BucketPolicy": _of_bucket(
        "PutBucketPolicy", lambda it: {"Policy": it.outputs["policy"]}, "DeleteBucketPolicy"
    ),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _of_bucket(
        "PutPublicAccessBlock",
        lambda it: {"PublicAccessBlockConfiguration": it.outputs},
        "DeletePublicAccessBlock",
    ),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": _of_bucket(
        "PutBucketEncryption",
        lambda it: {"ServerSideEncryptionConfiguration": {"Rules": it.outputs["rules"]}},
        "DeleteBucketEncryption",
    ),
    "aws:s3/bucketVersioning:BucketVersioning": _of_bucket(
        "PutBucketVersioning",
        lambda it: {"VersioningConfiguration": it.outputs["versioningConfiguration"]},
    ),
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _rule("Egress"),
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule("Ingress"),
}
