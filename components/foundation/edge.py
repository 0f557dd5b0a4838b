"""The edge of every foundation: a Gateway served by Traefik, the one way in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_kubernetes import core, meta, networking, rbac

from components.base import Component
from components.foundation.contract import EdgeAccess, SingleSignOnAccess
from components.foundation.single_sign_on import NAME as SIGN_ON
from components.foundation.single_sign_on import PORT as SIGN_ON_PORT
from components.foundation.single_sign_on import SingleSignOn, SingleSignOnArgs
from components.kubernetes.network import ANYWHERE, NAMESPACE_LABEL
from components.kubernetes.workload import Probe, Workload, WorkloadArgs, pods_of

GATEWAY = "colonnade"
_LISTENER = "https"
# By which requests come back from those who have signed in.
_INSIDE = "inside"
_API = "gateway.networking.k8s.io"
_CONTROLLER = "traefik.io/gateway-controller"
# Below 1024 a process needs a capability; the Service maps 80 and 443 to these.
_HTTP, _HTTPS, _SIGNED_IN, _PING = 8000, 8443, 8001, 8082
_ROUTES = ["httproutes", "grpcroutes", "referencegrants", "backendtlspolicies"]


class EdgeError(ValueError):
    """Settings of the edge that contradict each other."""


def arguments(
    namespaces: Sequence[str],
    gateway_namespace: str,
    service: str,
    addresses: Sequence[str],
    single_sign_on: bool = False,
) -> list[str]:
    """Returns the command line of Traefik: Gateway API alone, HTTPS alone, nothing sent home.

    Args:
        namespaces: Namespaces whose routes and services it watches.
        gateway_namespace: Namespace of the Service.
        service: Service in front of it, whose address the Gateway reports when there are no `addresses`.
        addresses: Addresses outside the cluster under which people reach it.
        single_sign_on: Whether requests come back from those who have signed in.
    """
    provider = "--providers.kubernetesgateway"
    status = (
        [f"{provider}.statusaddress.ip={addresses[0]}"]
        if addresses
        else [
            f"{provider}.statusaddress.service.namespace={gateway_namespace}",
            f"{provider}.statusaddress.service.name={service}",
        ]
    )
    inside = [
        f"--entrypoints.{_INSIDE}.address=:{_SIGNED_IN}",
        # What the browser asked for is known from the entry before it; nobody else gets here.
        f"--entrypoints.{_INSIDE}.forwardedheaders.insecure=true",
        f"--entrypoints.{_INSIDE}.transport.respondingtimeouts.readtimeout=3600s",
    ]
    return [
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--api=false",
        "--log.level=INFO",
        "--log.format=json",
        f"--entrypoints.http.address=:{_HTTP}",
        "--entrypoints.http.http.redirections.entrypoint.to=:443",
        "--entrypoints.http.http.redirections.entrypoint.scheme=https",
        f"--entrypoints.https.address=:{_HTTPS}",
        # A model of many gigabytes is one request; the default ends it after a minute.
        "--entrypoints.https.transport.respondingtimeouts.readtimeout=3600s",
        *(inside if single_sign_on else []),
        f"--entrypoints.ping.address=:{_PING}",
        "--ping.entrypoint=ping",
        f"{provider}=true",
        f"{provider}.namespaces={','.join(namespaces)}",
        *status,
    ]


@dataclass(frozen=True)
class SingleSignOnSettings:
    """The identity provider that people sign in with; see `SingleSignOnArgs`."""

    image: pulumi.Input[str]
    issuer_url: str
    client_id: str
    client_secret: pulumi.Input[str]


@dataclass(frozen=True)
class EdgeArgs:
    """Arguments of `Edge`: either `certificate` and `private_key`, or `issuer`.

    Attributes:
        namespace: Namespace of the Gateway, which exists already.
        image: Image of Traefik.
        domain: Every service is a label below it.
        gateway_crds: Paths or URLs of the manifests that define the Gateway API; none where the cluster
            has it.
        route_namespaces: Namespaces that may attach routes. All of them exist already; the Secrets of others
            stay out of the edge's reach.
        external_addresses: Addresses that lead to the nodes; without any, a load balancer is asked for.
        certificate: PEM chain for `*.<domain>`.
        private_key: Its PEM key.
        issuer: ClusterIssuer of cert-manager that issues the certificate instead.
        replicas: Number of Traefik pods.
        pool: Node pool, None for any.
        load_balancer: Annotations by which the cloud makes the load balancer.
        source_ranges: Networks that the load balancer answers; without any, all of them.
        single_sign_on: Identity provider of the routes that ask for it, None for none.
    """

    namespace: str
    image: pulumi.Input[str]
    domain: str
    gateway_crds: Sequence[str]
    route_namespaces: Sequence[str]
    external_addresses: Sequence[str] = ()
    certificate: pulumi.Input[str] | None = None
    private_key: pulumi.Input[str] | None = None
    issuer: str | None = None
    cpu: pulumi.Input[str] = "100m"
    memory: pulumi.Input[str] = "256Mi"
    replicas: int = 1
    pool: str | None = None
    load_balancer: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    source_ranges: Sequence[str] = ()
    single_sign_on: SingleSignOnSettings | None = None


class Edge(Component[EdgeArgs]):
    """A Gateway `https` for `*.<domain>`; plain HTTP is redirected.

    Guarantees: works in one `up` on an empty cluster, since the Gateway is created after its definitions and
    its controller, and counts as created once the controller has accepted it.

    Attributes:
        access: The entry as services see it.
        hostname: Name of the load balancer, where the cluster gives one by name.

    Raises:
        EdgeError: Neither or both of a certificate with its key and an issuer were given.

    With single sign-on, the caller's options carry an explicit random provider as well.
    """

    args_type = EdgeArgs

    access: EdgeAccess
    hostname: pulumi.Output[str]

    def build(self, args: EdgeArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        if (args.certificate is None) != (args.private_key is None):
            raise EdgeError("edge: a certificate and its private key come together")
        if (args.certificate is None) == (args.issuer is None):
            raise EdgeError("edge: give either a certificate with its key or an issuer")
        service = f"{self.name}-public"
        sign_on = pods_of(SIGN_ON, args.namespace)
        definitions = self._definitions(args)
        rights = self._rights(args)
        workload = Workload(
            self.name,
            WorkloadArgs(
                namespace=args.namespace,
                image=args.image,
                command=["/usr/local/bin/traefik"],
                args=arguments(
                    [args.namespace, *args.route_namespaces],
                    args.namespace,
                    service,
                    args.external_addresses,
                    args.single_sign_on is not None,
                ),
                ports={"http": _HTTP, "https": _HTTPS, "ping": _PING}
                | ({_INSIDE: _SIGNED_IN} if args.single_sign_on else {}),
                callers=[sign_on] if args.single_sign_on else [],
                callees=[(sign_on, SIGN_ON_PORT)] if args.single_sign_on else [],
                probe=Probe(port=_PING, path="/ping"),
                replicas=args.replicas,
                kubernetes_api=True,
                cpu=args.cpu,
                memory=args.memory,
                pool=args.pool,
            ),
            self.child(depends_on=[*definitions, *rights]),
        )
        policy = self._policy(args, workload)
        entry = self._entry(service, args, workload)
        self.hostname = entry.status.apply(_hostname)
        gateway = self._gateway(args, [*definitions, workload, policy, entry])
        self.access = EdgeAccess(
            gateway=GATEWAY,
            namespace=args.namespace,
            domain=args.domain,
            peer=workload.peer,
            ready=[gateway],
            single_sign_on=self._single_sign_on(args, args.single_sign_on, workload)
            if args.single_sign_on
            else None,
        )
        return {"gateway": GATEWAY, "domain": args.domain}

    def _single_sign_on(
        self, args: EdgeArgs, provider: SingleSignOnSettings, workload: Workload
    ) -> SingleSignOnAccess:
        """Creates what signs people in. Their requests come to it by the edge, and by the edge go on."""
        signing = SingleSignOn(
            SIGN_ON,
            SingleSignOnArgs(
                namespace=args.namespace,
                image=provider.image,
                domain=args.domain,
                issuer_url=provider.issuer_url,
                client_id=provider.client_id,
                client_secret=provider.client_secret,
                upstream=pulumi.Output.format("http://{0}:{1}", workload.host, _SIGNED_IN),
                edge=workload.peer,
                upstream_port=_SIGNED_IN,
                replicas=args.replicas,
                pool=args.pool,
            ),
            self.child(),
        )
        return SingleSignOnAccess(signing.service, SIGN_ON_PORT, _INSIDE)

    def _definitions(self, args: EdgeArgs) -> list[pulumi.Resource]:
        if not args.gateway_crds:
            return []
        return [
            kubernetes.yaml.v2.ConfigGroup(
                f"{self.name}-definitions", files=list(args.gateway_crds), opts=self.child()
            )
        ]

    def _rights(self, args: EdgeArgs) -> list[pulumi.Resource]:
        """Lets Traefik read what it routes by, and Secrets in just the namespaces it serves."""
        watch = ["get", "list", "watch"]
        account = [rbac.v1.SubjectArgs(kind="ServiceAccount", name=self.name, namespace=args.namespace)]
        role = f"colonnade-{self.name}"
        cluster_role = kubernetes.rbac.v1.ClusterRole(
            self.name,
            metadata=meta.v1.ObjectMetaArgs(name=role),
            rules=[
                rbac.v1.PolicyRuleArgs(api_groups=[""], resources=["namespaces"], verbs=watch),
                rbac.v1.PolicyRuleArgs(api_groups=[_API], resources=["gatewayclasses"], verbs=watch),
                rbac.v1.PolicyRuleArgs(
                    api_groups=[_API], resources=["gatewayclasses/status"], verbs=["update"]
                ),
            ],
            opts=self.child(),
        )
        rights: list[pulumi.Resource] = [
            kubernetes.rbac.v1.ClusterRoleBinding(
                self.name,
                metadata=meta.v1.ObjectMetaArgs(name=role),
                role_ref=rbac.v1.RoleRefArgs(
                    api_group="rbac.authorization.k8s.io",
                    kind="ClusterRole",
                    name=cluster_role.metadata.apply(lambda it: str(it.name)),
                ),
                subjects=account,
                opts=self.child(),
            )
        ]
        for namespace in [args.namespace, *args.route_namespaces]:
            metadata = meta.v1.ObjectMetaArgs(name=role, namespace=namespace)
            namespace_role = kubernetes.rbac.v1.Role(
                f"{self.name}-{namespace}",
                metadata=metadata,
                rules=[
                    rbac.v1.PolicyRuleArgs(
                        api_groups=[""], resources=["services", "secrets", "configmaps"], verbs=watch
                    ),
                    rbac.v1.PolicyRuleArgs(
                        api_groups=["discovery.k8s.io"], resources=["endpointslices"], verbs=["list", "watch"]
                    ),
                    rbac.v1.PolicyRuleArgs(api_groups=[_API], resources=["gateways", *_ROUTES], verbs=watch),
                    rbac.v1.PolicyRuleArgs(
                        api_groups=[_API],
                        resources=[f"{kind}/status" for kind in ["gateways", *_ROUTES]],
                        verbs=["update"],
                    ),
                ],
                opts=self.child(),
            )
            rights.append(
                kubernetes.rbac.v1.RoleBinding(
                    f"{self.name}-{namespace}",
                    metadata=metadata,
                    role_ref=rbac.v1.RoleRefArgs(
                        api_group="rbac.authorization.k8s.io",
                        kind="Role",
                        name=namespace_role.metadata.apply(lambda it: str(it.name)),
                    ),
                    subjects=account,
                    opts=self.child(),
                )
            )
        return rights

    def _policy(self, args: EdgeArgs, workload: Workload) -> pulumi.Resource:
        """Admits everybody at the two entries, and the way on to every service that may have a route."""
        return kubernetes.networking.v1.NetworkPolicy(
            f"{self.name}-public",
            metadata=meta.v1.ObjectMetaArgs(name=f"{self.name}-public", namespace=args.namespace),
            spec=networking.v1.NetworkPolicySpecArgs(
                pod_selector=meta.v1.LabelSelectorArgs(match_labels=dict(workload.peer.labels)),
                policy_types=["Ingress", "Egress"],
                ingress=[
                    networking.v1.NetworkPolicyIngressRuleArgs(
                        from_=[
                            networking.v1.NetworkPolicyPeerArgs(
                                ip_block=networking.v1.IPBlockArgs(cidr=ANYWHERE)
                            )
                        ],
                        ports=[
                            networking.v1.NetworkPolicyPortArgs(protocol="TCP", port=port)
                            for port in (_HTTP, _HTTPS)
                        ],
                    )
                ],
                egress=[
                    networking.v1.NetworkPolicyEgressRuleArgs(
                        to=[
                            networking.v1.NetworkPolicyPeerArgs(
                                namespace_selector=meta.v1.LabelSelectorArgs(
                                    match_expressions=[
                                        meta.v1.LabelSelectorRequirementArgs(
                                            key=NAMESPACE_LABEL,
                                            operator="In",
                                            values=list(args.route_namespaces),
                                        )
                                    ]
                                )
                            )
                        ]
                    )
                ]
                if args.route_namespaces
                else [],
            ),
            opts=self.child(),
        )

    def _entry(self, name: str, args: EdgeArgs, workload: Workload) -> kubernetes.core.v1.Service:
        return kubernetes.core.v1.Service(
            name,
            metadata=meta.v1.ObjectMetaArgs(
                name=name,
                namespace=args.namespace,
                annotations=dict(args.load_balancer) if args.load_balancer else None,
            ),
            spec=core.v1.ServiceSpecArgs(
                type="ClusterIP" if args.external_addresses else "LoadBalancer",
                external_ips=list(args.external_addresses) or None,
                load_balancer_source_ranges=list(args.source_ranges) or None,
                selector=dict(workload.peer.labels),
                ports=[
                    core.v1.ServicePortArgs(name="http", port=80, target_port=_HTTP, protocol="TCP"),
                    core.v1.ServicePortArgs(name="https", port=443, target_port=_HTTPS, protocol="TCP"),
                ],
            ),
            opts=self.child(depends_on=[workload]),
        )

    def _gateway(
        self, args: EdgeArgs, depends_on: list[pulumi.Resource]
    ) -> kubernetes.apiextensions.CustomResource:
        certificate = f"{self.name}-certificate"
        annotations = {
            # Created means: the controller has accepted it. Routes attached earlier would lead nowhere.
            "pulumi.com/waitFor": "condition=Programmed",
        }
        if args.issuer is not None:
            annotations["cert-manager.io/cluster-issuer"] = args.issuer
        elif args.certificate is not None and args.private_key is not None:
            depends_on.append(
                kubernetes.core.v1.Secret(
                    certificate,
                    metadata=meta.v1.ObjectMetaArgs(name=certificate, namespace=args.namespace),
                    type="kubernetes.io/tls",
                    string_data={
                        "tls.crt": pulumi.Output.secret(args.certificate),
                        "tls.key": pulumi.Output.secret(args.private_key),
                    },
                    opts=self.child(),
                )
            )
        gateway_class = kubernetes.apiextensions.CustomResource(
            f"{self.name}-class",
            api_version=f"{_API}/v1",
            kind="GatewayClass",
            metadata=meta.v1.ObjectMetaArgs(name=GATEWAY),
            spec={"controllerName": _CONTROLLER},
            opts=self.child(depends_on=depends_on),
        )
        return kubernetes.apiextensions.CustomResource(
            f"{self.name}-gateway",
            api_version=f"{_API}/v1",
            kind="Gateway",
            metadata=meta.v1.ObjectMetaArgs(name=GATEWAY, namespace=args.namespace, annotations=annotations),
            spec={
                "gatewayClassName": GATEWAY,
                "listeners": _listeners(args, certificate),
            },
            opts=self.child(depends_on=[gateway_class]),
        )


def _listeners(args: EdgeArgs, certificate: str) -> list[dict[str, Any]]:
    """Returns the entries for people, and for the requests of those who have signed in."""
    # Routes to what signs people in are beside it.
    own = [args.namespace] if args.single_sign_on else []
    people = {
        "name": _LISTENER,
        "protocol": "HTTPS",
        "port": _HTTPS,
        "hostname": f"*.{args.domain}",
        "tls": {"mode": "Terminate", "certificateRefs": [{"name": certificate}]},
        "allowedRoutes": {
            "namespaces": {"from": "Selector", "selector": _selector([*args.route_namespaces, *own])}
        },
    }
    signed_in = {
        "name": _INSIDE,
        "protocol": "HTTP",
        "port": _SIGNED_IN,
        "hostname": f"*.{args.domain}",
        "allowedRoutes": {"namespaces": {"from": "Selector", "selector": _selector(args.route_namespaces)}},
    }
    return [people, signed_in] if args.single_sign_on else [people]


def _hostname(status: Any) -> str:
    """Returns the name of a Service's load balancer; empty where it has none, or an address alone."""
    ingress = (status.load_balancer.ingress if status and status.load_balancer else None) or []
    return str(ingress[0].hostname or "") if ingress else ""


def _selector(namespaces: Sequence[str]) -> dict[str, Any]:
    """Returns the selector of namespaces by name, by a label that the API server itself keeps."""
    return {"matchExpressions": [{"key": NAMESPACE_LABEL, "operator": "In", "values": list(namespaces)}]}
