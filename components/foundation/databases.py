"""The databases of the consumers: what every PostgreSQL server is brought to, and how a job does it."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

import pulumi

PORT: Final = 5432
_SQL: Final = "/job/databases.sql"
_VERIFIERS: Final = "/job/with_verifiers.py"
# The network lets a new pod through only after a moment; until then it refuses.
COMMAND: Final = (
    "/bin/sh",
    "-euc",
    "until pg_isready --quiet; do sleep 1; done; "
    f"exec python3 {_VERIFIERS} psql --no-psqlrc --quiet --file {_SQL}",
)


@dataclass(frozen=True)
class Database:
    """A database and the role of the same name that owns it.

    Attributes:
        name: Name of both; what `contract.validate` accepts, so it needs no escaping.
        extensions: Extensions to have in it.
    """

    name: str
    extensions: Sequence[str] = ()


def password_variable(database: str) -> str:
    """Returns the environment variable that carries the password of a database's role."""
    return f"PASSWORD_{database.upper()}"


def environment(host: pulumi.Input[str], user: str) -> dict[str, pulumi.Input[str]]:
    """Returns the plain environment of the job; the password of `user` goes into PGPASSWORD."""
    return {
        "PGHOST": host,
        "PGPORT": str(PORT),
        "PGUSER": user,
        "PGDATABASE": "postgres",
        "PGCONNECT_TIMEOUT": "10",
        "PGOPTIONS": "-c client_min_messages=warning",
    }


def files(databases: Sequence[Database]) -> dict[str, str]:
    """Returns the files that `COMMAND` runs, by path; none holds a secret."""
    return {_SQL: provisioning_sql(databases), _VERIFIERS: _script("with_verifiers.py")}


def provisioning_sql(databases: Sequence[Database]) -> str:
    """Returns the psql script that makes the databases and their roles what they should be, from any state.

    A role may connect to its own database and to no other; passwords come from the environment, so the script
    holds no secret. Running it again changes nothing. A database that is no longer asked for is left alone.
    It runs as a superuser, or as a role with CREATEDB and CREATEROLE that made the roles itself, which is all
    that a managed server admits.
    """
    parts = [_script("server.sql")]
    for database in databases:
        password = rf"\getenv password {password_variable(database.name)}"
        parts += [rf"\set name {database.name}", password, _script("database.sql")]
        for extension in database.extensions:
            parts += [rf"\set extension {extension}", _script("extension.sql")]
    return "\n".join(parts)


def _script(name: str) -> str:
    return resources.files(__package__).joinpath(f"scripts/{name}").read_text(encoding="utf-8")
