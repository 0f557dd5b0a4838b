"""What brings the databases of any server to what was asked for."""

import json
import os
import re
import runpy
import subprocess
import sys
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.foundation.databases import (
    COMMAND,
    Database,
    environment,
    files,
    password_variable,
    provisioning_sql,
)

VERIFIERS = str(resources.files("components.foundation").joinpath("scripts/with_verifiers.py"))


@pytest.fixture(scope="module")
def verifier() -> Any:
    return runpy.run_path(VERIFIERS)["verifier"]


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


def test_the_job_runs_what_it_is_given() -> None:
    given = files([Database("lakefs")])
    assert all(path in COMMAND[2] for path in given)
    assert given["/job/databases.sql"] == provisioning_sql([Database("lakefs")])
    assert environment("db.example.com", "admin")["PGUSER"] == "admin"


def test_a_verifier_is_what_the_rfc_says(verifier: Any) -> None:
    # The example of RFC 7677, section 3: its password, salt and count, with the keys that prove its messages.
    salt = bytes.fromhex("5b6d99689d12358eeca04b141236fa81")
    assert verifier("pencil", salt) == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
    with pytest.raises(UnicodeEncodeError):
        verifier("pencïl", salt)


@given(st.from_regex(r"[A-Za-z0-9]{16,40}", fullmatch=True), st.binary(min_size=16, max_size=16))
def test_a_verifier_holds_no_password(verifier: Any, password: str, salt: bytes) -> None:
    assert password not in verifier(password, salt)


def test_the_command_sees_verifiers_alone() -> None:
    given = {**os.environ, "PASSWORD_LAKEFS": "sentinel-5f1c", "PGPASSWORD": "master"}
    show = "import json, os; print(json.dumps(dict(os.environ)))"
    done = subprocess.run(
        [sys.executable, VERIFIERS, sys.executable, "-c", show],
        env=given,
        check=True,
        capture_output=True,
        text=True,
    )
    seen = json.loads(done.stdout)
    assert "sentinel-5f1c" not in done.stdout
    assert seen["PASSWORD_LAKEFS"].startswith("SCRAM-SHA-256$4096:")
    assert seen["PGPASSWORD"] == "master"
