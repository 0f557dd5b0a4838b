"""The edge on AWS: names, a certificate and an internal load balancer before the edge of every foundation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
import pulumi_aws as aws
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes import meta

from components.base import Component
from components.foundation.aws.tags import tags
from components.foundation.contract import EdgeAccess
from components.foundation.edge import Edge, EdgeArgs, EdgeError, SingleSignOnSettings
from components.kubernetes.chart import Chart, ChartArgs
from components.kubernetes.namespace import Namespace, NamespaceArgs
from components.kubernetes.network import policy

CERTIFICATES_NAMESPACE: Final = "colonnade-certificates"
ISSUER: Final = "colonnade-inside"
_PART: Final = "cert-manager"
_BALANCER: Final = "service.beta.kubernetes.io/aws-load-balancer"
_TTL: Final = 60


@dataclass(frozen=True)
class AwsEdgeArgs:
    """Arguments of `AwsEdge`: one source of the certificate, and what `Edge` needs.

    Attributes:
        environment: Name of the environment.
        vpc_id: The network.
        cidr: Its addresses.
        connected_cidrs: Networks joined to it, whose people reach the platform.
        namespace: Namespace of the Gateway, which exists already.
        image: Image of Traefik.
        certificate_manager_image: Image of cert-manager's controller; its other parts are beside it.
        domain: Every service is a label below it.
        gateway_crds: Paths or URLs of the manifests that define the Gateway API.
        route_namespaces: Namespaces that may attach routes.
        zone_id: Hosted zone of the domain; a private one is made where not given.
        validation_zone_id: Public hosted zone of the domain, in which the certificate proves itself.
        certificate_arn: A certificate that AWS has already, instead.
        certificate, private_key: PEM chain and key, instead: then TLS ends in the cluster alone.
        replicas: Number of Traefik pods.
        pool: Node pool, None for any.
        single_sign_on: Identity provider of the routes that ask for it, None for none.
        chart_source, chart_location: Where operators' charts come from; see `ChartArgs`.
    """

    environment: str
    vpc_id: pulumi.Input[str]
    cidr: str
    connected_cidrs: Sequence[str]
    namespace: str
    image: pulumi.Input[str]
    certificate_manager_image: str
    domain: str
    gateway_crds: Sequence[str]
    route_namespaces: Sequence[str]
    zone_id: str | None = None
    validation_zone_id: str | None = None
    certificate_arn: str | None = None
    certificate: pulumi.Input[str] | None = None
    private_key: pulumi.Input[str] | None = None
    replicas: int = 1
    pool: str | None = None
    single_sign_on: SingleSignOnSettings | None = None
    chart_source: str = "upstream"
    chart_location: str | None = None


class AwsEdge(Component[AwsEdgeArgs]):
    """One internal entry: a network load balancer that the network and those joined to it reach.

    The caller's options carry explicit providers: aws and kubernetes, and random for single sign-on.

    Guarantees: no public address; TLS all the way to the cluster. With a certificate of AWS's the load
    balancer ends it and begins another to Traefik, since AWS hands no private key out; with a certificate of
    your own it passes through.

    Attributes:
        access: The entry as services see it.
        name_servers: Those of the zone that was made; none where it existed.

    Without a certificate of your own, clients of gRPC do not get through from outside the cluster: they
    insist on ALPN, which the cluster's controller gives no listener. HTTP does.

    Raises:
        EdgeError: There is no certificate, or more than one; names every fault.
    """

    args_type = AwsEdgeArgs

    access: EdgeAccess
    name_servers: pulumi.Input[Sequence[str]]

    def build(self, args: AwsEdgeArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        if found := faults(args):
            raise EdgeError("; ".join(f"AwsEdge {self.name}: {fault}" for fault in found))
        zone_id = self._zone(args)
        annotations = balancer()
        definitions = kubernetes.yaml.v2.ConfigGroup(
            f"{self.name}-definitions", files=list(args.gateway_crds), opts=self.child()
        )
        ready: list[pulumi.Resource] = [definitions]
        if args.certificate is None:
            annotations |= terminating(self._certificate(args))
            ready.append(self._issuer(args, definitions))
        edge = Edge(
            self.name,
            EdgeArgs(
                namespace=args.namespace,
                image=args.image,
                domain=args.domain,
                gateway_crds=[],
                route_namespaces=args.route_namespaces,
                certificate=args.certificate,
                private_key=args.private_key,
                issuer=ISSUER if args.certificate is None else None,
                replicas=args.replicas,
                pool=args.pool,
                load_balancer=annotations,
                single_sign_on=args.single_sign_on,
                source_ranges=[args.cidr, *args.connected_cidrs],
            ),
            self.child(depends_on=ready),
        )
        aws.route53.Record(
            self.name,
            zone_id=zone_id,
            name=f"*.{args.domain}",
            type="CNAME",
            ttl=_TTL,
            records=[edge.hostname],
            opts=self.child(),
        )
        self.access = edge.access
        return {"domain": args.domain}

    def _zone(self, args: AwsEdgeArgs) -> pulumi.Input[str]:
        if args.zone_id is not None:
            self.name_servers = []
            return args.zone_id
        zone = aws.route53.Zone(
            self.name,
            name=args.domain,
            comment=f"{args.environment}: names inside the network",
            vpcs=[aws.route53.ZoneVpcArgs(vpc_id=args.vpc_id)],
            force_destroy=False,
            tags=tags(self.name),
            opts=self.child(),
        )
        self.name_servers = zone.name_servers
        return zone.zone_id

    def _certificate(self, args: AwsEdgeArgs) -> pulumi.Input[str]:
        """Returns the ARN of the certificate, known once it is valid."""
        if args.certificate_arn is not None or args.validation_zone_id is None:
            return str(args.certificate_arn)
        certificate = aws.acm.Certificate(
            self.name,
            domain_name=args.domain,
            subject_alternative_names=[f"*.{args.domain}"],
            validation_method="DNS",
            key_algorithm="EC_prime256v1",
            tags=tags(self.name),
            opts=self.child(),
        )
        # Domain and wildcard are proven by one record.
        proof = certificate.domain_validation_options[0]
        record = aws.route53.Record(
            f"{self.name}-validation",
            zone_id=args.validation_zone_id,
            name=proof.resource_record_name.apply(str),
            type=proof.resource_record_type.apply(str),
            records=[proof.resource_record_value.apply(str)],
            ttl=_TTL,
            # Environments of one domain share the proof of the account.
            allow_overwrite=True,
            opts=self.child(),
        )
        return aws.acm.CertificateValidation(
            self.name,
            certificate_arn=certificate.arn,
            validation_record_fqdns=[record.fqdn],
            opts=self.child(),
        ).certificate_arn

    def _issuer(self, args: AwsEdgeArgs, definitions: pulumi.Resource) -> pulumi.Resource:
        """Creates cert-manager and the issuer of what Traefik shows the load balancer, which asks none."""
        namespace = Namespace(CERTIFICATES_NAMESPACE, NamespaceArgs(), self.child())
        reach = policy(
            _PART,
            namespace.namespace,
            {},
            {"app.kubernetes.io/instance": _PART},
            kubernetes_api=True,
            opts=self.child(depends_on=[namespace]),
        )
        webhook = kubernetes.networking.v1.NetworkPolicy(
            f"{_PART}-webhook",
            metadata=meta.v1.ObjectMetaArgs(name=f"{_PART}-webhook", namespace=namespace.namespace),
            spec={
                "pod_selector": {"match_labels": {"app.kubernetes.io/component": "webhook"}},
                "policy_types": ["Ingress"],
                # The API server is no pod, so no selector finds it.
                "ingress": [{"ports": [{"protocol": "TCP", "port": 10250}]}],
            },
            opts=self.child(depends_on=[namespace]),
        )
        chart = Chart(
            _PART,
            ChartArgs(
                part=_PART,
                namespace=namespace.namespace,
                values=certificate_manager_values(args.certificate_manager_image, args.replicas, args.pool),
                source=args.chart_source,
                location=args.chart_location,
            ),
            # It looks for the definitions once, when it starts.
            self.child(depends_on=[reach, webhook, definitions]),
        )
        return kubernetes.apiextensions.CustomResource(
            f"{self.name}-issuer",
            api_version="cert-manager.io/v1",
            kind="ClusterIssuer",
            metadata=meta.v1.ObjectMetaArgs(
                name=ISSUER, annotations={"pulumi.com/waitFor": "condition=Ready"}
            ),
            spec={"selfSigned": {}},
            opts=self.child(depends_on=[chart]),
        )


def faults(args: AwsEdgeArgs) -> list[str]:
    """Returns what contradicts itself in the arguments."""
    found = []
    sources = {
        "validation_zone_id": args.validation_zone_id,
        "certificate_arn": args.certificate_arn,
        "certificate": args.certificate,
    }
    given = [name for name, source in sources.items() if source is not None]
    if len(given) != 1:
        found.append(f"give one of {', '.join(sources)}; given are {', '.join(given) or 'none'}")
    if (args.certificate is None) != (args.private_key is None):
        found.append("certificate and private_key come together")
    if args.certificate is None and "@" in args.certificate_manager_image:
        # Its other images are of the same tag, but of digests that nobody has said.
        found.append(f"certificate_manager_image {args.certificate_manager_image}: give it by tag")
    return found


def balancer() -> dict[str, pulumi.Input[str]]:
    """Returns by what a Service asks for an internal network load balancer over all zones.

    Source: kubernetes/cloud-provider-aws, docs/service_controller.md.
    """
    return {
        f"{_BALANCER}-type": "nlb",
        f"{_BALANCER}-internal": "true",
        f"{_BALANCER}-cross-zone-load-balancing-enabled": "true",
    }


def terminating(certificate_arn: pulumi.Input[str]) -> dict[str, pulumi.Input[str]]:
    """Returns by what the load balancer ends TLS with a certificate of AWS's, and begins another one."""
    return {
        f"{_BALANCER}-ssl-cert": certificate_arn,
        f"{_BALANCER}-ssl-ports": "https",
        f"{_BALANCER}-ssl-negotiation-policy": "ELBSecurityPolicy-TLS13-1-2-2021-06",
        f"{_BALANCER}-backend-protocol": "ssl",
    }


