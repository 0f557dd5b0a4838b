"""What tier and foundation imply where a stack file says nothing, and what production may not fall below."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from stacks.settings.fields import CLOUDS

_REPLICATED = {"lakefs": {"replicas": 2}, "feast": {"replicas": 2}}

_BY_TIER: dict[str, dict[str, Any]] = {
    "development": {},
    "staging": {
        "retention": {"logs_days": 30, "deleted_days": 14},
        "database": {"instances": 2, "backups": {"enabled": True, "retention_days": 14}},
        "data": _REPLICATED,
        "experimentation": {"mlflow": {"replicas": 2}},
    },
    "production": {
        "protect": True,
        "retention": {"logs_days": 365, "deleted_days": 90},
        "database": {"instances": 3, "size": "50Gi", "backups": {"enabled": True, "retention_days": 35}},
        "cache": {"size": "4Gi", "memory": "1Gi", "resources": {"cpu": "500m", "memory": "1536Mi"}},
        "storage": {"size": "200Gi"},
        "data": _REPLICATED,
        "experimentation": {"mlflow": {"replicas": 2}},
    },
}

_MACHINES = {
    "aws": ("m6i.large", "m6i.xlarge"),
    "azure": ("Standard_D2s_v5", "Standard_D4s_v5"),
    "gcp": ("n2-standard-2", "n2-standard-4"),
}
_POOL_SIZES = {"development": ((1, 2), (1, 4)), "staging": ((2, 3), (1, 6)), "production": ((3, 4), (2, 12))}

# A managed server has one standby at most, and its volume is at least 20 GiB.
_AWS: dict[str, dict[str, Any]] = {
    "development": {
        "database": {"size": "20Gi", "instance_type": "db.t4g.medium"},
        "cache": {"instance_type": "cache.t4g.small"},
    },
    "staging": {
        "network": {"nat_per_zone": True},
        "database": {"size": "20Gi", "instance_type": "db.m6g.large"},
        "cache": {"instance_type": "cache.m6g.large"},
        "governance": {"audit_trail": True},
    },
    "production": {
        "network": {"nat_per_zone": True},
        "database": {"instances": 2, "instance_type": "db.m6g.large"},
        "cache": {"instance_type": "cache.m6g.large"},
        "governance": {"audit_trail": True, "data_scan": True, "image_scanning": "enhanced"},
    },
}


def _by_foundation(foundation: str, tier: str) -> dict[str, Any]:
    if foundation in CLOUDS:
        pools = [
            {"name": purpose, "purpose": purpose, "machine_type": machine, "min": fewest, "max": most}
            for purpose, machine, (fewest, most) in zip(
                ("system", "general"), _MACHINES[foundation], _POOL_SIZES[tier], strict=True
            )
        ]
        managed = {"database": {"mode": "managed"}, "cluster": {"pools": pools}}
        return _merge(managed, _AWS[tier]) if foundation == "aws" else managed
    return {"database": {"mode": "embedded" if tier == "development" else "cloudnative-pg"}}


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        both = isinstance(under, Mapping) and isinstance(value, Mapping)
        merged[key] = _merge(under, value) if both else value  # type: ignore[arg-type]
    return merged


def implied(foundation: str, tier: str) -> dict[str, Any]:
    """Returns the settings that a foundation and a tier imply; an unknown one implies the least."""
    # What follows from the foundation must not be held against an environment whose tier is at fault.
    tier = tier if tier in _BY_TIER else "development"
    defaults = copy.deepcopy(_BY_TIER[tier])
    if foundation in (*CLOUDS, "on-premises"):
        defaults = _merge(defaults, _by_foundation(foundation, tier))
    return defaults


def complete(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the given settings on top of what their foundation and tier imply; the given ones win."""
    return _merge(implied(str(given.get("foundation")), str(given.get("tier"))), given)


@dataclass(frozen=True)
class Floor:
    """What an environment in production may not fall below without a waiver.

    Attributes:
        holds: Whether a value is strong enough.
        demand: What is asked for, as it follows "production ...".
        fix: How to meet it.
        foundations: Where it applies.
    """

    holds: Callable[[Any], bool]
    demand: str
    fix: str
    foundations: tuple[str, ...] = ("on-premises", *CLOUDS)


def _at_least(least: int, what: str, foundations: tuple[str, ...] = ("on-premises", *CLOUDS)) -> Floor:
    return Floor(
        lambda value: value >= least, f"wants at least {least} {what}", f"set {least} or more", foundations
    )


PRODUCTION_FLOORS: dict[str, Floor] = {
    "protect": Floor(bool, "protects stateful resources", "set true or leave it out"),
    "network.private_endpoints": Floor(
        bool, "keeps its endpoints private", "set true or leave it out", CLOUDS
    ),
    "network.allowed_cidrs": Floor(
        lambda networks: "0.0.0.0/0" not in networks,
        "is not open to the whole internet",
        "name the networks that need access",
        CLOUDS,
    ),
    "network.zones": _at_least(2, "zones", CLOUDS),
    "database.instances": _at_least(2, "instances"),
    "governance.audit_trail": Floor(bool, "records every call", "set true or leave it out", ("aws",)),
    "database.backups.enabled": Floor(bool, "backs its database up", "set true or leave it out"),
    "database.backups.retention_days": _at_least(14, "days of backups"),
    "retention.logs_days": _at_least(90, "days of logs"),
    "retention.deleted_days": _at_least(30, "days to restore objects"),
}
