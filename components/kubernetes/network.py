"""Network policies: what a pod may reach and who may reach it; all else is refused."""

from collections.abc import Mapping, Sequence
from typing import Final

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes import meta, networking

from components.foundation.contract import Peer

NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"
# The cluster's DNS bears this label wherever Kubernetes is. Its pods may listen at another port than the 53
# of their Service (1053 where they are unprivileged), and policies see that one: the pods are named, and no
# port.
DNS: Final = Peer("kube-system", {"k8s-app": "kube-dns"})
# Where NodeLocal DNSCache listens on nodes that run it; a host address, which no pod selector matches.
NODE_LOCAL_DNS: Final = "169.254.20.10/32"
# The API server is no pod. Its address is known to no program that also runs before the cluster exists, and
# policies see it after address translation: 443 on managed clusters, 6443 elsewhere.
API_SERVER_PORTS: Final = (443, 6443)
ANYWHERE: Final = "0.0.0.0/0"


def policy(
    name: str,
    namespace: pulumi.Input[str],
    labels: Mapping[str, str],
    selector: Mapping[str, str],
    *,
    ports: Sequence[int] = (),
    callers: Sequence[Peer] = (),
    callees: Sequence[tuple[Peer, int]] = (),
    open_egress: Sequence[tuple[str, int]] = (),
    kubernetes_api: bool = False,
    opts: pulumi.ResourceOptions,
) -> kubernetes.networking.v1.NetworkPolicy:
    """Creates the policy of the selected pods: callers at all ports, callees, DNS, and nothing else."""
    egress = [_to(_pods(DNS)), _to(_block(NODE_LOCAL_DNS), [("UDP", 53), ("TCP", 53)])]
    egress += [_to(_pods(peer), [("TCP", port)]) for peer, port in callees]
    egress += [_to(_block(cidr), [("TCP", port)]) for cidr, port in open_egress]
    if kubernetes_api:
        egress.append(_to(_block(ANYWHERE), [("TCP", port) for port in API_SERVER_PORTS]))
    ingress = [
        networking.v1.NetworkPolicyIngressRuleArgs(
            from_=[_pods(peer) for peer in callers],
            ports=[networking.v1.NetworkPolicyPortArgs(protocol="TCP", port=port) for port in ports],
        )
    ]
    return kubernetes.networking.v1.NetworkPolicy(
        name,
        metadata=meta.v1.ObjectMetaArgs(name=name, namespace=namespace, labels=dict(labels)),
        spec=networking.v1.NetworkPolicySpecArgs(
            pod_selector=meta.v1.LabelSelectorArgs(match_labels=dict(selector)),
            policy_types=["Ingress", "Egress"],
            # A rule without peers or without ports would admit everyone or everything.
            ingress=ingress if callers and ports else [],
            egress=egress,
        ),
        opts=opts,
    )


def default_deny(
    name: str, namespace: pulumi.Input[str], labels: Mapping[str, str], opts: pulumi.ResourceOptions
) -> kubernetes.networking.v1.NetworkPolicy:
    """Creates the policy by which a namespace refuses every connection that no other policy admits."""
    return kubernetes.networking.v1.NetworkPolicy(
        name,
        metadata=meta.v1.ObjectMetaArgs(name="default-deny", namespace=namespace, labels=dict(labels)),
        spec=networking.v1.NetworkPolicySpecArgs(
            pod_selector=meta.v1.LabelSelectorArgs(), policy_types=["Ingress", "Egress"]
        ),
        opts=opts,
    )


def _to(
    peer: networking.v1.NetworkPolicyPeerArgs, ports: Sequence[tuple[str, int]] = ()
) -> networking.v1.NetworkPolicyEgressRuleArgs:
    """Returns a rule that admits connections to the peer at the ports, at every port without any."""
    return networking.v1.NetworkPolicyEgressRuleArgs(
        to=[peer],
        ports=[networking.v1.NetworkPolicyPortArgs(protocol=protocol, port=port) for protocol, port in ports]
        or None,
    )


def _block(cidr: str) -> networking.v1.NetworkPolicyPeerArgs:
    """Returns a range of addresses as policies select it."""
    return networking.v1.NetworkPolicyPeerArgs(ip_block=networking.v1.IPBlockArgs(cidr=cidr))


def _pods(peer: Peer) -> networking.v1.NetworkPolicyPeerArgs:
    """Returns the peer as policies select it: pods of one namespace, all of them where it has no labels."""
    return networking.v1.NetworkPolicyPeerArgs(
        namespace_selector=meta.v1.LabelSelectorArgs(match_labels={NAMESPACE_LABEL: peer.namespace}),
        pod_selector=meta.v1.LabelSelectorArgs(match_labels=dict(peer.labels)) if peer.labels else None,
    )