def certificate_manager_values(image: str, replicas: int, pool: str | None) -> dict[str, Any]:
    """Returns the values of cert-manager's chart.

    Args:
        image: Image of its controller, by exact tag; its other parts are beside it under their own names.
        replicas: Replicas of each part.
        pool: Node pool, None for any.
    """
    repository, _, tag = image.rpartition(":")
    beside = repository.removesuffix("-controller")
    part = {
        "replicaCount": replicas,
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "256Mi"}},
        **({"nodeSelector": {"colonnade.io/pool": pool}} if pool else {}),
    }
    return {
        **part,
        "crds": {"enabled": True, "keep": False},
        "image": {"repository": repository, "tag": tag},
        "webhook": {**part, "image": {"repository": f"{beside}-webhook", "tag": tag}},
        "cainjector": {**part, "image": {"repository": f"{beside}-cainjector", "tag": tag}},
        # Else it elects in kube-system, with a Role there.
        "global": {"leaderElection": {"namespace": CERTIFICATES_NAMESPACE}},
        # A hook, which never runs here; that the issuer is ready says the same.
        "startupapicheck": {"enabled": False},
        "config": {
            "apiVersion": "controller.config.cert-manager.io/v1alpha1",
            "kind": "ControllerConfiguration",
            "enableGatewayAPI": True,
        },
    }
