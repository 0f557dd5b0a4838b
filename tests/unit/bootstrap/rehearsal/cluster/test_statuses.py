from typing import Any

import pytest

from bootstrap.rehearsal.cluster.statuses import STATUSES, change, condition

METADATA = {"name": "it", "namespace": "trial", "uid": "1", "generation": 3}
# What waits for each kind: the condition, or the path of a value.
SPECS: dict[str, dict[str, Any]] = {
    "gateways": {"listeners": [{"name": "https"}]},
    "httproutes": {"parentRefs": [{"name": "edge", "namespace": "colonnade-system"}]},
    "clusters": {"instances": 3},
}


def found(path: str) -> dict[str, Any]:
    return {"metadata": METADATA, "spec": SPECS.get(path.rpartition("/")[2], {})}


@pytest.mark.parametrize("path", STATUSES)
def test_what_was_said_is_not_said_again(path: str) -> None:
    before = found(path)
    wanted = STATUSES[path](before)
    assert change(before, wanted) == wanted
    later = STATUSES[path](before)
    for entry in later.get("conditions", []):
        entry["lastTransitionTime"] = "2030-01-01T00:00:00Z"
    assert change({**before, "status": {**wanted, "addresses": ["10.0.0.1"]}}, later) == {}


@pytest.mark.parametrize("path", [path for path in STATUSES if "external-secrets" not in path])
def test_new_generation_is_reported_anew(path: str) -> None:
    before = found(path)
    status = STATUSES[path](before)
    newer = {"metadata": {**METADATA, "generation": 4}, "spec": before["spec"], "status": status}
    assert change(newer, STATUSES[path](newer))


def test_one_listener_more_is_a_change() -> None:
    path = "/apis/gateway.networking.k8s.io/v1/gateways"
    before = found(path)
    more = {**before, "spec": {"listeners": [{"name": "https"}, {"name": "other"}]}}
    assert "listeners" in change({**more, "status": STATUSES[path](before)}, STATUSES[path](more))


def test_gateway_is_programmed_as_pulumi_waits_for_it() -> None:
    path = "/apis/gateway.networking.k8s.io/v1/gateways"
    conditions = STATUSES[path](found(path))["conditions"]
    assert ("Programmed", "True") in {(entry["type"], entry["status"]) for entry in conditions}


def test_route_is_accepted_by_each_parent() -> None:
    path = "/apis/gateway.networking.k8s.io/v1/httproutes"
    (parent,) = STATUSES[path](found(path))["parents"]
    assert parent["parentRef"] == {"name": "edge", "namespace": "colonnade-system"}
    assert parent["conditions"][0]["type"] == "Accepted"


def test_database_is_applied() -> None:
    path = "/apis/postgresql.cnpg.io/v1/databases"
    assert STATUSES[path](found(path)) == {"applied": True, "observedGeneration": 3}


def test_condition_holds() -> None:
    made = condition("Ready", 7)
    assert (made["type"], made["status"], made["observedGeneration"]) == ("Ready", "True", 7)
