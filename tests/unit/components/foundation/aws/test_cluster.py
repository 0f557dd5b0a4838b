"""EKS: what is refused, what goes over the wire, and how the program reaches it."""

import dataclasses
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.rehearsal.aws import policies
from components.base import ArgsError
from components.foundation.aws import cluster_documents
from components.foundation.aws.cluster import VERSIONS, expiring, faults, kubeconfig
from components.foundation.aws.documents import Document, render
from tests.unit.components.foundation.aws import eks

GOLDEN = Path(__file__).parent / "golden"
ADDON = "aws:eks/addon:Addon"
LOGS = "aws:cloudwatch/logGroup:LogGroup"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
OIDC = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
CLASS = "kubernetes:storage.k8s.io/v1:StorageClass"
API = "pulumi:providers:kubernetes"
ATTACHMENT = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"

DOCUMENTS: dict[str, tuple[Document, Any]] = {
    "cluster-trust": (cluster_documents.service_trust("eks.amazonaws.com"), policies.trust),
    "node-trust": (cluster_documents.service_trust("ec2.amazonaws.com"), policies.trust),
    "volumes": (cluster_documents.disks(eks.DISK_KEY), policies.identity),
    "autoscaler": (cluster_documents.autoscaler("prod", eks.ACCOUNT, eks.REGION), policies.identity),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_are_as_committed_and_what_aws_takes(name: str) -> None:
    document, judge = DOCUMENTS[name]
    assert document == json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
    assert judge(render(document)) is None


def test_the_autoscaler_changes_groups_of_its_own_cluster_alone() -> None:
    for statement in DOCUMENTS["autoscaler"][0]["Statement"]:
        actions = statement["Action"]
        changing = [
            action
            for action in ([actions] if isinstance(actions, str) else actions)
            if not action.partition(":")[2].startswith(("Describe", "Get"))
        ]
        assert not changing or "aws:ResourceTag/k8s.io/cluster-autoscaler/prod" in json.dumps(statement)


def test_the_cluster_is_private_encrypted_and_logged(run_cluster: Any) -> None:
    recorded = run_cluster()
    cluster, logs = recorded.one(eks.CLUSTER), recorded.one(LOGS)
    assert cluster.inputs["name"] == "prod"
    assert cluster.inputs["version"] == "1.35"
    assert cluster.inputs["vpcConfig"] == {
        "subnetIds": ["subnet-a", "subnet-b", "subnet-c"],
        "endpointPrivateAccess": True,
        "endpointPublicAccess": False,
    }
    assert cluster.inputs["encryptionConfig"] == {
        "provider": {"keyArn": "secrets-key"},
        "resources": ["secrets"],
    }
    assert sorted(cluster.inputs["enabledClusterLogTypes"]) == [
        "api",
        "audit",
        "authenticator",
        "controllerManager",
        "scheduler",
    ]
    assert cluster.inputs["accessConfig"] == {
        "authenticationMode": "API",
        "bootstrapClusterCreatorAdminPermissions": True,
    }
    assert logs.inputs["name"] == "/aws/eks/prod/cluster"
    assert logs.inputs["kmsKeyId"] == "log-key"
    assert logs.inputs["retentionInDays"] == 365
    # EKS would make the group itself, were it not there before.
    assert logs.urn in cluster.dependencies


@pytest.mark.parametrize("protect", [True, False])
def test_production_refuses_deletion(run_cluster: Any, protect: bool) -> None:
    cluster = run_cluster(protect=protect).one(eks.CLUSTER)
    assert cluster.inputs["deletionProtection"] is protect
    assert cluster.protect is protect


def test_an_allow_list_opens_the_public_address_for_it_alone(run_cluster: Any) -> None:
    opened = run_cluster(allowed_cidrs=["198.51.100.0/24"]).one(eks.CLUSTER).inputs["vpcConfig"]
    assert opened["endpointPrivateAccess"] is True
    assert opened["endpointPublicAccess"] is True
    assert opened["publicAccessCidrs"] == ["198.51.100.0/24"]


def test_connected_networks_reach_the_api_server(run_cluster: Any) -> None:
    recorded = run_cluster()
    rules = {rule.name: rule.inputs for rule in recorded.all(RULE)}
    assert {rule["cidrIpv4"] for rule in rules.values()} == {"10.0.0.0/20", "10.1.0.0/20"}
    for rule in rules.values():
        assert (rule["fromPort"], rule["toPort"], rule["ipProtocol"]) == (443, 443, "tcp")
        assert rule["securityGroupId"] == "sg-1"
    assert recorded.value(recorded.result.security_group_id) == "sg-1"
    # The rule of a network stays its own when another one goes.
    fewer = run_cluster(connected_cidrs=["10.1.0.0/20"]).all(RULE)
    assert [rule.name for rule in fewer] == [name for name in rules if "10.1." in name]


def test_iam_trusts_the_service_accounts_of_the_cluster(run_cluster: Any) -> None:
    recorded = run_cluster()
    provider = recorded.one(OIDC).inputs
    assert provider["url"] == f"https://{eks.ISSUER}"
    assert provider["clientIdLists"] == ["sts.amazonaws.com"]
    assert recorded.value(recorded.result.oidc_issuer_host) == eks.ISSUER
    assert recorded.value(recorded.result.oidc_provider_arn) == eks.PROVIDER


def test_add_ons_are_those_of_the_version_and_the_network_enforces_policies(run_cluster: Any) -> None:
    addons = {addon.inputs["addonName"]: addon.inputs for addon in run_cluster().all(ADDON)}
    assert set(addons) == {"vpc-cni", "coredns", "kube-proxy", "aws-ebs-csi-driver", "metrics-server"}
    for name, addon in addons.items():
        assert addon["addonVersion"] == f"v1.35-{name}"
    assert json.loads(addons["vpc-cni"]["configurationValues"]) == {"enableNetworkPolicy": "true"}
    role = f"arn:aws:iam::{eks.ACCOUNT}:role"
    assert addons["vpc-cni"]["serviceAccountRoleArn"] == f"{role}/prod-vpc-cni"
    assert addons["aws-ebs-csi-driver"]["serviceAccountRoleArn"] == f"{role}/prod-ebs-csi"


def test_volumes_are_encrypted_with_our_key_and_bear_our_tags(run_cluster: Any) -> None:
    recorded = run_cluster()
    volumes = recorded.one(CLASS)
    assert volumes.inputs["metadata"]["annotations"] == {
        "storageclass.kubernetes.io/is-default-class": "true"
    }
    assert volumes.inputs["parameters"] == {"type": "gp3", "encrypted": "true", "kmsKeyId": eks.DISK_KEY}
    (driver,) = [it for it in recorded.all(ADDON) if it.inputs["addonName"] == "aws-ebs-csi-driver"]
    assert json.loads(driver.inputs["configurationValues"]) == {"controller": {"extraVolumeTags": eks.TAGS}}


def test_roles_have_what_their_service_needs_and_no_more(run_cluster: Any) -> None:
    attached: dict[str, set[str]] = {}
    for it in run_cluster().all(ATTACHMENT):
        attached.setdefault(it.inputs["role"], set()).add(it.inputs["policyArn"].rpartition("/")[2])
    assert attached == {
        "prod-cluster": {"AmazonEKSClusterPolicy"},
        "prod-node": {"AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"},
        "prod-vpc-cni": {"AmazonEKS_CNI_Policy"},
        "prod-ebs-csi": {"AmazonEBSCSIDriverPolicy"},
    }


def test_nodes_come_after_what_they_need_to_become_ready(run_cluster: Any) -> None:
    recorded = run_cluster()
    needed = {it.urn for it in recorded.all(ADDON) if it.inputs["addonName"] in ("vpc-cni", "kube-proxy")}
    pools = recorded.all("colonnade:index:AwsNodePool")
    assert len(pools) == len(eks.POOLS)
    for pool in pools:
        # A child is registered once its component is, and that once what it depends on is there.
        assert needed <= set(pool.dependencies)


def test_every_child_uses_an_explicit_provider(run_cluster: Any) -> None:
    recorded = run_cluster()
    seen = set()
    for it in recorded.resources:
        package = it.type.partition(":")[0]
        if it.custom and package in ("aws", "kubernetes"):
            assert (
                f"pulumi:providers:{package}::{'aws' if package == 'aws' else 'kubernetes'}::" in it.provider
            )
            seen.add(package)
    assert seen == {"aws", "kubernetes"}


def test_no_two_resources_of_a_type_bear_one_name(run_cluster: Any) -> None:
    names = [(it.type, it.inputs["tags"]["Name"]) for it in run_cluster().resources if it.inputs.get("tags")]
    assert len(names) > 20
    assert len(names) == len(set(names))


def test_the_provider_survives_a_new_address_of_the_same_cluster(run_cluster: Any) -> None:
    recorded = run_cluster()
    api = recorded.one(API).inputs
    assert api["clusterIdentifier"] == f"arn:aws:eks:{eks.REGION}:{eks.ACCOUNT}:cluster/prod"
    assert api["enableServerSideApply"] == "true"
    assert json.loads(api["kubeconfig"]) == json.loads(kubeconfig("prod", eks.ENDPOINT, "Q0E=", eks.REGION))
    access = recorded.result.access
    assert access.pools == ["system", "general", "gpu", "gpuspot"]
    assert access.context == "prod"


def test_the_kubeconfig_holds_no_secret() -> None:
    config = json.loads(kubeconfig("prod", "https://api.example.com", "Q0E=", "eu-central-1"))
    assert config == json.loads((GOLDEN / "kubeconfig.json").read_text(encoding="utf-8"))
    (user,) = config["users"]
    assert set(user["user"]) == {"exec"}


NAME = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)


