import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from bootstrap.embedded.layout import Layout
from bootstrap.embedded.pki import AUTHORITIES, EDGE_CA, LEAF_LIFE, RENEW_BEFORE, Pki, leaves
from bootstrap.errors import ColonnadeError


def load(pki: Pki, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pki.certificate(name).read_bytes())


def names(certificate: x509.Certificate) -> set[str]:
    extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return {str(name.value) for name in extension.value}


@pytest.fixture
def pki(layout: Layout) -> Pki:
    pki = Pki(layout)
    pki.ensure()
    return pki


def test_second_time_makes_nothing(pki: Pki) -> None:
    assert pki.ensure() == []


def test_private_files_are_private(pki: Pki) -> None:
    keys = list(pki.layout.pki.glob("*.key"))
    assert len(keys) == len(AUTHORITIES) + len(leaves(pki.layout)) + 3
    assert {oct(key.stat().st_mode & 0o777) for key in keys} == {"0o600"}
    assert pki.layout.pki.stat().st_mode & 0o077 == 0


def test_every_identity_is_the_one_kubernetes_knows(pki: Pki) -> None:
    def identity(name: str) -> tuple[str, ...]:
        subject = load(pki, name).subject
        attributes = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
        return tuple(str(found.value) for oid in attributes for found in subject.get_attributes_for_oid(oid))

    assert identity("kubelet") == ("system:node:colonnade-trial", "system:nodes")
    assert identity("kube-controller-manager") == ("system:kube-controller-manager",)
    assert identity("kube-scheduler") == ("system:kube-scheduler",)
    assert identity("kube-proxy") == ("system:kube-proxy",)
    assert identity("admin") == ("colonnade-admin", "system:masters")
    masters = [leaf.name for leaf in leaves(pki.layout) if leaf.organization == "system:masters"]
    assert masters == ["admin"]


def test_clients_cannot_pose_as_servers(pki: Pki) -> None:
    for leaf in leaves(pki.layout):
        usage = load(pki, leaf.name).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        assert (ExtendedKeyUsageOID.SERVER_AUTH in usage) is bool(leaf.hosts)


def test_api_server_is_known_by_address_and_service(pki: Pki) -> None:
    found = names(load(pki, "kube-apiserver"))
    assert {pki.layout.address, "10.96.0.1", "kubernetes.default.svc.cluster.local"} <= found


def test_edge_covers_the_domain_and_is_trusted_through_its_authority(pki: Pki) -> None:
    assert names(load(pki, "edge")) == {"trial.colonnade.internal", "*.trial.colonnade.internal"}
    load(pki, "edge").verify_directly_issued_by(load(pki, EDGE_CA))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.certificate("edge"), pki.key("edge"))


def test_leaves_near_their_end_are_renewed_and_authorities_kept(pki: Pki) -> None:
    authorities = {name: pki.certificate(name).read_bytes() for name in AUTHORITIES}
    early = Pki(pki.layout, datetime.now(UTC) + LEAF_LIFE - RENEW_BEFORE - timedelta(days=1))
    assert early.ensure() == []
    late = Pki(pki.layout, datetime.now(UTC) + LEAF_LIFE - RENEW_BEFORE + timedelta(days=1))
    assert set(late.ensure()) == {leaf.name for leaf in leaves(pki.layout)}
    assert {name: pki.certificate(name).read_bytes() for name in AUTHORITIES} == authorities


@pytest.mark.parametrize(
    "damage", ["key is missing", "certificate is missing", "key is another's", "half written"]
)
def test_half_a_pair_is_made_anew(pki: Pki, damage: str) -> None:
    match damage:
        case "key is missing":
            pki.key("kubelet").unlink()
        case "certificate is missing":
            pki.certificate("kubelet").unlink()
        case "key is another's":
            pki.key("kubelet").write_bytes(pki.key("admin").read_bytes())
        case "half written":
            pki.certificate("kubelet").write_bytes(pki.certificate("kubelet").read_bytes()[:100])
    assert pki.ensure() == ["kubelet"]


def test_certificate_of_another_authority_is_made_anew(pki: Pki) -> None:
    for file in (pki.certificate(EDGE_CA), pki.key(EDGE_CA)):
        file.unlink()
    assert pki.ensure() == [EDGE_CA, "edge"]


def test_damaged_authority_is_never_replaced_silently(pki: Pki) -> None:
    pki.key(EDGE_CA).unlink()
    with pytest.raises(ColonnadeError, match=r"edge-ca\.crt and its key are damaged; fix: restore them"):
        pki.ensure()


def test_crash_between_key_and_certificate_of_an_authority_heals(pki: Pki) -> None:
    pki.certificate(EDGE_CA).unlink()
    assert pki.ensure() == [EDGE_CA, "edge"]
