"""Single sign-on: an OIDC client before the services whose people sign in, the same on every foundation."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import pulumi
import pulumi_random as random

from components.base import Component
from components.foundation.contract import Peer
from components.kubernetes.network import ANYWHERE
from components.kubernetes.workload import Probe, Workload, WorkloadArgs

NAME: Final = "single-sign-on"
PORT: Final = 4180
_COOKIE: Final = "__Secure-colonnade"


@dataclass(frozen=True)
class SingleSignOnArgs:
    """Arguments of `SingleSignOn`.

    Attributes:
        namespace: Namespace of the Gateway, which exists already.
        image: Image of oauth2-proxy.
        domain: Whoever has signed in for one name below it has for all.
        issuer_url: Issuer of the identity provider.
        client_id, client_secret: The client that is registered with it.
        upstream: Address to which the requests of those who have signed in go.
        edge: The pods behind that address, which are the callers as well.
        upstream_port: Port of those pods.
        replicas: Number of pods.
        pool: Node pool, None for any.
    """

    namespace: pulumi.Input[str]
    image: pulumi.Input[str]
    domain: str
    issuer_url: str
    client_id: str
    client_secret: pulumi.Input[str]
    upstream: pulumi.Input[str]
    edge: Peer
    upstream_port: int
    replicas: int = 1
    pool: str | None = None


class SingleSignOn(Component[SingleSignOnArgs]):
    """oauth2-proxy: it lets through who has signed in, and sends everybody else to the identity provider.

    The caller's options carry explicit providers: kubernetes and random.

    Guarantees: the browser holds no token of the provider, but an encrypted cookie for eight hours; what a
    caller says about who it is, is dropped before the service sees it. Only the edge reaches it. The provider
    decides who may sign in, by whom it lets use the client.

    Attributes:
        service: Name of its Service.
    """

    args_type = SingleSignOnArgs

    service: pulumi.Output[str]

    def build(self, args: SingleSignOnArgs) -> Mapping[str, pulumi.Input[Any]]:
        """See `Component.build`."""
        # Encrypts the cookie by AES-256; another one signs everybody out.
        cookie = random.RandomPassword(f"{NAME}-cookie", length=32, special=False, opts=self.child()).result
        workload = Workload(
            NAME,
            WorkloadArgs(
                namespace=args.namespace,
                image=args.image,
                args=[
                    *arguments(args.domain, args.issuer_url, args.client_id),
                    pulumi.Output.format("--upstream={0}", args.upstream),
                ],
                ports={"http": PORT},
                probe=Probe(port=PORT, path="/ping"),
                secret_environment={
                    "OAUTH2_PROXY_CLIENT_SECRET": args.client_secret,
                    "OAUTH2_PROXY_COOKIE_SECRET": cookie,
                },
                callers=[args.edge],
                callees=[(args.edge, args.upstream_port)],
                open_egress=[(ANYWHERE, urlsplit(args.issuer_url).port or 443)],
                memory="128Mi",
                replicas=args.replicas,
                pool=args.pool,
            ),
            self.child(),
        )
        self.service = workload.service
        return {"issuer_url": args.issuer_url}


def arguments(domain: str, issuer_url: str, client_id: str) -> list[str]:
    """Returns the command line of oauth2-proxy but for its upstream; what is secret comes by environment.

    Each name is its own callback, `https://<label>.<domain>/oauth2/callback`: one for all of them would not
    know where a request has come from.
    """
    return [
        "--provider=oidc",
        f"--oidc-issuer-url={issuer_url}",
        f"--client-id={client_id}",
        "--code-challenge-method=S256",
        "--insecure-oidc-skip-nonce=false",
        "--skip-provider-button=true",
        "--email-domain=*",
        f"--http-address=0.0.0.0:{PORT}",
        # Behind the edge, which says what the browser asked for.
        "--reverse-proxy=true",
        # As long as the edge takes for a request.
        "--upstream-timeout=3600s",
        f"--cookie-name={_COOKIE}",
        f"--cookie-domain=.{domain}",
        "--cookie-samesite=lax",
        "--cookie-expire=8h",
        # Two names that are opened at once do not take each other's answer.
        "--cookie-csrf-per-request=true",
        "--session-cookie-minimal=true",
        # The services know their own users: what a caller gives them for that passes through.
        "--pass-basic-auth=false",
        "--pass-user-headers=true",
    ]
