"""What no single field can know: rules across the settings of one environment.

A rule is a generator of faults. Reading a field that is itself at fault raises `UnknownSettingError`, which
ends that rule alone: what it found before is kept, and the other rules are still judged.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from ipaddress import IPv4Network
from typing import Any

from stacks.settings.faults import Fault, choose, closest, show_example, show_value
from stacks.settings.fields import CLOUDS, Foundation, On
from stacks.settings.implied import PRODUCTION_FLOORS
from stacks.settings.model import Pool, Section, Service, Settings, UnknownSettingError
from stacks.settings.partial import nested

Given = Mapping[str, Any]
Rule = Callable[[Settings, Given], Iterator[Fault]]

_SERVICES: dict[str, Callable[[Settings], Service]] = {
    "data.lakefs": lambda settings: settings.data.lakefs,
    "data.feast": lambda settings: settings.data.feast,
    "experimentation.mlflow": lambda settings: settings.experimentation.mlflow,
}
_BUCKETS = ("lake", "artifacts", "models", "logs")


def _fault(path: str, value: Any, problem: str, fix: str) -> Fault:
    return Fault(path, show_value(value), problem, fix)


def read(settings: Any, path: str) -> Any:
    """Returns the value at a dotted path of settings."""
    for name in path.split("."):
        settings = getattr(settings, name)
    return settings


def _given(given: Any, path: str) -> bool:
    for name in path.split("."):
        if not isinstance(given, Mapping) or name not in given:
            return False
        given = given[name]
    return given is not None


_MACHINE_TYPES: dict[str, tuple[str, str]] = {
    "aws": (r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "m6i.xlarge"),
    "azure": (r"Standard_[A-Za-z0-9_-]+", "Standard_D4s_v5"),
    "gcp": (r"[a-z][a-z0-9]*-[a-z0-9-]+", "n2-standard-4"),
}
_REGIONS: dict[str, tuple[str, str]] = {
    "aws": (r"[a-z]{2}(?:-[a-z]+)+-[1-9]", "eu-central-1"),
    "azure": (r"[a-z]+[0-9]?", "germanywestcentral"),
    "gcp": (r"[a-z]+-[a-z]+[1-9][0-9]?", "europe-west3"),
}
_ACCOUNTS: dict[str, tuple[str, str]] = {
    "aws": (r"[0-9]{12}", "the 12 digits of an AWS account, in quotes"),
    "azure": (r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "the UUID of an Azure subscription"),
    "gcp": (r"[a-z][a-z0-9-]{4,28}[a-z0-9]", "the id of a GCP project"),
}
_EXAMPLES = {"machine_type": _MACHINE_TYPES, "region": _REGIONS, "account": _ACCOUNTS}


def foundation_keys(settings: Settings, given: Given) -> Iterator[Fault]:
    """Settings that this foundation does not have, and those that it must have."""
    yield from _foundation_keys(Settings, given, "", settings.foundation)


def _foundation_keys(
    section: type[Section], given: Given, path: str, foundation: Foundation
) -> Iterator[Fault]:
    for name, field in section.model_fields.items():
        here = f"{path}.{name}" if path else name
        on = next((mark for mark in field.metadata if isinstance(mark, On)), None)
        value = given.get(name)
        if on and foundation not in on.foundations and value is not None:
            yield Fault(
                here,
                None if isinstance(value, Mapping) else show_value(value),
                f"is a setting of {', '.join(on.foundations)}, not of {foundation}",
                "remove it",
            )
            continue
        if on and on.required and foundation in on.foundations and value is None:
            examples = [_EXAMPLES[name][foundation][1]] if name in _EXAMPLES else field.examples
            example = f", e.g. {show_example(examples[0])}" if examples else ""
            yield Fault(here, None, f"is missing on {foundation}", f"set {field.description}{example}")
        inner, many = nested(field.annotation)
        if inner and many and isinstance(value, list):
            for index, item in enumerate(value):
                if isinstance(item, Mapping):
                    yield from _foundation_keys(inner, item, f"{here}[{index}]", foundation)
        elif inner and isinstance(value, Mapping):
            yield from _foundation_keys(inner, value, here, foundation)
        elif inner and name not in given and isinstance(field.default, Section):
            yield from _foundation_keys(inner, {}, here, foundation)


def tls_is_given(settings: Settings, given: Given) -> Iterator[Fault]:
    """On-premises nobody else issues the edge's certificate."""
    edge = given.get("edge")
    if settings.foundation == "on-premises" and isinstance(edge, Mapping) and edge.get("tls") is None:
        yield Fault(
            "edge.tls",
            None,
            "is missing on on-premises",
            "set certificate_file and private_key_file, or the issuer of a cert-manager in the cluster",
        )


