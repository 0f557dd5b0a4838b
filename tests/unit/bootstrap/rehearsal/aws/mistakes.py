"""Planted mistakes: what is right, what makes it wrong, which property is refused and why, who says so."""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.unit.bootstrap.rehearsal.aws import evidence
from tests.unit.bootstrap.rehearsal.aws.evidence import Evidence, Published, documented, model, moto

READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::colonnade-lake/*"}


def document(*statements: dict[str, Any], version: str = "2012-10-17") -> dict[str, Any]:
    return {"Version": version, "Statement": list(statements)}


@dataclass(frozen=True)
class Mistake:
    """A creation that the world admits, and the change that makes it a mistake.

    Args:
        name: What is wrong.
        type: The type token.
        valid: Inputs that pass.
        wrong: What replaces some of them; None leaves one out.
        property: The property that is refused.
        reason: Part of the reason.
        evidence: Shows, by an independent source, that it is a mistake.
    """

    name: str
    type: str
    valid: dict[str, Any]
    wrong: dict[str, Any]
    property: str
    reason: str
    evidence: Evidence


@dataclass(frozen=True)
class Deletion:
    """A resource of the world that cannot be deleted as it is."""

    name: str
    of: str
    property: str
    reason: str
    evidence: Evidence
    objects: dict[str, str] = field(default_factory=dict)


def _of(kind: str, valid: dict[str, Any], *mistakes: tuple[Any, ...]) -> list[Mistake]:
    return [Mistake(name, kind, valid, *rest) for name, *rest in mistakes]


def _policy(changed: Any) -> tuple[dict[str, Any], Evidence]:
    text = changed if isinstance(changed, str) else json.dumps(changed)
    return {"policy": text}, moto("MalformedPolicyDocument", evidence.policy(changed))


def _in_policy(name: str, changed: Any, reason: str) -> tuple[Any, ...]:
    wrong, shown = _policy(changed)
    return (name, wrong, "policy", reason, shown)


MISTAKES: list[Mistake] = [
    *_of(
        "aws:ec2/vpc:Vpc",
        {"cidrBlock": "10.66.0.0/16"},
        (
            "a VPC larger than /16",
            {"cidrBlock": "10.0.0.0/8"},
            "cidrBlock",
            "between /16 and /28",
            moto("InvalidVpc.Range", lambda c, _: c("ec2").create_vpc(CidrBlock="10.0.0.0/8")),
        ),
        (
            "no block of addresses",
            {"cidrBlock": "10.300.0.0/16"},
            "cidrBlock",
            "no CIDR block",
            moto("InvalidParameterValue", lambda c, _: c("ec2").create_vpc(CidrBlock="10.300.0.0/16")),
        ),
        (
            "an unknown property",
            {"cidr": "10.66.0.0/16"},
            "cidr",
            "unknown",
            moto("ParamValidation", lambda c, _: c("ec2").create_vpc(Cidr="10.66.0.0/16")),
        ),
        (
            "a property of another type",
            {"enableDnsSupport": "certainly"},
            "enableDnsSupport",
            "bool",
            moto(
                "ParamValidation",
                evidence.vpc,
                lambda c, vpc: c("ec2").modify_vpc_attribute(
                    VpcId=vpc, EnableDnsSupport={"Value": "certainly"}
                ),
            ),
        ),
    ),
    *_of(
        "aws:ec2/subnet:Subnet",
        {"vpcId": "@vpc", "cidrBlock": "10.64.64.0/20", "availabilityZone": "eu-central-1c"},
        (
            "a subnet outside its VPC",
            {"cidrBlock": "10.70.0.0/20"},
            "cidrBlock",
            "not within 10.64.0.0/16",
            moto(
                "InvalidSubnet.Range",
                evidence.vpc,
                lambda c, vpc: c("ec2").create_subnet(VpcId=vpc, CidrBlock="10.70.0.0/20"),
            ),
        ),
        (
            "subnets that overlap",
            {"cidrBlock": "10.64.24.0/21"},
            "cidrBlock",
            "overlaps 10.64.16.0/20",
            evidence.overlapping("10.64.24.0/21", "10.64.16.0/20"),
        ),
        (
            "a zone of another region",
            {"availabilityZone": "eu-central-1z"},
            "availabilityZone",
            "no zone 'eu-central-1z'",
            moto(
                "InvalidParameterValue",
                evidence.vpc,
                lambda c, vpc: c("ec2").create_subnet(
                    VpcId=vpc, CidrBlock="10.64.64.0/20", AvailabilityZone="eu-central-1z"
                ),
            ),
        ),
        (
            "a VPC that does not exist",
            {"vpcId": "vpc-0123456789abcdef0"},
            "vpcId",
            "vpc-0123456789abcdef0",
            moto(
                "InvalidVpcID.NotFound",
                lambda c, _: c("ec2").create_subnet(VpcId="vpc-0123456789abcdef0", CidrBlock="10.64.64.0/20"),
            ),
        ),
        (
            "a subnet without a VPC",
            {"vpcId": None},
            "vpcId",
            "required",
            moto("ParamValidation", lambda c, _: c("ec2").create_subnet(CidrBlock="10.64.64.0/20")),
        ),
    ),
    *_of(
        "aws:ec2/route:Route",
        {"routeTableId": "@table", "destinationCidrBlock": "10.0.0.0/20", "gatewayId": "@internet"},
        (
            "a second route to one destination",
            {"destinationCidrBlock": "0.0.0.0/0"},
            "destinationCidrBlock",
            "0.0.0.0/0",
            moto(
                "RouteAlreadyExists",
                evidence.vpc,
                lambda c, vpc: c("ec2").create_route_table(VpcId=vpc)["RouteTable"],
                lambda c, table: (
                    table["RouteTableId"],
                    c("ec2").create_internet_gateway()["InternetGateway"]["InternetGatewayId"],
                ),
                lambda c, of: (
                    c("ec2").create_route(
                        RouteTableId=of[0], DestinationCidrBlock="0.0.0.0/0", GatewayId=of[1]
                    )
                    and of
                ),
                lambda c, of: c("ec2").create_route(
                    RouteTableId=of[0], DestinationCidrBlock="0.0.0.0/0", GatewayId=of[1]
                ),
            ),
        ),
        (
            "a route to nowhere",
            {"gatewayId": None},
            "gatewayId",
            "exactly one target",
            Published("terraform-provider-aws internal/service/ec2/vpc_route.go"),
        ),
    ),
    *_of(
        "aws:ec2/natGateway:NatGateway",
        {"subnetId": "@public", "allocationId": "@address"},
        (
            "a NAT gateway in a VPC that has no way out",
            {"subnetId": "@alien"},
            "subnetId",
            "no internet gateway",
            Published("docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html"),
        ),
        (
            "a public NAT gateway without an address",
            {"allocationId": None},
            "allocationId",
            "needs an Elastic IP",
            documented("ec2.CreateNatGateway.AllocationId", "[Public NAT gateways only] The allocation ID"),
        ),
    ),
    *_of(
        "aws:ec2/securityGroup:SecurityGroup",
        {"vpcId": "@vpc", "name": "database", "description": "The database"},
        (
            "two security groups of one name",
            {"name": "endpoints"},
            "name",
            "endpoints",
            moto(
                "InvalidGroup.Duplicate",
                evidence.group,
                lambda c, g: c("ec2").describe_security_groups(GroupIds=[g])["SecurityGroups"][0]["VpcId"],
                lambda c, vpc: c("ec2").create_security_group(
                    GroupName="endpoints", Description="x", VpcId=vpc
                ),
            ),
        ),
    ),
    *_of(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        {
            "securityGroupId": "@group",
            "ipProtocol": "tcp",
            "fromPort": 5432,
            "toPort": 5432,
            "cidrIpv4": "10.64.0.0/16",
        },
        (
            "the same rule twice",
            {"fromPort": 443, "toPort": 443},
            "cidrIpv4",
            "already",
            moto(
                "InvalidPermission.Duplicate",
                evidence.group,
                lambda c, g: evidence.allow(c, g, "10.64.0.0/16"),
                lambda c, g: evidence.allow(c, g, "10.64.0.0/16"),
            ),
        ),
        (
            "a source that is no block",
            {"cidrIpv4": "10.64.0.0/33"},
            "cidrIpv4",
            "no CIDR block",
            moto(
                "InvalidParameterValue",
                evidence.group,
                lambda c, g: evidence.allow(c, g, "10.64.0.0/33"),
            ),
        ),
        (
            "a rule for a group that does not exist",
            {"securityGroupId": "sg-0123456789abcdef0"},
            "securityGroupId",
            "sg-0123456789abcdef0",
            moto(
                "InvalidGroup.NotFound", lambda c, _: evidence.allow(c, "sg-0123456789abcdef0", "10.0.0.0/8")
            ),
        ),
    ),
    *_of(
        "aws:ec2/vpcEndpoint:VpcEndpoint",
        {
            "vpcId": "@vpc",
            "serviceName": "com.amazonaws.eu-central-1.secretsmanager",
            "vpcEndpointType": "Interface",
            "subnetIds": ["@first", "@second"],
            "securityGroupIds": ["@group"],
            "privateDnsEnabled": True,
        },
        (
            "an endpoint of a service that is misspelt",
            {"serviceName": "com.amazonaws.eu-central-1.secretmanager"},
            "serviceName",
            "no service",
            evidence.no_endpoint("com.amazonaws.eu-central-1.secretmanager"),
        ),
        (
            "private DNS in a VPC without host names",
            {"vpcId": "@bare", "subnetIds": ["@alien"], "securityGroupIds": ["@aliens"]},
            "privateDnsEnabled",
            "enableDnsHostnames",
            documented(
                "ec2.CreateVpcEndpoint.PrivateDnsEnabled",
                "must set the following VPC attributes to true: enableDnsHostnames and enableDnsSupport",
            ),
        ),
    ),
    *_of(
        "aws:ec2/flowLog:FlowLog",
        {
            "vpcId": "@vpc",
            "trafficType": "ALL",
            "logDestination": "@logs.arn",
            "iamRoleArn": "@worker.arn",
            "maxAggregationInterval": 60,
        },
        (
            "an interval that flow logs lack",
            {"maxAggregationInterval": 300},
            "maxAggregationInterval",
            "300",
            moto(
                "InvalidParameter",
                evidence.vpc,
                lambda c, vpc: c("ec2").create_flow_logs(
                    ResourceIds=[vpc],
                    ResourceType="VPC",
                    TrafficType="ALL",
                    LogDestinationType="s3",
                    LogDestination="arn:aws:s3:::x",
                    MaxAggregationInterval=300,
                ),
            ),
        ),
        (
            "a flow log that may not write",
            {"iamRoleArn": None},
            "iamRoleArn",
            "role",
            moto(
                "InvalidParameter",
                evidence.vpc,
                lambda c, vpc: c("ec2").create_flow_logs(
                    ResourceIds=[vpc],
                    ResourceType="VPC",
                    TrafficType="ALL",
                    LogDestinationType="cloud-watch-logs",
                    LogGroupName="flows",
                ),
            ),
        ),
    ),
    *_of(
        "aws:ec2/launchTemplate:LaunchTemplate",
        {"name": "system", "instanceType": "m6i.large"},
        (
            "an instance type that the region lacks",
            {"instanceType": "p5e.48xlarge"},
            "instanceType",
            "eu-central-1 has no instance type",
            evidence.not_offered("p5e.48xlarge"),
        ),
        (
            "two launch templates of one name",
            {"name": "general"},
            "name",
            "general",
            moto(
                "InvalidLaunchTemplateName.AlreadyExistsException",
                evidence.template,
                evidence.template,
            ),
        ),
    ),
    *_of(
        "aws:iam/role:Role",
        {"name": "flows", "assumeRolePolicy": evidence.TRUST},
        (
            "an illegal name of a role",
            {"name": "flow logs"},
            "name",
            "does not match",
            model("iam.CreateRole.RoleName", "flow logs"),
        ),
        (
            "a name that is too long",
            {"name": "r" * 65},
            "name",
            "65 characters",
            model("iam.CreateRole.RoleName", "r" * 65),
        ),
        (
            "two roles of one name",
            {"name": "worker"},
            "name",
            "worker",
            moto("EntityAlreadyExists", evidence.role, evidence.role),
        ),
        (
            "a trust policy that names a resource",
            {"assumeRolePolicy": evidence.TRUST.replace('"Action"', '"Resource": "*", "Action"')},
            "assumeRolePolicy",
            "Resource",
            moto(
                "MalformedPolicyDocument",
                evidence.role,
                evidence.trust(json.loads(evidence.TRUST.replace('"Action"', '"Resource": "*", "Action"'))),
            ),
        ),
        (
            "a trust policy that allows something else",
            {"assumeRolePolicy": evidence.TRUST.replace("sts:AssumeRole", "s3:GetObject")},
            "assumeRolePolicy",
            "sts:AssumeRole",
            moto(
                "MalformedPolicyDocument",
                evidence.role,
                evidence.trust(json.loads(evidence.TRUST.replace("sts:AssumeRole", "s3:GetObject"))),
            ),
        ),
    ),
    *_of(
        "aws:iam/policy:Policy",
        {"name": "writer", "policy": json.dumps(document(READ))},
        _in_policy("a policy that is no JSON", "{", "not JSON"),
        _in_policy("a misspelt effect", document({**READ, "Effect": "Alow"}), "neither Allow nor Deny"),
        _in_policy("an unknown element", document({**READ, "Actions": "s3:*"}), "unknown element 'Actions'"),
        _in_policy("an action of no service", document({**READ, "Action": "GetObject"}), "vendor"),
        _in_policy("a resource that is no ARN", document({**READ, "Resource": "lake"}), "ARN format"),
        _in_policy(
            "a statement without resource",
            document({"Effect": "Allow", "Action": "s3:GetObject"}),
            "resources",
        ),
        _in_policy("a version that never was", document(READ, version="2022-10-17"), "Syntax errors"),
        (
            "an action that its service does not know",
            {"policy": json.dumps(document({**READ, "Action": "s3:GetObjects"}))},
            "policy",
            "s3 does not know",
            evidence.unknown_action("s3", "GetObjects"),
        ),
    ),
    *_of(
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        {"role": "@worker", "policyArn": "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"},
        (
            "a policy that AWS does not manage",
            {"policyArn": "arn:aws:iam::aws:policy/AmazonEKSCNIPolicy"},
            "policyArn",
            "AWS manages no policy",
            moto(
                "NoSuchEntity",
                evidence.role,
                lambda c, _: c("iam").attach_role_policy(
                    RoleName="worker", PolicyArn="arn:aws:iam::aws:policy/AmazonEKSCNIPolicy"
                ),
            ),
        ),
    ),
    *_of(
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider",
        {"url": "https://oidc.example.com", "clientIdLists": ["sts.amazonaws.com"]},
        (
            "an issuer without https",
            {"url": "oidc.example.com"},
            "url",
            "no URL",
            moto(
                "ValidationError",
                lambda c, _: c("iam").create_open_id_connect_provider(
                    Url="oidc.example.com", ThumbprintList=[]
                ),
            ),
        ),
    ),
    *_of(
        "aws:kms/key:Key",
        {"description": "The lake", "deletionWindowInDays": 30},
        (
            "a key that is gone too soon",
            {"deletionWindowInDays": 5},
            "deletionWindowInDays",
            "7 to 30",
            documented("kms.ScheduleKeyDeletion.PendingWindowInDays", "between 7 and 30, inclusive"),
        ),
        (
            "a key that nobody may administer",
            {
                "policy": json.dumps(
                    document(
                        {
                            "Effect": "Allow",
                            "Principal": {"AWS": "arn:aws:iam::123456789012:root"},
                            "Action": "kms:Decrypt",
                            "Resource": "*",
                        }
                    )
                )
            },
            "policy",
            "lets no principal",
            documented(
                "kms.CreateKey.Policy", "must allow the calling principal to make a subsequent PutKeyPolicy"
            ),
        ),
    ),
    *_of(
        "aws:kms/alias:Alias",
        {"name": "alias/lake", "targetKeyId": "@key"},
        (
            "an alias without its prefix",
            {"name": "lake"},
            "name",
            "alias/",
            moto(
                "ValidationException",
                evidence.key,
                lambda c, key: c("kms").create_alias(AliasName="lake", TargetKeyId=key),
            ),
        ),
        (
            "an alias that is reserved",
            {"name": "alias/aws/lake"},
            "name",
            "reserved",
            documented(
                "kms.CreateAlias.AliasName", "alias/aws/", "reserved for Amazon Web Services managed keys"
            ),
        ),
    ),
    *_of(
        "aws:cloudwatch/logGroup:LogGroup",
        {"name": "/colonnade/cluster", "retentionInDays": 90, "kmsKeyId": "@key.arn"},
        (
            "a retention that does not exist",
            {"retentionInDays": 91},
            "retentionInDays",
            "none of",
            documented(
                "logs.PutRetentionPolicy.retentionInDays",
                "1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365",
            ),
        ),
        (
            "an illegal name of a log group",
            {"name": "/colonnade/cluster logs"},
            "name",
            "does not match",
            model("logs.CreateLogGroup.logGroupName", "/colonnade/cluster logs"),
        ),
        (
            "a key that CloudWatch Logs may not use",
            {"kmsKeyId": "@strict.arn"},
            "kmsKeyId",
            "logs.eu-central-1.amazonaws.com",
            Published("docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html"),
        ),
    ),
    *_of(
        "aws:s3/bucket:Bucket",
        {"bucket": "colonnade-models"},
        (
            "a bucket in capitals",
            {"bucket": "Colonnade-Models"},
            "bucket",
            "no bucket name",
            Published("docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"),
        ),
        (
            "a name too short for a bucket",
            {"bucket": "ab"},
            "bucket",
            "no bucket name",
            moto("InvalidBucketName", lambda c, _: evidence.made(c, "ab")),
        ),
        (
            "a bucket like an address",
            {"bucket": "192.168.0.1"},
            "bucket",
            "dot",
            Published("docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"),
        ),
        (
            "a bucket with a reserved prefix",
            {"bucket": "xn--models"},
            "bucket",
            "reserved",
            Published("docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html"),
        ),
        (
            "two buckets of one name",
            {"bucket": "colonnade-lake"},
            "bucket",
            "colonnade-lake",
            moto("BucketAlreadyOwnedByYou", evidence.bucket, evidence.bucket),
        ),
    ),
    *_of(
        "aws:s3/bucketPolicy:BucketPolicy",
        {"bucket": "@lake", "policy": json.dumps(document({**READ, "Principal": {"AWS": "123456789012"}}))},
        (
            "a policy about another bucket",
            {
                "policy": json.dumps(
                    document({**READ, "Principal": "*", "Resource": "arn:aws:s3:::colonnade-models/*"})
                )
            },
            "policy",
            "not of the bucket colonnade-lake",
            Published("docs.aws.amazon.com/AmazonS3/latest/userguide/s3-arn-format.html"),
        ),
        (
            "a policy of a bucket that names nobody",
            {"policy": json.dumps(document(READ))},
            "policy",
            "no principal",
            Published("docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html"),
        ),
    ),
    *_of(
        "aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        {"bucket": "@trails", "rule": {"defaultRetention": {"mode": "GOVERNANCE", "days": 30}}},
        (
            "object lock without versions",
            {"bucket": "@lake"},
            "bucket",
            "versioned",
            moto("InvalidBucketState", evidence.bucket, evidence.locked),
        ),
    ),
    *_of(
        "aws:s3/bucketLogging:BucketLogging",
        {"bucket": "@lake", "targetBucket": "@trails", "targetPrefix": "lake/"},
        (
            "logs into a bucket that does not exist",
            {"targetBucket": "colonnade-logs"},
            "targetBucket",
            "colonnade-logs",
            moto("InvalidTargetBucketForLogging", evidence.bucket, evidence.logged),
        ),
    ),
    *_of(
        "aws:ecr/repository:Repository",
        {"name": "colonnade/feast", "imageTagMutability": "IMMUTABLE"},
        (
            "a repository in capitals",
            {"name": "colonnade/Feast"},
            "name",
            "does not match",
            moto("InvalidParameterException", evidence.repository("colonnade/Feast")),
        ),
        (
            "two repositories of one name",
            {"name": "colonnade/mlflow"},
            "name",
            "colonnade/mlflow",
            moto(
                "RepositoryAlreadyExistsException",
                evidence.repository("colonnade/mlflow"),
                evidence.repository("colonnade/mlflow"),
            ),
        ),
        (
            "tags that are fixed",
            {"imageTagMutability": "FIXED"},
            "imageTagMutability",
            "FIXED",
            model("ecr.CreateRepository.imageTagMutability", "FIXED"),
        ),
    ),
    *_of(
        "aws:eks/cluster:Cluster",
        {
            "name": "second",
            "roleArn": "@control.arn",
            "version": "1.34",
            "vpcConfig": {
                "subnetIds": ["@first", "@second"],
                "endpointPrivateAccess": True,
                "endpointPublicAccess": False,
            },
        },
        (
            "an illegal name of a cluster",
            {"name": "-second"},
            "name",
            "does not match",
            model("eks.CreateCluster.name", "-second"),
        ),
        (
            "two clusters of one name",
            {"name": "colonnade"},
            "name",
            "colonnade",
            moto("ResourceInUseException", evidence.cluster, evidence.cluster),
        ),
        (
            "a cluster in one zone",
            {"vpcConfig": {"subnetIds": ["@first", "@beside"], "endpointPrivateAccess": True}},
            "vpcConfig.subnetIds",
            "two zones",
            Published("docs.aws.amazon.com/eks/latest/userguide/network-reqs.html"),
        ),
        (
            "services among the machines",
            {"kubernetesNetworkConfig": {"serviceIpv4Cidr": "10.64.128.0/20"}},
            "kubernetesNetworkConfig.serviceIpv4Cidr",
            "overlaps 10.64.0.0/16",
            documented(
                "eks.CreateCluster.kubernetesNetworkConfig.serviceIpv4Cidr",
                "Doesn't overlap with any CIDR block assigned to the VPC",
            ),
        ),
        (
            "a version that EKS does not run",
            {"version": "1.19"},
            "version",
            "none of",
            Published("docs.aws.amazon.com/eks/latest/userguide/kubernetes-versions.html"),
        ),
        (
            "a role that cannot run a cluster",
            {"roleArn": "@powerless.arn"},
            "roleArn",
            "AmazonEKSClusterPolicy",
            Published("terraform-provider-aws internal/service/eks/cluster.go"),
        ),
    ),
    *_of(
        "aws:eks/nodeGroup:NodeGroup",
        {
            "clusterName": "@cluster",
            "nodeGroupName": "more",
            "nodeRoleArn": "@worker.arn",
            "subnetIds": ["@first", "@second"],
            "amiType": "AL2023_x86_64_STANDARD",
            "instanceTypes": ["m6i.xlarge"],
            "scalingConfig": {"minSize": 0, "desiredSize": 0, "maxSize": 4},
            "launchTemplate": {"id": "@template", "version": "1"},
        },
        (
            "nodes of no cluster",
            {"clusterName": "elsewhere"},
            "clusterName",
            "elsewhere",
            moto("ResourceNotFoundException", evidence.nodes()),
        ),
        (
            "a size beyond the bounds",
            {"scalingConfig": {"minSize": 3, "desiredSize": 2, "maxSize": 4}},
            "scalingConfig.desiredSize",
            "not between 3 and 4",
            Published("docs.aws.amazon.com/eks/latest/APIReference/API_NodegroupScalingConfig.html"),
        ),
        (
            "the disk beside a launch template",
            {"diskSize": 20},
            "diskSize",
            "launch template",
            moto(
                "InvalidParameterException",
                evidence.cluster,
                evidence.nodes(launchTemplate={"id": "lt-1", "version": "1"}, diskSize=20),
            ),
        ),
        (
            "GPUs without drivers",
            {"instanceTypes": ["g6.2xlarge"]},
            "amiType",
            "no drivers",
            documented(
                "eks.CreateNodegroup.instanceTypes",
                "If you specify a GPU instance type, make sure to also specify an applicable GPU AMI type",
            ),
        ),
        (
            "an image for another processor",
            {"instanceTypes": ["m6g.large"]},
            "amiType",
            "arm64",
            evidence.hardware("m6g.large", arm=True, gpu=False),
        ),
        (
            "an image type beside an image",
            {"launchTemplate": {"id": "@own_image", "version": "1"}},
            "amiType",
            "image of its own",
            documented(
                "eks.CreateNodegroup.amiType", "your launch template uses a custom AMI, then don't specify"
            ),
        ),
    ),
    *_of(
        "aws:rds/instance:Instance",
        {
            "identifier": "second",
            "engine": "postgres",
            "instanceClass": "db.m6g.large",
            "allocatedStorage": 50,
            "storageType": "gp3",
            "username": "colonnade",
            "manageMasterUserPassword": True,
            "dbSubnetGroupName": "@database_subnets",
            "vpcSecurityGroupIds": ["@group"],
            "backupRetentionPeriod": 14,
            "backupWindow": "02:00-03:00",
            "maintenanceWindow": "sun:03:30-sun:04:30",
        },
        (
            "an identifier with two hyphens",
            {"identifier": "colonnade--dev"},
            "identifier",
            "no identifier",
            moto("InvalidParameterValue", evidence.database(DBInstanceIdentifier="colonnade--dev")),
        ),
        (
            "two databases of one identifier",
            {"identifier": "kept"},
            "identifier",
            "kept",
            moto("DBInstanceAlreadyExists", evidence.database(), evidence.database()),
        ),
        (
            "an engine that RDS lacks",
            {"engine": "postgresql"},
            "engine",
            "postgresql",
            moto("InvalidParameterValue", evidence.database(Engine="postgresql")),
        ),
        (
            "backups beyond 35 days",
            {"backupRetentionPeriod": 36},
            "backupRetentionPeriod",
            "0 to 35",
            documented("rds.CreateDBInstance.BackupRetentionPeriod", "Must be a value from 0 to 35"),
        ),
        (
            "backups during maintenance",
            {"backupWindow": "03:00-04:00"},
            "backupWindow",
            "overlaps",
            moto(
                "InvalidParameterValue",
                evidence.database(
                    PreferredBackupWindow="03:00-04:00", PreferredMaintenanceWindow="sun:03:30-sun:04:30"
                ),
            ),
        ),
        (
            "monitoring without a role",
            {"monitoringInterval": 60},
            "monitoringRoleArn",
            "need each other",
            moto("InvalidParameterCombination", evidence.database(MonitoringInterval=60)),
        ),
        (
            "subnets that do not exist",
            {"dbSubnetGroupName": "elsewhere"},
            "dbSubnetGroupName",
            "elsewhere",
            moto("DBSubnetGroupNotFoundFault", evidence.database(DBSubnetGroupName="elsewhere")),
        ),
        (
            "a password beside a managed one",
            {"password": "twelve-chars"},
            "password",
            "where RDS manages it",
            documented(
                "rds.CreateDBInstance.MasterUserPassword",
                "Can't be specified if ManageMasterUserPassword is turned on",
            ),
        ),
        (
            "a disk that is too small",
            {"allocatedStorage": 10},
            "allocatedStorage",
            "20 to 65536",
            documented(
                "rds.CreateDBInstance.AllocatedStorage",
                "General Purpose (SSD) storage (gp2, gp3): Must be an integer from 20 to 65536",
            ),
        ),
        (
            "a class that the region cannot run",
            {"instanceClass": "db.m6g.tiny"},
            "instanceClass",
            "no instance type",
            evidence.not_offered("m6g.tiny"),
        ),
    ),
    *_of(
        "aws:rds/subnetGroup:SubnetGroup",
        {"name": "more", "subnetIds": ["@first", "@second"]},
        (
            "a database in one zone",
            {"subnetIds": ["@first", "@beside"]},
            "subnetIds",
            "two zones",
            Published(
                "docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_VPC.WorkingWithRDSInstanceinaVPC.html"
            ),
        ),
        (
            "a subnet that does not exist",
            {"subnetIds": ["@first", "subnet-0123456789abcdef0"]},
            "subnetIds",
            "subnet-0123456789abcdef0",
            moto(
                "InvalidSubnetID.NotFound",
                lambda c, _: c("rds").create_db_subnet_group(
                    DBSubnetGroupName="more",
                    DBSubnetGroupDescription="x",
                    SubnetIds=["subnet-0123456789abcdef0"],
                ),
            ),
        ),
    ),
    *_of(
        "aws:elasticache/replicationGroup:ReplicationGroup",
        {
            "replicationGroupId": "colonnade",
            "description": "The cache",
            "nodeType": "cache.m6g.large",
            "numCacheClusters": 2,
            "automaticFailoverEnabled": True,
            "multiAzEnabled": True,
            "transitEncryptionEnabled": True,
            "authToken": "sixteen-or-more-characters",
            "subnetGroupName": "@cache_subnets",
            "securityGroupIds": ["@group"],
        },
        (
            "a token in the clear",
            {"transitEncryptionEnabled": False},
            "authToken",
            "transitEncryptionEnabled",
            documented(
                "elasticache.CreateReplicationGroup.AuthToken",
                "can be specified only on replication groups where TransitEncryptionEnabled is true",
            ),
        ),
        (
            "a token that is too short",
            {"authToken": "short"},
            "authToken",
            "16 to 128",
            documented(
                "elasticache.CreateReplicationGroup.AuthToken",
                "at least 16 characters and no more than 128 characters",
            ),
        ),
        (
            "failover to nobody",
            {"numCacheClusters": 1},
            "automaticFailoverEnabled",
            "two nodes",
            documented(
                "elasticache.CreateReplicationGroup.NumCacheClusters",
                "If AutomaticFailoverEnabled is true, the value of this parameter must be at least 2",
            ),
        ),
        (
            "a node type that ElastiCache lacks",
            {"nodeType": "cache.m6g.metal"},
            "nodeType",
            "no node type",
            evidence.undocumented("elasticache.CreateReplicationGroup.CacheNodeType", "cache.m6g.metal"),
        ),
    ),
    *_of(
        "aws:secretsmanager/secret:Secret",
        {"name": "colonnade/mlflow", "recoveryWindowInDays": 7},
        (
            "a window of recovery that is too short",
            {"recoveryWindowInDays": 5},
            "recoveryWindowInDays",
            "7 to 30",
            moto(
                "InvalidParameterException",
                lambda c, _: c("secretsmanager").create_secret(Name="a", SecretString="x"),
                lambda c, _: c("secretsmanager").delete_secret(SecretId="a", RecoveryWindowInDays=5),
            ),
        ),
    ),
    *_of(
        "aws:route53/record:Record",
        {
            "zoneId": "@zone",
            "name": "mlflow.ml.example.com",
            "type": "A",
            "ttl": 60,
            "records": ["10.64.0.11"],
        },
        (
            "two records of one name and type",
            {"name": "lake.ml.example.com"},
            "name",
            "already",
            moto("InvalidChangeBatch", evidence.zone, evidence.record, evidence.record),
        ),
        (
            "a record in no zone",
            {"zoneId": "Z0000000000000000000"},
            "zoneId",
            "Z0000000000000000000",
            moto("NoSuchHostedZone", lambda c, _: evidence.record(c, "Z0000000000000000000")),
        ),
        (
            "a name where an address should be",
            {"records": ["lake.example.com"]},
            "records",
            "no address",
            Published("RFC 1035 3.4.1"),
        ),
        (
            "a CNAME beside an address",
            {"name": "lake.ml.example.com", "type": "CNAME", "records": ["elsewhere.example.com"]},
            "type",
            "stands alone",
            Published("RFC 1034 3.6.2"),
        ),
        (
            "a type that DNS lacks",
            {"type": "ALIAS"},
            "type",
            "ALIAS",
            model("route53.ChangeResourceRecordSets.ChangeBatch.Changes.ResourceRecordSet.Type", "ALIAS"),
        ),
    ),
    *_of(
        "aws:route53/zone:Zone",
        {"name": "internal.example.com", "vpcs": [{"vpcId": "@vpc"}]},
        (
            "two zones of one name for one VPC",
            {"name": "ml.example.com"},
            "name",
            "already",
            evidence.error(
                "route53",
                "ConflictingDomainExists",
                "A hosted zone with the specified name already exists and is already associated",
            ),
        ),
    ),
    *_of(
        "aws:acm/certificate:Certificate",
        {"domainName": "mlflow.ml.example.com", "validationMethod": "DNS"},
        (
            "a certificate for no domain",
            {"domainName": "*.*.example.com"},
            "domainName",
            "does not match",
            model("acm.RequestCertificate.DomainName", "*.*.example.com"),
        ),
    ),
    *_of(
        "aws:macie2/classificationJob:ClassificationJob",
        {
            "name": "lake",
            "jobType": "ONE_TIME",
            "s3JobDefinition": {"bucketDefinitions": [{"accountId": "123456789012", "buckets": ["@lake"]}]},
        },
        (
            "a job that runs whenever",
            {"jobType": "SOMETIMES"},
            "jobType",
            "SOMETIMES",
            model("macie2.CreateClassificationJob.jobType", "SOMETIMES"),
        ),
    ),
    *_of(
        "aws:budgets/budget:Budget",
        {
            "name": "platform",
            "budgetType": "COST",
            "limitAmount": "1000",
            "limitUnit": "USD",
            "timeUnit": "MONTHLY",
        },
        (
            "a budget of a fortnight",
            {"timeUnit": "FORTNIGHTLY"},
            "timeUnit",
            "FORTNIGHTLY",
            model("budgets.CreateBudget.Budget.TimeUnit", "FORTNIGHTLY"),
        ),
    ),
    *_of(
        "aws:cloudtrail/trail:Trail",
        {"name": "colonnade", "s3BucketName": "@trails", "kmsKeyId": "@key.arn"},
        (
            "an illegal name of a trail",
            {"name": "-colonnade"},
            "name",
            "no trail name",
            moto("InvalidTrailNameException", evidence.bucket, evidence.trail("-colonnade")),
        ),
        (
            "a trail into a bucket that does not let it",
            {"s3BucketName": "@lake"},
            "s3BucketName",
            "does not allow cloudtrail.amazonaws.com",
            Published(
                "docs.aws.amazon.com/awscloudtrail/latest/userguide/create-s3-bucket-policy-for-cloudtrail.html"
            ),
        ),
    ),
    *_of(
        "aws:sns/topic:Topic",
        {"name": "alerts"},
        (
            "an illegal name of a topic",
            {"name": "budget alerts"},
            "name",
            "no topic name",
            moto("InvalidParameter", lambda c, _: c("sns").create_topic(Name="budget alerts")),
        ),
    ),
]

DELETIONS: list[Deletion] = [
    Deletion(
        "a VPC with subnets",
        "vpc",
        "id",
        "subnet-",
        moto(
            "DependencyViolation",
            evidence.vpc,
            lambda c, vpc: c("ec2").create_subnet(VpcId=vpc, CidrBlock="10.64.0.0/24") and vpc,
            lambda c, vpc: c("ec2").delete_vpc(VpcId=vpc),
        ),
    ),
    Deletion(
        "a role that has policies",
        "worker",
        "id",
        "AmazonEKSWorkerNodePolicy",
        moto(
            "DeleteConflict",
            evidence.role,
            lambda c, _: c("iam").put_role_policy(
                RoleName="worker", PolicyName="p", PolicyDocument=json.dumps(document(READ))
            ),
            lambda c, _: c("iam").delete_role(RoleName="worker"),
        ),
    ),
    Deletion(
        "a policy that a role has",
        "policy",
        "id",
        "worker",
        evidence.operation(
            "iam", "DeletePolicy", "Before you can delete a managed policy, you must first detach the policy"
        ),
    ),
    Deletion(
        "a cluster with nodes",
        "cluster",
        "id",
        "general",
        moto(
            "ResourceInUseException",
            evidence.cluster,
            evidence.nodes(),
            lambda c, _: c("eks").delete_cluster(name="colonnade"),
        ),
    ),
    Deletion(
        "a database that is protected",
        "database",
        "deletionProtection",
        "run up",
        moto(
            "InvalidParameterCombination",
            evidence.database(DeletionProtection=True),
            lambda c, _: c("rds").delete_db_instance(DBInstanceIdentifier="kept", SkipFinalSnapshot=True),
        ),
    ),
    Deletion(
        "a zone with records",
        "zone",
        "id",
        "lake.ml.example.com",
        moto(
            "HostedZoneNotEmpty",
            evidence.zone,
            evidence.record,
            lambda c, zone: c("route53").delete_hosted_zone(Id=zone),
        ),
    ),
    Deletion(
        "a bucket with objects",
        "lake",
        "forceDestroy",
        "holds objects",
        moto(
            "BucketNotEmpty",
            evidence.bucket,
            lambda c, name: c("s3").put_object(Bucket=name, Key="raw/a.parquet", Body=b"") and name,
            lambda c, name: c("s3").delete_bucket(Bucket=name),
        ),
        objects={"colonnade-lake": "raw/a.parquet"},
    ),
]
