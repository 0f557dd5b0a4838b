"""Every committed environment lives its whole life."""

from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.rehearsal import phases, report
from bootstrap.rehearsal.rehearsal import Rehearsal

ENVIRONMENTS = Path(__file__).parents[2] / "stacks" / "environments"
COMMITTED = sorted(
    name
    for path in ENVIRONMENTS.glob("Pulumi.*.yaml")
    if not (name := path.name.removeprefix("Pulumi.").removesuffix(".yaml")).startswith("local")
)


def test_the_environments_are_those_that_the_project_promises() -> None:
    assert COMMITTED == ["aws-dev", "aws-prod", "on-premises-prod"]


@pytest.mark.parametrize("stack", COMMITTED)
def test_it_lives_its_whole_life(stack: str, rehearse: Callable[..., Rehearsal]) -> None:
    rehearsal = rehearse(stack)
    ended = phases.run(rehearsal)
    assert [phase.fault for phase in ended] == [None] * len(ended)
    names = [phase.name for phase in ended if phase.name != "protection off"]
    assert names == ["preview", "up", "preview again", "refresh", "change", "destroy"]
    assert not [refusal for phase in ended for refusal in phase.refusals]
    described = report.document(rehearsal, ended)
    assert described["passed"]
    # What cannot be had here is named, and what can be is not.
    lacking = "cloudnative-pg" if stack.startswith("on-premises") else "cluster-autoscaler"
    assert any(lacking in line for line in described["not_rehearsed"])
    assert not any("gateway-api" in line for line in described["not_rehearsed"])