def certificate_on_aws(settings: Settings, _: Given) -> Iterator[Fault]:
    """On AWS the edge's certificate comes from files, from one that exists there, or is issued there."""
    if settings.foundation != "aws":
        return
    tls, validated = settings.edge.tls, settings.edge.dns.validation_zone_id is not None
    given = tls is not None and (tls.certificate_arn or tls.certificate_file or tls.private_key_file)
    if not given and not validated:
        yield Fault(
            "edge.dns.validation_zone_id",
            None,
            "is missing: AWS issues no certificate that it cannot validate",
            "set the id of the public hosted zone of the domain, or give edge.tls.certificate_arn or files",
        )
    elif given and validated:
        yield Fault(
            "edge.dns.validation_zone_id",
            settings.edge.dns.validation_zone_id,
            "is given beside a certificate",
            "keep either the certificate or the zone in which one is validated",
        )


def one_certificate(settings: Settings, _: Given) -> Iterator[Fault]:
    """The edge's certificate comes from files, an issuer or a store, and files come in pairs."""
    tls = settings.edge.tls
    if tls is None:
        return
    files = {
        "certificate_file": tls.certificate_file,
        "private_key_file": tls.private_key_file,
        "ca_file": tls.ca_file,
    }
    if tls.issuer is not None or tls.certificate_arn is not None:
        source = "an issuer" if tls.issuer is not None else "a certificate_arn"
        for name, value in files.items():
            # A private CA is worth telling to clients whoever issues the certificate.
            if value is not None and name != "ca_file":
                yield _fault(
                    f"edge.tls.{name}",
                    value,
                    f"is given beside {source}",
                    f"keep either the files or the {source.partition(' ')[2]}",
                )
    elif tls.certificate_file is None and tls.private_key_file is None:
        yield Fault(
            "edge.tls",
            None,
            "names no certificate",
            "set certificate_file and private_key_file, or issuer",
        )
    else:
        for name in ("certificate_file", "private_key_file"):
            if files[name] is None:
                yield Fault(
                    f"edge.tls.{name}",
                    None,
                    "is missing",
                    "set it: certificate and private key belong together",
                )


def region_of_foundation(settings: Settings, _: Given) -> Iterator[Fault]:
    """A region is one of the foundation's own."""
    if settings.foundation in _REGIONS and settings.region is not None:
        pattern, example = _REGIONS[settings.foundation]
        if not re.fullmatch(pattern, settings.region):
            yield _fault(
                "region",
                settings.region,
                f"is not a region of {settings.foundation}",
                f"write one like {example}",
            )


def account_of_foundation(settings: Settings, _: Given) -> Iterator[Fault]:
    """An account is one of the foundation's own."""
    if settings.foundation in _ACCOUNTS and settings.account is not None:
        pattern, what = _ACCOUNTS[settings.foundation]
        if not re.fullmatch(pattern, settings.account):
            yield _fault(
                "account", settings.account, f"is not an account on {settings.foundation}", f"write {what}"
            )


def pool_names(settings: Settings, _: Given) -> Iterator[Fault]:
    """No two pools share a name."""
    seen: dict[str, int] = {}
    for index, pool in enumerate(settings.cluster.pools):
        with suppress(UnknownSettingError):
            if pool.name in seen:
                yield _fault(
                    f"cluster.pools[{index}].name",
                    pool.name,
                    f"is already the name of cluster.pools[{seen[pool.name]}]",
                    "rename one of them",
                )
            seen.setdefault(pool.name, index)


def one_default_pool(settings: Settings, _: Given) -> Iterator[Fault]:
    """At most one pool is the default."""
    first: int | None = None
    for index, pool in enumerate(settings.cluster.pools):
        with suppress(UnknownSettingError):
            if not pool.default:
                continue
            if first is None:
                first = index
            else:
                yield Fault(
                    f"cluster.pools[{index}].default",
                    "true",
                    f"is a second default beside cluster.pools[{first}]",
                    "keep one default pool",
                )


def a_pool_for_the_platform(settings: Settings, given: Given) -> Iterator[Fault]:
    """Somewhere the platform's own pods can run."""
    pools = settings.cluster.pools
    if settings.foundation in CLOUDS and not pools and _given(given, "cluster.pools"):
        yield Fault(
            "cluster.pools",
            None,
            "is empty",
            "leave it out to get a system and a general pool, or list your pools",
        )
    elif pools and all(pool.purpose == "gpu" for pool in pools):
        yield Fault(
            "cluster.pools",
            show_value(", ".join(pool.name for pool in pools)),
            "has only pools for accelerators",
            "add a pool with purpose general",
        )


