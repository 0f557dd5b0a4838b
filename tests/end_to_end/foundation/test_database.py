"""PostgreSQL with pgvector, as a client on the host sees it."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.end_to_end.foundation.keys import NAMESPACE, secret


@pytest.fixture(scope="module")
def port(platform: Any) -> Iterator[int]:
    with platform.port_forward(NAMESPACE, "database", 5432) as forwarded:
        yield forwarded


@pytest.fixture(scope="module")
def passwords(platform: Any) -> dict[str, str]:
    return secret(platform, "database-databases")


def connect(port: int, role: str, password: str, database: str) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host="127.0.0.1", port=port, user=role, password=password, dbname=database, connect_timeout=15
    )


def test_the_nearest_vector_is_found(port: int, passwords: dict[str, str]) -> None:
    with connect(port, "feast", passwords["PASSWORD_FEAST"], "feast") as connection:
        connection.execute("DROP TABLE IF EXISTS end_to_end")
        connection.execute("CREATE TABLE end_to_end (word text, embedding vector(3))")
        connection.execute(
            "INSERT INTO end_to_end VALUES ('cat', '[1,0,0]'), ('dog', '[0.9,0.1,0]'), ('car', '[0,0,1]')"
        )
        connection.execute("CREATE INDEX ON end_to_end USING hnsw (embedding vector_cosine_ops)")
        found = connection.execute(
            "SELECT word FROM end_to_end ORDER BY embedding <=> '[0.8,0.2,0]' LIMIT 2"
        ).fetchall()
        connection.execute("DROP TABLE end_to_end")
    assert found == [("dog",), ("cat",)]


def test_a_wrong_password_is_refused(port: int) -> None:
    for role in ("feast", "postgres"):
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            connect(port, role, "wrong", role)


def test_a_role_reaches_no_other_database(port: int, passwords: dict[str, str]) -> None:
    for database in ("lakefs", "mlflow", "mlflow_auth", "postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="does not have CONNECT privilege"):
            connect(port, "feast", passwords["PASSWORD_FEAST"], database)


def test_a_role_makes_no_roles_and_no_databases(port: int, passwords: dict[str, str]) -> None:
    with connect(port, "feast", passwords["PASSWORD_FEAST"], "feast") as connection:
        connection.autocommit = True
        for statement in (
            "CREATE ROLE intruder",
            "CREATE DATABASE intruder",
            "ALTER ROLE lakefs PASSWORD 'x'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)  # type: ignore[call-overload]


def test_passwords_are_stored_as_scram(port: int, platform: Any) -> None:
    superuser = secret(platform, "database")["password"]
    with connect(port, "postgres", superuser, "postgres") as connection:
        stored = connection.execute("SELECT rolname, rolpassword FROM pg_authid WHERE rolcanlogin").fetchall()
    assert {"postgres", "feast", "lakefs"} <= {role for role, _ in stored}
    assert all(password.startswith("SCRAM-SHA-256$") for _, password in stored)
