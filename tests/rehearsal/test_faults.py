"""Whatever goes wrong on the way, running again converges, and nothing is orphaned."""

from collections.abc import Callable
from typing import Any

import pytest

from bootstrap.lifecycle.pulumi import EngineError
from bootstrap.rehearsal.phases import Life
from bootstrap.rehearsal.rehearsal import Rehearsal

STACK = "aws-dev"
GROUP = "aws:eks/nodeGroup:NodeGroup"
OFF = {"enabled": False}
# Without the services, which say nothing about the cloud, a life is short.
BARE: dict[str, Any] = {"data": {"lakefs": OFF, "feast": OFF}, "experimentation": {"mlflow": OFF}}
SAMPLE = [
    "throttle:40",
    "timeout:40",
    "quota:aws:ec2/subnet:Subnet:1",
    "crash-after:25:inside",
    "crash-after:60",
]
POINTS = [
    f"crash-after:{after}{place}" for after in range(8, 176, 14) for place in (":inside", ":between")
] + ["crash-after:3:inside"]


def converges(rehearsal: Rehearsal) -> None:
    life = Life(rehearsal, [])
    life.up()
    assert rehearsal.faults.fired
    life.unchanged()


def test_whatever_was_being_created_is_found(rehearse: Callable[..., Rehearsal]) -> None:
    rehearsal = rehearse("aws-prod", **BARE)
    rehearsal.stack.up()
    made = [it for it in rehearsal.resources() if it["type"].startswith("aws:")]
    lost = {
        it["urn"]: found
        for it in made
        # A database is imported by its identifier, and has an id beside it.
        if (found := rehearsal.pending(it)) not in (it["id"], it["outputs"].get("identifier"))
    }
    assert lost == {}
    # What a state holds is not taken for what is being created.
    assert {rehearsal.pending(it, {it["id"], it["inputs"].get("identifier")}) for it in made} == {None}
    assert len({it["type"] for it in made}) > 40


@pytest.mark.parametrize("fault", SAMPLE)
def test_a_fault_is_overcome(fault: str, rehearse: Callable[..., Rehearsal]) -> None:
    converges(rehearse(STACK, fault, **BARE))


@pytest.mark.soak
@pytest.mark.parametrize("fault", POINTS)
def test_a_crash_at_any_point_is_overcome(fault: str, rehearse: Callable[..., Rehearsal]) -> None:
    converges(rehearse(STACK, fault))


@pytest.mark.soak
def test_a_crash_within_a_replacement_is_overcome(rehearse: Callable[..., Rehearsal]) -> None:
    rehearsal = rehearse(STACK, **BARE)
    stack, faults, account = rehearsal.stack, rehearsal.faults, rehearsal.account
    assert account is not None
    stack.up()
    groups = {group.id for group in account.all(GROUP)}
    document = rehearsal.place.read(STACK)
    pools = document["config"]["colonnade:cluster"]["pools"]
    [general] = [pool for pool in pools if pool["name"] == "general"]
    general["machine_type"] = "m6i.2xlarge"
    rehearsal.place.write(STACK, document)
    faults.crash_after, faults.crash_inside = faults._done + 1, True
    with pytest.raises(EngineError):
        stack.up()
    assert faults.fired == [f"crash: within create {GROUP}"]
    assert len(account.all(GROUP)) == len(groups) + 1
    rehearsal.settle()
    stack.up()
    assert rehearsal.orphans() == []
    assert len({group.id for group in account.all(GROUP)} & groups) == len(groups) - 1
    assert len(account.all(GROUP)) == len(groups)


def test_there_are_as_many_points_as_promised() -> None:
    assert len(SAMPLE) == 5
    assert len(POINTS) == 25