def each_pool(settings: Settings, _: Given) -> Iterator[Fault]:
    """What the fields of one pool say about each other."""
    for index, pool in enumerate(settings.cluster.pools):
        for rule in (_sizes, _accelerator, _machine_type, _default_purpose, _system_on_spot):
            with suppress(UnknownSettingError):
                yield from rule(f"cluster.pools[{index}]", pool, settings)


def _sizes(path: str, pool: Pool, _: Settings) -> Iterator[Fault]:
    if pool.min > pool.max:
        yield _fault(f"{path}.min", pool.min, f"is more than its max of {pool.max}", "lower min or raise max")


def _accelerator(path: str, pool: Pool, _: Settings) -> Iterator[Fault]:
    if pool.purpose == "gpu" and pool.accelerator is None:
        yield Fault(
            f"{path}.accelerator",
            None,
            "is missing on a gpu pool, whose nodes the autoscaler could not find otherwise",
            "set accelerator.type, e.g. nvidia-l4, and accelerator.count",
        )
    if pool.purpose != "gpu" and pool.accelerator is not None:
        yield _fault(
            f"{path}.accelerator",
            pool.accelerator.type,
            f"is given on a {pool.purpose} pool",
            "set purpose: gpu or remove the accelerator",
        )


def _machine_type(path: str, pool: Pool, settings: Settings) -> Iterator[Fault]:
    if settings.foundation in _MACHINE_TYPES and pool.machine_type is not None:
        pattern, example = _MACHINE_TYPES[settings.foundation]
        if not re.fullmatch(pattern, pool.machine_type):
            yield _fault(
                f"{path}.machine_type",
                pool.machine_type,
                f"is not a machine type of {settings.foundation}",
                f"write one like {example}",
            )


def _default_purpose(path: str, pool: Pool, _: Settings) -> Iterator[Fault]:
    if pool.default and pool.purpose == "gpu":
        yield Fault(
            f"{path}.default",
            "true",
            "would send every pod to accelerators",
            "make a general pool the default",
        )


def _system_on_spot(path: str, pool: Pool, _: Settings) -> Iterator[Fault]:
    if pool.spot and pool.purpose == "system":
        yield Fault(
            f"{path}.spot",
            "true",
            "would let the cloud take the cluster's own services away",
            "set spot: false, or use spot on a general or gpu pool",
        )


def service_pools(settings: Settings, _: Given) -> Iterator[Fault]:
    """A service runs on a pool that exists."""
    names = [pool.name for pool in settings.cluster.pools]
    for path, service in _SERVICES.items():
        with suppress(UnknownSettingError):
            pool = service(settings).pool
            if pool is not None and pool not in names:
                fix = choose(pool, names) if names else "remove it, or list the pool in cluster.pools"
                have = f"pools are {', '.join(names)}" if names else "there are no pools"
                yield _fault(f"{path}.pool", pool, f"names no pool: {have}", fix)


def own_databases(settings: Settings, given: Given) -> Iterator[Fault]:
    """No two services share a database, also where one of them is switched off: its data stays."""
    owners: dict[str, str] = {}
    for path, service in _SERVICES.items():
        with suppress(UnknownSettingError):
            name: str = service(settings).database  # type: ignore[attr-defined]
            owner = owners.setdefault(name, path)
            if owner != path:
                # Of a name that was given and one that is a default, the given one can be changed.
                here, other = (path, owner) if _given(given, f"{path}.database") else (owner, path)
                yield _fault(
                    f"{here}.database",
                    name,
                    f"is already the database of {other}",
                    "give each service a database of its own",
                )


def feast_needs_the_cache(settings: Settings, _: Given) -> Iterator[Fault]:
    """Feast's online store is the cache."""
    if settings.data.feast.enabled and not settings.cache.enabled:
        yield Fault(
            "cache.enabled",
            "false",
            "is off, but data.feast serves features from the cache",
            "set cache.enabled: true or data.feast.enabled: false",
        )


