"""The processes of the control plane."""

from collections.abc import Sequence
from pathlib import Path

from bootstrap.embedded.client import Probe
from bootstrap.embedded.layout import PODS, SERVICES, Layout
from bootstrap.embedded.pki import CLUSTER_CA, ETCD_CA, FRONT_PROXY_CA, Pki
from bootstrap.embedded.processes import Daemon
from bootstrap.toolchain import binary

# Only forward secrecy; everything that talks here is of our own making and recent.
TLS_MINIMUM = "VersionTLS12"


def _flags(values: dict[str, object]) -> tuple[str, ...]:
    return tuple(f"--{name}={value}" for name, value in values.items())


def _files(keys: Pki, *names: str) -> tuple[Path, ...]:
    return tuple(path for name in names for path in (keys.certificate(name), keys.key(name)))


def etcd(layout: Layout) -> Daemon:
    """Returns the store of the API server.

    It does not wait for the disk after each write. That makes it several times quicker, and a cluster on one
    machine loses nothing when processes die; a power cut may cost the last seconds, or in the worst case the
    cluster's objects, never the volumes' data.
    """
    keys = Pki(layout)
    client, peer = f"https://{layout.address}:2379", f"https://{layout.address}:2380"
    flags = {
        "name": layout.full_name,
        "data-dir": layout.state / "etcd",
        "listen-client-urls": client,
        "advertise-client-urls": client,
        "listen-peer-urls": peer,
        "initial-advertise-peer-urls": peer,
        "initial-cluster": f"{layout.full_name}={peer}",
        "cert-file": keys.certificate("etcd"),
        "key-file": keys.key("etcd"),
        "client-cert-auth": "true",
        "trusted-ca-file": keys.certificate(ETCD_CA),
        "peer-cert-file": keys.certificate("etcd"),
        "peer-key-file": keys.key("etcd"),
        "peer-client-cert-auth": "true",
        "peer-trusted-ca-file": keys.certificate(ETCD_CA),
        "auto-compaction-retention": "1h",
        "log-level": "warn",
        "unsafe-no-fsync": "true",
    }
    return Daemon(
        "etcd",
        (str(binary("etcd")), *_flags(flags)),
        inputs=_files(keys, "etcd"),
        probe=Probe(2379, "/health", "etcd-client"),
    )


def api_server(layout: Layout, disabled: Sequence[str] = ()) -> Daemon:
    """Returns the API server, with all that a production cluster demands switched on.

    Args:
        layout: The cluster.
        disabled: Admission plugins that are off, where nobody answers what they ask.
    """
    keys = Pki(layout)
    flags: dict[str, object] = {
        "etcd-servers": f"https://{layout.address}:2379",
        "etcd-cafile": keys.certificate(ETCD_CA),
        "etcd-certfile": keys.certificate("etcd-client"),
        "etcd-keyfile": keys.key("etcd-client"),
        "bind-address": "0.0.0.0",  # noqa: S104  (of a namespace that only the host reaches)
        "advertise-address": layout.address,
        "secure-port": 6443,
        "tls-cert-file": keys.certificate("kube-apiserver"),
        "tls-private-key-file": keys.key("kube-apiserver"),
        "tls-min-version": TLS_MINIMUM,
        "client-ca-file": keys.certificate(CLUSTER_CA),
        "anonymous-auth": "false",
        "authorization-mode": "Node,RBAC",
        "enable-admission-plugins": "NodeRestriction",
        "admission-control-config-file": layout.config / "admission.yaml",
        "encryption-provider-config": layout.config / "encryption.yaml",
        "service-account-issuer": "https://kubernetes.default.svc.cluster.local",
        "service-account-key-file": keys.key("service-account"),
        "service-account-signing-key-file": keys.key("service-account"),
        "service-cluster-ip-range": SERVICES,
        "kubelet-client-certificate": keys.certificate("kube-apiserver"),
        "kubelet-client-key": keys.key("kube-apiserver"),
        "kubelet-certificate-authority": keys.certificate(CLUSTER_CA),
        # The node's name resolves nowhere; without this neither logs nor exec work.
        "kubelet-preferred-address-types": "InternalIP",
        "requestheader-client-ca-file": keys.certificate(FRONT_PROXY_CA),
        "requestheader-allowed-names": "front-proxy",
        "requestheader-extra-headers-prefix": "X-Remote-Extra-",
        "requestheader-group-headers": "X-Remote-Group",
        "requestheader-username-headers": "X-Remote-User",
        "proxy-client-cert-file": keys.certificate("front-proxy"),
        "proxy-client-key-file": keys.key("front-proxy"),
        # Pod Security admission decides who may be privileged; the volume provisioner's helper is.
        "allow-privileged": "true",
        "profiling": "false",
        **({"disable-admission-plugins": ",".join(disabled)} if disabled else {}),
    }
    return Daemon(
        "kube-apiserver",
        (str(binary("kube-apiserver")), *_flags(flags)),
        inputs=(
            *_files(keys, "kube-apiserver", "etcd-client", "front-proxy", "service-account"),
            layout.config / "admission.yaml",
            layout.config / "encryption.yaml",
        ),
        probe=Probe(6443, "/readyz"),
    )


def _serving(layout: Layout, name: str) -> dict[str, object]:
    keys = Pki(layout)
    return {
        "kubeconfig": layout.config / f"{name}.kubeconfig",
        "bind-address": layout.address,
        "tls-cert-file": keys.certificate(name),
        "tls-private-key-file": keys.key(name),
        "tls-min-version": TLS_MINIMUM,
        "profiling": "false",
        # There is one of each; an election would only delay a restart by its lease.
        "leader-elect": "false",
    }


def controller_manager(layout: Layout) -> Daemon:
    """Returns the controllers; each acts with a service account of its own."""
    keys = Pki(layout)
    name = "kube-controller-manager"
    flags = {
        **_serving(layout, name),
        "use-service-account-credentials": "true",
        "service-account-private-key-file": keys.key("service-account"),
        "root-ca-file": keys.certificate(CLUSTER_CA),
        "cluster-signing-cert-file": keys.certificate(CLUSTER_CA),
        "cluster-signing-key-file": keys.key(CLUSTER_CA),
        "allocate-node-cidrs": "true",
        "cluster-cidr": PODS,
        "service-cluster-ip-range": SERVICES,
    }
    return Daemon(
        name,
        (str(binary(name)), *_flags(flags)),
        inputs=(*_files(keys, name), layout.config / f"{name}.kubeconfig"),
        probe=Probe(10257),
    )


def scheduler(layout: Layout) -> Daemon:
    """Returns the scheduler."""
    name = "kube-scheduler"
    return Daemon(
        name,
        (str(binary(name)), *_flags(_serving(layout, name))),
        inputs=(*_files(Pki(layout), name), layout.config / f"{name}.kubeconfig"),
        probe=Probe(10259),
    )
