"""The scripts that bring databases and the cache's size to what was asked for."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.foundation.on_premises.cache import pod_memory
from components.foundation.on_premises.cloudnative_pg import host_based_access
from components.foundation.on_premises.postgresql import Database, password_variable, provisioning_sql


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


@given(st.lists(st.from_regex(r"[a-z][a-z0-9_]{0,10}", fullmatch=True), unique=True, max_size=5))
def test_replicated_server_admits_each_role_to_its_database_alone(names: list[str]) -> None:
    lines = host_based_access(names)
    assert lines[-1] == "host all all all reject"
    for line in lines[:-1]:
        kind, database, role, _, method = line.split()
        assert (kind, method) == ("hostssl", "scram-sha-256")
        assert database == role


@pytest.mark.parametrize(
    ("memory", "pod"), [("256Mi", "448Mi"), ("1Gi", "1600Mi"), ("1048576Ki", "1600Mi"), ("1Mi", "66Mi")]
)
def test_the_cache_has_room_to_rewrite_its_file(memory: str, pod: str) -> None:
    assert pod_memory(memory) == pod


@pytest.mark.parametrize("memory", ["256MB", "256", "1.5Gi", "", "Mi", "-1Mi"])
def test_memory_that_kubernetes_would_read_otherwise_is_refused(memory: str) -> None:
    with pytest.raises(ValueError, match="cache memory"):
        pod_memory(memory)