def database_mode(settings: Settings, _: Given) -> Iterator[Fault]:
    """The database fits foundation and tier."""
    mode = settings.database.mode
    if settings.foundation in CLOUDS:
        if mode != "managed":
            yield _fault(
                "database.mode",
                mode,
                f"is not how {settings.foundation} runs a database",
                "set managed or leave it out",
            )
    elif mode == "managed":
        yield _fault(
            "database.mode", mode, "needs a cloud", "set cloudnative-pg, or embedded for development"
        )
    elif mode == "embedded" and settings.tier != "development":
        yield _fault(
            "database.mode",
            mode,
            f"is a single pod, too weak for {settings.tier}",
            "set cloudnative-pg or leave it out",
        )


def database_on_aws(settings: Settings, _: Given) -> Iterator[Fault]:
    """A managed server on AWS has one standby at most, and a volume that the service offers."""
    if settings.foundation != "aws":
        return
    with suppress(UnknownSettingError):
        if settings.database.instances > 2:
            yield _fault(
                "database.instances",
                settings.database.instances,
                "is more than a managed server on aws has",
                "set 2, a server with its standby, or 1",
            )
    with suppress(UnknownSettingError):
        if size_in_bytes(settings.database.size) < 20 << 30:
            yield _fault(
                "database.size", settings.database.size, "is less than aws offers", "set 20Gi or more"
            )


def budget_tells_somebody(settings: Settings, _: Given) -> Iterator[Fault]:
    """A budget that nobody hears of is none, and AWS Budgets writes to ten at most."""
    budget = settings.governance.budget
    if budget is not None and not 1 <= len(budget.recipients) <= 10:
        yield _fault(
            "governance.budget.recipients",
            f"{len(budget.recipients)} addresses",
            "is not how many a budget can tell",
            "name 1 to 10",
        )


def embedded_database(settings: Settings, _: Given) -> Iterator[Fault]:
    """The single-pod database neither replicates nor backs up."""
    database = settings.database
    if database.mode != "embedded" or settings.tier != "development":
        return
    with suppress(UnknownSettingError):
        if database.instances != 1:
            yield _fault(
                "database.instances",
                database.instances,
                "is more than embedded mode has",
                "set mode: cloudnative-pg or 1",
            )
    with suppress(UnknownSettingError):
        if database.backups.enabled:
            yield Fault(
                "database.backups.enabled",
                "true",
                "is not possible in embedded mode",
                "set mode: cloudnative-pg or turn backups off",
            )


def sources_have_locations(settings: Settings, _: Given) -> Iterator[Fault]:
    """A mirror or directory is named; upstream is not."""
    for name in ("charts", "images"):
        with suppress(UnknownSettingError):
            source = read(settings, f"sources.{name}")
            path = f"sources.{name}.location"
            if source.kind == "upstream" and source.location is not None:
                yield _fault(
                    path, source.location, "has no use with kind upstream", "set kind: mirror or remove it"
                )
            elif source.kind != "upstream" and source.location is None:
                what = (
                    "the OCI path, e.g. registry.example.com/mirror"
                    if source.kind == "mirror"
                    else "the directory"
                )
                yield Fault(path, None, f"is missing for kind {source.kind}", f"set {what}")
            elif source.kind == "mirror" and not re.fullmatch(
                r"[a-z0-9][a-z0-9.-]*(?::[0-9]{2,5})?(?:/[a-z0-9][a-z0-9._/-]*)?", source.location
            ):
                yield _fault(
                    path,
                    source.location,
                    "is not an OCI path",
                    "write host[:port]/path, without scheme and tag",
                )


def network_size(settings: Settings, _: Given) -> Iterator[Fault]:
    """The network has room for every subnet and is no larger than clouds allow."""
    network = IPv4Network(settings.network.cidr)
    if not 16 <= network.prefixlen <= 20:
        yield _fault(
            "network.cidr",
            settings.network.cidr,
            "has a prefix that no cluster fits",
            "choose a prefix from /16 to /20",
        )
    elif not network.is_private:
        yield _fault(
            "network.cidr",
            settings.network.cidr,
            "is not a private network",
            "choose one within 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16",
        )


def buckets(settings: Settings, _: Given) -> Iterator[Fault]:
    """Further buckets differ from those that always exist and from each other."""
    names = settings.storage.additional_buckets
    for index, name in enumerate(names):
        if name in _BUCKETS:
            yield _fault(
                f"storage.additional_buckets[{index}]",
                name,
                "always exists",
                "remove it or choose another name",
            )
        elif name in names[:index]:
            yield _fault(
                f"storage.additional_buckets[{index}]", name, "is listed twice", "remove one of them"
            )


