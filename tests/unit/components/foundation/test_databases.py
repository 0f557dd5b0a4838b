"""The script that brings the databases of any server to what was asked for."""

import re

from components.foundation.databases import Database, password_variable, provisioning_sql


def test_the_script_takes_passwords_from_the_environment() -> None:
    script = provisioning_sql([Database("lakefs"), Database("mlflow_auth")])
    assert re.findall(r"^\\getenv password (\w+)$", script, re.MULTILINE) == [
        "PASSWORD_LAKEFS",
        "PASSWORD_MLFLOW_AUTH",
    ]
    assert password_variable("mlflow_auth") == "PASSWORD_MLFLOW_AUTH"


def test_everybody_else_is_shut_out_of_every_database() -> None:
    script = provisioning_sql([Database("lakefs"), Database("feast")])
    assert script.count('REVOKE ALL ON DATABASE :"name" FROM PUBLIC;') == 2
    assert "REVOKE CONNECT, TEMPORARY ON DATABASE postgres, template1 FROM PUBLIC;" in script


def test_extensions_are_made_in_their_own_database() -> None:
    lines = provisioning_sql([Database("plain"), Database("feast", ("vector",))]).splitlines()
    assert lines.index(r"\set name feast") < lines.index(r"\set extension vector")
    assert lines.count('CREATE EXTENSION IF NOT EXISTS :"extension";') == 1
    connected = lines.index(r'\connect :"name"')
    assert lines[connected + 1].startswith("CREATE EXTENSION")
    assert lines[connected + 2] == r"\connect postgres"


def test_a_failing_statement_ends_the_script() -> None:
    assert provisioning_sql([]).startswith("\\set ON_ERROR_STOP on\n")


def test_a_role_that_is_no_superuser_makes_the_databases_as_well() -> None:
    lines = provisioning_sql([Database("lakefs")]).splitlines()
    assert lines[1].startswith("SELECT rolsuper AS superuser FROM pg_roles WHERE rolname = current_user")
    branch, other, end = (lines.index(it) for it in (r"\if :superuser", r"\else", r"\endif"))
    # PostgreSQL refuses these to everybody but a superuser, whether they are set or taken away.
    reserved = [n for n, line in enumerate(lines) if re.search("SUPERUSER|REPLICATION|BYPASSRLS", line)]
    assert [branch < n < other for n in reserved] == [True]
    granted = lines.index('GRANT :"name" TO CURRENT_USER;')
    assert other < granted < end
    assert end < next(n for n, line in enumerate(lines) if "CREATE DATABASE" in line)
