"""From settings to the foundation that a stack stands on, one module for each."""

import importlib
from collections.abc import Sequence
from typing import Any

import pulumi

from components import catalog
from components.foundation.contract import Consumer, ContractError, Foundation
from components.foundation.edge import SingleSignOnSettings
from components.kubernetes.namespace import Namespace, NamespaceArgs
from stacks.settings import Settings
from stacks.sources import images

Providers = Sequence[pulumi.ProviderResource]

# Imported where it is used: a stack loads the code and the SDKs of its own foundation alone.
_MODULES = {"on-premises": "stacks.foundations.on_premises", "aws": "stacks.foundations.aws"}


def found(settings: Settings, consumers: Sequence[Consumer]) -> tuple[Foundation[Any], Providers]:
    """Builds the foundation of a stack, the consumers' namespaces included.

    Returns:
        The foundation, and the providers of what stands on it: Kubernetes and random.

    Raises:
        ContractError: There is no such foundation, or the consumers contradict each other.
    """
    if settings.foundation not in _MODULES:
        raise ContractError(
            f"foundation {settings.foundation!r} is not built yet; fix: take one of {', '.join(_MODULES)}"
        )
    built: tuple[Foundation[Any], Providers] = importlib.import_module(_MODULES[settings.foundation]).found(
        settings, consumers
    )
    return built


def namespaces(consumers: Sequence[Consumer], providers: Providers) -> list[pulumi.Resource]:
    """Creates the namespaces of all consumers."""
    return [
        Namespace(name, NamespaceArgs(), pulumi.ResourceOptions(providers=list(providers)))
        for name in sorted({consumer.namespace for consumer in consumers})
    ]


def single_sign_on(settings: Settings) -> SingleSignOnSettings | None:
    """Returns the identity provider that people sign in with, if there is one."""
    provider = settings.edge.single_sign_on
    if provider is None:
        return None
    return SingleSignOnSettings(
        image=catalog.image("oauth2-proxy", images(settings)),
        issuer_url=str(provider.issuer_url),
        client_id=provider.client_id,
        client_secret=pulumi.Output.secret(provider.client_secret.get_secret_value()),
    )