def addresses_differ(settings: Settings, _: Given) -> Iterator[Fault]:
    """No external address is listed twice."""
    listed = settings.edge.external_addresses
    for index, address in enumerate(listed):
        if address in listed[:index]:
            yield _fault(
                f"edge.external_addresses[{index}]", address, "is listed twice", "remove one of them"
            )


def cache_fits(settings: Settings, _: Given) -> Iterator[Fault]:
    """The cache's data fits into the memory that its pod may use."""
    if size_in_bytes(settings.cache.memory) > size_in_bytes(settings.cache.resources.memory):
        yield _fault(
            "cache.memory",
            settings.cache.memory,
            f"is more than the pod may use ({settings.cache.resources.memory})",
            "lower it or raise cache.resources.memory",
        )


def size_in_bytes(size: str) -> int:
    """Returns a size such as `20Gi` in bytes."""
    return int(size[:-2]) << (20, 30, 40)[("Mi", "Gi", "Ti").index(size[-2:])]


def own_images(settings: Settings, given: Given) -> Iterator[Fault]:
    """Every image of our own that the platform runs is given by digest."""

    def on_premises() -> bool:
        return settings.foundation == "on-premises"

    def embedded() -> bool:
        return on_premises() and settings.tier == "development" and settings.database.mode == "embedded"

    users: tuple[tuple[str, str, Callable[[], bool]], ...] = (
        ("postgresql", "database", embedded),
        ("valkey", "cache", lambda: on_premises() and settings.cache.enabled),
        ("feast", "data.feast", lambda: settings.data.feast.enabled),
        ("mlflow", "experimentation.mlflow", lambda: settings.experimentation.mlflow.enabled),
        ("toolbox", "every environment", lambda: True),
    )
    images = given.get("images") or {}
    if not isinstance(images, Mapping):
        return
    own = [image for image, _, _ in users]
    for image, user, runs in users:
        with suppress(UnknownSettingError):
            if image not in images and runs():
                near = closest(image, [name for name in images if name not in own])
                yield Fault(
                    f"images.{image}",
                    None,
                    f"is missing; {user} runs it",
                    f"rename `{near}` to it" if near else "set what `colonnade images build` prints",
                )


def production_floors(settings: Settings, _: Given) -> Iterator[Fault]:
    """Production is not weaker than its tier implies, or says why."""
    waived = set()
    for waiver in settings.waivers:
        with suppress(UnknownSettingError):
            waived.add(waiver.setting)
    if settings.tier != "production":
        return
    for path, floor in PRODUCTION_FLOORS.items():
        with suppress(UnknownSettingError):
            value = read(settings, path)
            if settings.foundation in floor.foundations and path not in waived and not floor.holds(value):
                yield _fault(
                    path,
                    value,
                    f"is too weak: production {floor.demand}",
                    f"{floor.fix}, or give {path} and a reason in waivers",
                )


def waivers(settings: Settings, _: Given) -> Iterator[Fault]:
    """A waiver waives something."""
    for index, waiver in enumerate(settings.waivers):
        with suppress(UnknownSettingError):
            path, setting = f"waivers[{index}].setting", waiver.setting
            if setting not in PRODUCTION_FLOORS:
                yield _fault(path, setting, "cannot be waived", choose(setting, PRODUCTION_FLOORS))
            elif setting in [other.setting for other in settings.waivers[:index]]:
                yield _fault(path, setting, "is waived twice", "remove one of them")
            else:
                floor = PRODUCTION_FLOORS[setting]
                applies = settings.tier == "production" and settings.foundation in floor.foundations
                if not applies or floor.holds(read(settings, setting)):
                    why = "is strong enough" if applies else "may have any value here"
                    yield _fault(path, setting, f"waives nothing: the setting {why}", "remove the waiver")


RULES: tuple[Rule, ...] = (
    foundation_keys,
    tls_is_given,
    certificate_on_aws,
    one_certificate,
    region_of_foundation,
    account_of_foundation,
    pool_names,
    one_default_pool,
    a_pool_for_the_platform,
    each_pool,
    service_pools,
    own_databases,
    feast_needs_the_cache,
    database_mode,
    database_on_aws,
    budget_tells_somebody,
    embedded_database,
    sources_have_locations,
    network_size,
    buckets,
    addresses_differ,
    cache_fits,
    own_images,
    production_floors,
    waivers,
)


def judge(settings: Settings, given: Given) -> list[Fault]:
    """Returns the faults that all rules find; what cannot be computed is left out."""
    faults: list[Fault] = []
    for rule in RULES:
        with suppress(UnknownSettingError):
            for fault in rule(settings, given):
                faults.append(fault)
    return faults
