"""Certificate authorities, certificates and keys of a cluster.

Authorities are made once and kept: people trust them. Leaf certificates are made anew when they near their
end, when what they say has changed, or when a crash left half of a pair.
"""

import os
import secrets
from base64 import b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bootstrap.embedded.layout import API_SERVICE, Layout
from bootstrap.errors import ColonnadeError

AUTHORITY_LIFE = timedelta(days=3650)
LEAF_LIFE = timedelta(days=365)
RENEW_BEFORE = timedelta(days=60)

CLUSTER_CA = "cluster-ca"
ETCD_CA = "etcd-ca"
FRONT_PROXY_CA = "front-proxy-ca"
EDGE_CA = "edge-ca"
AUTHORITIES = (CLUSTER_CA, ETCD_CA, FRONT_PROXY_CA, EDGE_CA)


@dataclass(frozen=True)
class Leaf:
    """What a certificate is to say.

    Attributes:
        name: File name without suffix.
        authority: Who signs it.
        common_name: The user, to Kubernetes.
        organization: The group, to Kubernetes.
        hosts: DNS names and addresses; empty for a mere client.
    """

    name: str
    authority: str
    common_name: str
    organization: str | None = None
    hosts: tuple[str, ...] = ()


def leaves(layout: Layout) -> list[Leaf]:
    """Returns all certificates of a cluster; each component has its own identity, with its own rights."""
    node = (layout.address, layout.full_name, "127.0.0.1", "localhost")
    service = "kubernetes.default.svc"
    api = (*node, "kubernetes", "kubernetes.default", service, f"{service}.cluster.local", str(API_SERVICE))
    manager, scheduler = "system:kube-controller-manager", "system:kube-scheduler"
    return [
        Leaf("etcd", ETCD_CA, "etcd", hosts=node),
        Leaf("etcd-client", ETCD_CA, "api-server"),
        Leaf("front-proxy", FRONT_PROXY_CA, "front-proxy"),
        Leaf("kube-apiserver", CLUSTER_CA, "colonnade-api-server", hosts=api),
        Leaf("kube-controller-manager", CLUSTER_CA, manager, hosts=node),
        Leaf("kube-scheduler", CLUSTER_CA, scheduler, hosts=node),
        Leaf("kubelet", CLUSTER_CA, f"system:node:{layout.full_name}", "system:nodes", hosts=node),
        Leaf("kube-proxy", CLUSTER_CA, "system:kube-proxy"),
        Leaf("kube-router", CLUSTER_CA, "system:kube-router"),
        Leaf("admin", CLUSTER_CA, "colonnade-admin", "system:masters"),
        Leaf("edge", EDGE_CA, layout.domain, hosts=(layout.domain, f"*.{layout.domain}")),
    ]


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replaces a file as a whole; at no moment can others see half of it or more than `mode` allows."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)


def _pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _subject(common_name: str, organization: str | None) -> x509.Name:
    names = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organization:
        names.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(names)


class Pki:
    """The keys and certificates below one directory.

    Args:
        layout: The cluster they are for.
        now: The present moment; a test may give another.
    """

    def __init__(self, layout: Layout, now: datetime | None = None) -> None:
        self.layout = layout
        self.now = now or datetime.now(UTC)

    def certificate(self, name: str) -> Path:
        """Returns where the certificate of this name lies."""
        return self.layout.pki / f"{name}.crt"

    def key(self, name: str) -> Path:
        """Returns where the private key of this name lies."""
        return self.layout.pki / f"{name}.key"

    def ensure(self) -> list[str]:
        """Makes what is missing or no longer good; returns the names of what was made.

        Raises:
            ColonnadeError: An authority's files are damaged; replacing it would break everyone's trust.
        """
        self.layout.pki.mkdir(parents=True, exist_ok=True, mode=0o700)
        made = [name for name in AUTHORITIES if self._ensure_authority(name)]
        made += [leaf.name for leaf in leaves(self.layout) if self._ensure_leaf(leaf)]
        service_account = self.key("service-account")
        if not service_account.exists():
            write(service_account, _pem(rsa.generate_private_key(65537, 2048)))
            made.append("service-account")
        for name in ("encryption", "registry"):
            if not self.key(name).exists():
                write(self.key(name), b64encode(secrets.token_bytes(32)))
                made.append(name)
        return made

    def _load(self, name: str) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None:
        """Returns certificate and key when both are there, readable, and belong together."""
        try:
            certificate = x509.load_pem_x509_certificate(self.certificate(name).read_bytes())
            key = serialization.load_pem_private_key(self.key(name).read_bytes(), None)
        except (FileNotFoundError, ValueError):
            return None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            return None
        return certificate, key

    def _ensure_authority(self, name: str) -> bool:
        if self._load(name):
            return False
        if self.certificate(name).exists():
            raise ColonnadeError(
                f"certificate authority {self.certificate(name)} and its key are damaged",
                f"restore them, or `colonnade cluster down --name {self.layout.name}` and begin anew",
            )
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(f"colonnade {self.layout.name} {name}", None)
        usage = x509.KeyUsage(
            digital_signature=True,
            key_cert_sign=True,
            crl_sign=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            self._builder(subject, subject, key, AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .sign(key, hashes.SHA256())
        )
        # The certificate comes last: where it is, the key is too.
        write(self.key(name), _pem(key))
        write(self.certificate(name), certificate.public_bytes(serialization.Encoding.PEM), 0o644)
        return True

    def _ensure_leaf(self, leaf: Leaf) -> bool:
        authority = self._load(leaf.authority)
        if authority is None:  # `ensure` has made it before
            raise ColonnadeError(f"authority {leaf.authority} is missing", "run the command again")
        issuer, issuer_key = authority
        found = self._load(leaf.name)
        if found and self._good(found[0], leaf, issuer):
            return False
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(leaf.common_name, leaf.organization)
        usages = [ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = self._builder(subject, issuer.subject, key, LEAF_LIFE)
        if leaf.hosts:
            usages.append(ExtendedKeyUsageOID.SERVER_AUTH)
            builder = builder.add_extension(_alternatives(leaf.hosts), critical=False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
        certificate = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
            .add_extension(identifier, critical=False)
            .sign(issuer_key, hashes.SHA256())
        )
        write(self.key(leaf.name), _pem(key))
        write(self.certificate(leaf.name), certificate.public_bytes(serialization.Encoding.PEM), 0o644)
        return True

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, life: timedelta
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            # Clocks of restored machines go back; an hour spares them a cluster that is not yet valid.
            .not_valid_before(self.now - timedelta(hours=1))
            .not_valid_after(self.now + life)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )

    def _good(self, certificate: x509.Certificate, leaf: Leaf, issuer: x509.Certificate) -> bool:
        try:
            certificate.verify_directly_issued_by(issuer)
        except (InvalidSignature, ValueError):
            return False
        hosts = x509.SubjectAlternativeName([])
        if leaf.hosts:
            try:
                hosts = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            except x509.ExtensionNotFound:
                return False
        return (
            certificate.subject == _subject(leaf.common_name, leaf.organization)
            and set(hosts) == set(_alternatives(leaf.hosts))
            and certificate.not_valid_before_utc <= self.now
            and certificate.not_valid_after_utc - self.now > RENEW_BEFORE
        )


def _alternatives(hosts: tuple[str, ...]) -> x509.SubjectAlternativeName:
    names: list[x509.GeneralName] = []
    for host in hosts:
        try:
            names.append(x509.IPAddress(ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return x509.SubjectAlternativeName(names)
