"""What each phase demands, and what it takes for a failure."""

from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import ColonnadeError
from bootstrap.lifecycle.pulumi import EngineError, Outcome
from bootstrap.rehearsal import phases
from bootstrap.rehearsal.phases import Phase
from tests.unit.bootstrap.rehearsal.conftest import DOCUMENT, FakeRehearsal

WHOLE = ["preview", "up", "preview again", "refresh", "change", "destroy"]


def run(fake: FakeRehearsal, *arguments: Any) -> list[Phase]:
    return phases.run(fake, *arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(("until", "names"), [("preview", WHOLE[:1]), ("up", WHOLE[:-1]), ("destroy", WHOLE)])
def test_a_life_goes_as_far_as_it_is_asked_to(fake: FakeRehearsal, until: str, names: list[str]) -> None:
    ended = run(fake, until)
    assert [phase.name for phase in ended] == names
    assert {phase.fault for phase in ended} == {None}
    assert ended[0].changes == {"create": 2}


def test_protection_is_taken_off_before_the_end(fake: FakeRehearsal) -> None:
    fake.settings.protect = True
    assert [phase.name for phase in run(fake)] == [*WHOLE[:-1], "protection off", "destroy"]
    config = fake.place.document["config"]
    assert config["colonnade:protect"] is False
    assert [it["setting"] for it in config["colonnade:waivers"]] == ["protect"]


@pytest.mark.parametrize(
    ("verb", "answers", "phase", "said"),
    [
        (
            "preview",
            [Outcome({"create": 1}, 1.0), Outcome({"update": 2}, 1.0)],
            2,
            "second up would update 2",
        ),
        ("refresh", [Outcome({"delete": 1, "same": 9}, 1.0)], 3, "a refresh would delete 1"),
        ("up", [Outcome({"create": 1}, 1.0), Outcome({"same": 1}, 1.0)], 4, "the change changed nothing"),
        ("destroy", [EngineError("it failed", None, ["one", "two"])], 5, "it failed; one; two"),
    ],
)
def test_the_first_failure_is_the_last_phase(
    fake: FakeRehearsal, verb: str, answers: list[Any], phase: int, said: str
) -> None:
    fake.stack.answers[verb] = answers
    ended = run(fake)
    assert len(ended) == phase + 1
    assert said in str(ended[-1].fault)
    assert bool(ended[-1].changes) == isinstance(answers[-1], Outcome)


def test_a_change_must_replace_and_delete_nothing(fake: FakeRehearsal) -> None:
    kept, job = "a:b/c:C", "kubernetes:batch/v1:Job"
    before = [fake.resource(kept, "one"), fake.resource(job, "old")]
    for after, said in (
        ([fake.resource(kept, "two"), fake.resource(job, "old")], "C x"),
        ([fake.resource(job, "old")], "C x"),
        ([fake.resource(kept, "one"), fake.resource(job, "new")], None),
    ):
        # For the charts, then before and after the change.
        fake.states = [before, before, after]
        fake.stack.answers["up"] = [Outcome({"update": 1}, 1.0)]
        fault = run(fake, "up")[-1].fault
        assert fault == (said and f"the change replaced or deleted {said}")


def test_orphans_and_leftovers_are_failures(fake: FakeRehearsal) -> None:
    fake.left = [f"Secret a {number}" for number in range(12)]
    assert "left behind: Secret a 0" in str(run(fake)[-1].fault)
    assert "and 2 more" in str(run(fake)[-1].fault)
    fake.orphaned = ["bucket b lives, and no state holds it"]
    ended = run(fake)
    assert (ended[-1].name, ended[-1].fault) == ("up", fake.orphaned[0])


def test_after_a_fault_that_was_asked_for_it_is_run_again(fake: FakeRehearsal) -> None:
    def crash(rehearsal: FakeRehearsal) -> Exception:
        rehearsal.faults.fired.append("crash")
        return EngineError("killed")

    fake.faults.quotas["a"] = 1
    fake.stack.answers["up"] = [crash, crash, Outcome({"create": 2}, 1.0), Outcome({"update": 1}, 1.0)]
    assert {phase.fault for phase in run(fake, "up")} == {None}
    assert (fake.settled, fake.faults.quotas) == (2, {})


def test_a_fault_that_nobody_asked_for_ends_the_phase(fake: FakeRehearsal) -> None:
    fake.stack.answers["up"] = [EngineError("a program is wrong")]
    assert run(fake)[-1].fault == "a program is wrong"
    assert (fake.settled, fake.stack.asked.count("up")) == (0, 1)


def test_the_charts_of_the_stack_are_known_once_it_is_up(fake: FakeRehearsal) -> None:
    fake.states = [[fake.resource("colonnade:index:Chart", "", inputs={"chart": "cert-manager"})]]
    run(fake, "up")
    assert fake.charts == {"cert-manager"}


def test_policies_run_where_there_are_any(
    fake: FakeRehearsal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phases, "_PACK", tmp_path)
    with pytest.raises(ColonnadeError, match="no policy pack"):
        run(fake, "preview", True)
    (tmp_path / "PulumiPolicy.yaml").touch()
    run(fake, "preview", True)
    assert fake.stack.asked == [f"preview --policy-pack {tmp_path}"]


def test_an_unknown_end_is_refused(fake: FakeRehearsal) -> None:
    with pytest.raises(ColonnadeError, match="'never' is unknown; fix: name one of preview, up, destroy"):
        run(fake, "never")
    assert fake.stack.asked == []


def test_the_change_of_a_day_lets_the_last_pool_grow_and_adds_a_bucket() -> None:
    config = phases.changed(DOCUMENT)["config"]
    assert [pool["max"] for pool in config["colonnade:cluster"]["pools"]] == [3, 5]
    assert config["colonnade:storage"] == {"additional_buckets": ["papers", phases.BUCKET]}
    assert DOCUMENT["config"]["colonnade:cluster"]["pools"][1]["max"] == 4  # type: ignore[index]


def test_pools_without_a_size_are_left_alone() -> None:
    pools = {"pools": [{"name": "general"}]}
    assert phases.changed({"config": {"colonnade:cluster": pools}})["config"]["colonnade:cluster"] == pools


def test_only_production_has_to_say_why_protection_goes() -> None:
    assert "colonnade:waivers" not in phases.released({"config": {"colonnade:tier": "development"}})["config"]
