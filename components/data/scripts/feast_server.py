"""Runs the command line of Feast with two corrections of the access control of its servers.

A project that states no permissions would be open to every service account of the cluster; and `feast apply`
looks up permissions by the message of a project instead of its name, where the SQL registry fails.
"""

# Feast is in the image alone.
# mypy: disable-error-code="import-not-found,import-untyped,no-any-return"

import os
from contextvars import Token
from typing import Any

from feast.cli.cli import cli
from feast.permissions.permission import Permission
from feast.permissions.policy import NamespaceBasedPolicy
from feast.permissions.security_manager import SecurityManager

# By namespace, since that is what Feast takes from the API server's review of a token.
CLIENTS = Permission(
    name="clients", policy=NamespaceBasedPolicy(namespaces=os.environ["FEAST_CLIENT_NAMESPACES"].split(","))
)

_set_current_project = SecurityManager.set_current_project


def set_current_project(manager: SecurityManager, project: Any) -> Token[Any]:
    """Sets the project that a request is about, given by its name or as its message."""
    return _set_current_project(manager, project.spec.name if hasattr(project, "spec") else project)


def permissions(manager: SecurityManager) -> list[Permission]:
    """Returns the permissions of the project that a request is about, or the platform's where it has none."""
    project = manager._current_project.get() or manager._project
    return manager._registry.list_permissions(project=project) or [CLIENTS]


SecurityManager.set_current_project = set_current_project
SecurityManager.permissions = property(permissions)

if __name__ == "__main__":
    cli()
