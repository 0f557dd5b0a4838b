"""A small client of the cluster's own HTTP endpoints: enough for health, and quick to load."""

import http.client
import json
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bootstrap.embedded import pki
from bootstrap.embedded.layout import Layout

Identity = Literal["admin", "etcd-client"]


@dataclass(frozen=True)
class Probe:
    """Where a component says that it is well.

    Attributes:
        port: On the node's address.
        path: Answers 200 when all is well.
        identity: The client certificate to show; None means plain HTTP.
        socket: A unix socket that must accept a connection, in place of HTTP.
    """

    port: int = 0
    path: str = "/healthz"
    identity: Identity | None = "admin"
    socket: Path | None = None


class Client:
    """Talks to one cluster. Proxies of the environment are never used: the cluster is behind none."""

    def __init__(self, layout: Layout, timeout: float = 5) -> None:
        self.layout = layout
        self.timeout = timeout
        self._contexts: dict[str, ssl.SSLContext] = {}

    def context(self, identity: Identity) -> ssl.SSLContext:
        """Returns how to speak TLS as that identity, to who its authority vouches for."""
        if identity not in self._contexts:
            keys = pki.Pki(self.layout)
            authority = pki.CLUSTER_CA if identity == "admin" else pki.ETCD_CA
            context = ssl.create_default_context(cafile=str(keys.certificate(authority)))
            context.load_cert_chain(keys.certificate(identity), keys.key(identity))
            self._contexts[identity] = context
        return self._contexts[identity]

    def get(self, port: int, path: str, identity: Identity | None) -> tuple[int, bytes]:
        """Returns status and body of a GET at the node's address.

        Raises:
            OSError: Nobody answers.
            http.client.HTTPException: What answers does not speak HTTP.
        """
        address = self.layout.address
        connection = (
            http.client.HTTPSConnection(address, port, timeout=self.timeout, context=self.context(identity))
            if identity
            else http.client.HTTPConnection(address, port, timeout=self.timeout)
        )
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def fault(self, probe: Probe) -> str | None:
        """Returns what is wrong with a component, in a few words; None when it is well."""
        try:
            if probe.socket:
                with socket.socket(socket.AF_UNIX) as end:
                    end.settimeout(self.timeout)
                    end.connect(str(probe.socket))
                return None
            status, body = self.get(probe.port, probe.path, probe.identity)
        except (OSError, http.client.HTTPException) as error:
            return f"does not answer ({error.__class__.__name__})"
        if status == http.HTTPStatus.OK:
            return None
        lines = body.decode(errors="replace").splitlines()
        failing = [line[3:].split(" ")[0] for line in lines if line.startswith("[-]")]
        more = f" and {len(failing) - 2} more" if len(failing) > 2 else ""
        return f"not ready: {', '.join(failing[:2])}{more}" if failing else f"answers {status}"

    def object(self, path: str) -> dict[str, Any] | None:
        """Returns an object of the Kubernetes API; None when it does not exist or the API does not answer."""
        try:
            status, body = self.get(6443, path, "admin")
        except (OSError, http.client.HTTPException):
            return None
        if status != http.HTTPStatus.OK:
            return None
        found: dict[str, Any] = json.loads(body)
        return found