@given(NAME, NAME, NAME)
def test_a_kubeconfig_is_complete(name: str, authority: str, region: str) -> None:
    config = json.loads(kubeconfig(name, f"https://{name}.example.com", authority, region))
    (cluster,), (user,), (context,) = config["clusters"], config["users"], config["contexts"]
    assert context["name"] == config["current-context"]
    assert context["context"] == {"cluster": cluster["name"], "user": user["name"]}
    words = user["user"]["exec"]["args"]
    assert words[words.index("--cluster-name") + 1] == name
    assert words[words.index("--region") + 1] == region


def test_all_faults_are_told_at_once(run_cluster: Any) -> None:
    with pytest.raises(ArgsError) as raised:
        run_cluster(
            version="1.27",
            subnet_ids=["subnet-a"],
            pools=[dataclasses.replace(eks.GENERAL, min=9, max=3)],
            allowed_cidrs=["10.3.0.0/16", "0.0.0.0/0"],
            connected_cidrs=["172.20.4.0/24"],
        )
    text = str(raised.value)
    for expected in (
        "pool 'general': min 9 and max 3",
        "no pool has purpose system",
        "EKS has no version '1.27' in standard support; give one of",
        "subnets in two zones",
        "the allow-list is everybody",
        "network 10.3.0.0/16 on the allow-list is private",
        "network 172.20.4.0/24 shares addresses with the cluster's services",
    ):
        assert expected in text
    assert text.count("AwsCluster cluster: ") == 7


def test_arguments_that_fit_have_no_faults() -> None:
    assert faults(eks.arguments()) == []
    assert faults(eks.arguments(private_endpoint=False, allowed_cidrs=["198.51.100.0/24"])) == []


def test_everybody_is_everybody_in_two_halves_as_well() -> None:
    (fault,) = faults(eks.arguments(allowed_cidrs=["0.0.0.0/1", "128.0.0.0/1"]))
    assert "everybody" in fault


def test_a_public_api_server_without_a_list_is_refused() -> None:
    (fault,) = faults(eks.arguments(private_endpoint=False))
    assert "give allowed_cidrs" in fault


def test_a_version_whose_standard_support_ended_is_told_and_stays(run_cluster: Any) -> None:
    for version, end in VERSIONS.items():
        assert expiring(version, end) is None
        warning = expiring(version, date.fromordinal(end.toordinal() + 1))
        assert warning is not None
        assert str(end) in warning
        assert run_cluster(version=version).one(eks.CLUSTER).inputs["version"] == version
    # AWS upgrades nothing by itself meanwhile.
    assert run_cluster().one(eks.CLUSTER).inputs["upgradePolicy"] == {"supportType": "EXTENDED"}
