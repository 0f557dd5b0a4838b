"""Names and certificates."""

import ipaddress
from collections.abc import Iterator
from typing import Any

from bootstrap.rehearsal.aws.rules.support import (
    VPC,
    Account,
    Refusal,
    Resource,
    Rules,
    entries,
    others,
    value,
)

_ZONE = "aws:route53/zone:Zone"
_RECORD = "aws:route53/record:Record"
_CHANGE = "botocore route53.ChangeResourceRecordSets"


def _zone(resource: Resource, account: Account) -> Iterator[Refusal]:
    networks = [entry.get("vpcId") for entry in entries(resource, "vpcs")]
    for other in others(resource, account):
        shared = set(networks) & {entry.get("vpcId") for entry in entries(other, "vpcs")}
        if shared and plain(value(other, "name")) == plain(value(resource, "name")):
            reason = f"{other.id} answers for it in {', '.join(sorted(shared))} already"
            yield Refusal("name", reason, "moto route53", "ConflictingDomainExists")
    for vpc in (account.get(VPC, network) for network in networks):
        if vpc and not (value(vpc, "enableDnsSupport") and value(vpc, "enableDnsHostnames")):
            reason = f"a private zone needs enableDnsSupport and enableDnsHostnames of {vpc.id} set to true"
            source = (
                "docs.aws.amazon.com/Route53/latest/DeveloperGuide/hosted-zone-private-considerations.html"
            )
            yield Refusal("vpcs", reason, source)


def plain(name: Any) -> str:
    """Returns a DNS name as DNS compares it."""
    return str(name).rstrip(".").lower()


def qualified(record: Resource, account: Account) -> str:
    """Returns the full name of a record, which may be given within its zone."""
    zone = account.get(_ZONE, value(record, "zoneId"))
    name, parent = plain(value(record, "name")), plain(value(zone, "name")) if zone else ""
    return name if not parent or name == parent or name.endswith(f".{parent}") else f"{name}.{parent}"


def _record(resource: Resource, account: Account) -> Iterator[Refusal]:
    kind, values = value(resource, "type"), entries(resource, "records")
    if bool(values) == bool(entries(resource, "aliases")):
        yield Refusal("records", "a record has either values or an alias", _CHANGE, "InvalidInput")
    if values and value(resource, "ttl") is None:
        yield Refusal("ttl", "is missing, which values need", f"{_CHANGE}.ChangeBatch", "InvalidInput")
    zone, name = account.get(_ZONE, value(resource, "zoneId")), qualified(resource, account)
    if kind == "CNAME":
        if zone and name == plain(value(zone, "name")):
            yield Refusal(
                "type",
                f"{name} is the zone itself, which cannot be a CNAME",
                "RFC 1912 2.4",
                "InvalidChangeBatch",
            )
        if len(values) > 1:
            yield Refusal(
                "records", f"a CNAME has one value, not {len(values)}", "RFC 1034 3.6.2", "InvalidChangeBatch"
            )
    for other in others(resource, account):
        if value(other, "zoneId") != value(resource, "zoneId") or qualified(other, account) != name:
            continue
        if "CNAME" in (kind, value(other, "type")) and kind != value(other, "type"):
            reason = f"{name} has a record of type {value(other, 'type')}, and a CNAME stands alone"
            yield Refusal("type", reason, "RFC 1034 3.6.2", "InvalidChangeBatch")
    versions = {"A": 4, "AAAA": 6}
    for address in values if kind in versions else []:
        try:
            version = ipaddress.ip_address(address).version
        except ValueError:
            version = None
        if version != versions[kind]:
            yield Refusal(
                "records", f"{address!r} is no address for {kind}", "RFC 1035 3.4.1", "InvalidChangeBatch"
            )


def _validation(resource: Resource, account: Account) -> Iterator[Refusal]:
    certificate = account.get("aws:acm/certificate:Certificate", value(resource, "certificateArn"))
    source = "docs.aws.amazon.com/acm/latest/userguide/dns-validation.html"
    fqdns = {plain(name) for name in entries(resource, "validationRecordFqdns")}
    for option in entries(certificate, "domainValidationOptions") if certificate else []:
        wanted = plain(option.get("resourceRecordName"))
        if fqdns and wanted not in fqdns:
            reason = f"leave out {wanted}, which proves {option.get('domainName')}"
            yield Refusal(
                "validationRecordFqdns", reason, "terraform-provider-aws acm/certificate_validation.go"
            )
        found = [
            record
            for record in account.all(_RECORD)
            if qualified(record, account) == wanted
            and plain(option.get("resourceRecordValue")) in map(plain, entries(record, "records"))
        ]
        zones = [account.get(_ZONE, value(record, "zoneId")) for record in found]
        if not any(zone and not entries(zone, "vpcs") for zone in zones):
            where = "only in a private zone, which ACM cannot see" if zones else "nowhere"
            reason = f"would be waited for in vain: the record {wanted} is {where}"
            yield Refusal("certificateArn", reason, source, "PENDING_VALIDATION")


CREATING: Rules = {
    _ZONE: [_zone],
    _RECORD: [_record],
    "aws:acm/certificateValidation:CertificateValidation": [_validation],
}
