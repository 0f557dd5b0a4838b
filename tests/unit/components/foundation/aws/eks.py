"""A cluster as the tests of its parts build it, and what AWS would answer."""

from typing import Any

import pulumi
import pulumi_aws as aws

from components.foundation.aws.cluster import AwsCluster, AwsClusterArgs
from components.foundation.aws.pools import AcceleratorArgs, PoolArgs, TaintArgs

CLUSTER = "aws:eks/cluster:Cluster"
GROUP = "aws:eks/nodeGroup:NodeGroup"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
TAG = "aws:autoscaling/tag:Tag"
ROLE = "aws:iam/role:Role"
HELM = "kubernetes:helm.sh/v4:Chart"
VERSION = "aws:eks/getAddonVersion:getAddonVersion"
ACCOUNT = "123456789012"
REGION = "eu-central-1"
ENDPOINT = "https://A1.gr7.eu-central-1.eks.amazonaws.com"
ISSUER = "oidc.eks.eu-central-1.amazonaws.com/id/A1"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
DISK_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/5f1c"
TAGS = {"owner": "platform-team", "environment": "prod"}

SYSTEM = PoolArgs("system", "system", "m6i.large", min=2, max=3)
GENERAL = PoolArgs("general", "general", "m6i.xlarge", min=3, max=12)
GPU = PoolArgs("gpu", "gpu", "g6.2xlarge", min=0, max=4, accelerator=AcceleratorArgs("nvidia-l4"))
SPOT = PoolArgs(
    "gpuspot",
    "gpu",
    "g6.2xlarge",
    min=0,
    max=8,
    spot=True,
    accelerator=AcceleratorArgs("nvidia-l4", 1),
    taints=[TaintArgs("nvidia.com/gpu"), TaintArgs("example.com/spot", "yes", "PreferNoSchedule")],
)
POOLS = (SYSTEM, GENERAL, GPU, SPOT)

OUTPUTS: dict[str, Any] = {
    CLUSTER: lambda resource: {
        "arn": f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{resource.inputs['name']}",
        "endpoint": ENDPOINT,
        "certificateAuthority": {"data": "Q0E="},
        "identities": [{"oidcs": [{"issuer": f"https://{ISSUER}"}]}],
        "vpcConfig": {**resource.inputs["vpcConfig"], "clusterSecurityGroupId": "sg-1"},
    },
    GROUP: lambda resource: {"resources": [{"autoscalingGroups": [{"name": f"scaled-{resource.name}"}]}]},
    TEMPLATE: {"latestVersion": 3},
    ROLE: lambda resource: {"arn": f"arn:aws:iam::{ACCOUNT}:role/{resource.inputs['name']}"},
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": {"arn": PROVIDER},
}
CALLS: dict[str, Any] = {
    VERSION: lambda asked: {"version": f"v{asked['kubernetesVersion']}-{asked['addonName']}"}
}


def arguments(**changes: Any) -> AwsClusterArgs:
    """Returns the arguments of a cluster in production, but for the changes."""
    given: dict[str, Any] = {
        "environment": "prod",
        "account": ACCOUNT,
        "region": REGION,
        "version": "1.35",
        "vpc_id": "vpc-1",
        "cidr": "10.64.0.0/16",
        "subnet_ids": ["subnet-a", "subnet-b", "subnet-c"],
        "secrets_key_arn": "secrets-key",
        "disk_key_arn": DISK_KEY,
        "log_key_arn": "log-key",
        "log_retention_days": 365,
        "pools": POOLS,
        "connected_cidrs": ["10.0.0.0/20", "10.1.0.0/20"],
        "tags": TAGS,
        "protect": True,
    }
    return AwsClusterArgs(**(given | changes))


def cluster(**changes: Any) -> AwsCluster:
    """Builds the cluster."""
    provider = aws.Provider("aws", region=REGION)
    return AwsCluster("cluster", arguments(**changes), pulumi.ResourceOptions(providers=[provider]))
