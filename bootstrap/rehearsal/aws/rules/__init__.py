"""Rules across resources: what AWS refuses although each value by itself is right."""

from itertools import chain

from bootstrap.rehearsal.aws.rules import cluster, data, edge, governance, identity, network, quotas, storage
from bootstrap.rehearsal.aws.rules.support import Rules

_CHECKED = (network, identity, storage, cluster, data, edge, governance)


def _joined(*parts: Rules) -> Rules:
    kinds = dict.fromkeys(chain.from_iterable(parts))
    return {kind: tuple(chain.from_iterable(part.get(kind, ()) for part in parts)) for kind in kinds}


def creating() -> Rules:
    """Returns the rules for making a resource, by type."""
    return _joined(*(module.CREATING for module in _CHECKED), quotas.rules())


def updating() -> Rules:
    """Returns the rules for changing a resource, by type: those for making it, less the quotas, and more."""
    return _joined(*(module.CREATING for module in _CHECKED), cluster.UPDATING)


def deleting() -> Rules:
    """Returns the rules for deleting a resource, by type."""
    return _joined(network.DELETING, storage.DELETING, data.DELETING)
