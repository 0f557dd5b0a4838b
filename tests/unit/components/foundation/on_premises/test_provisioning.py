"""Who reaches which database of the replicated server, and what memory the cache gets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.foundation.on_premises.cache import pod_memory
from components.foundation.on_premises.cloudnative_pg import host_based_access


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
