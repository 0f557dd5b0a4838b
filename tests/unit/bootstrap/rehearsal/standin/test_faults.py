import threading
import time
from collections.abc import Callable

import pytest

from bootstrap.errors import ColonnadeError
from bootstrap.rehearsal.standin import faults
from bootstrap.rehearsal.standin.account import Store
from bootstrap.rehearsal.standin.faults import Faults
from bootstrap.rehearsal.standin.model import RefusedError, Resource

from .conftest import VPC


@pytest.fixture(autouse=True)
def short_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faults, "_RECORDING_SECONDS", 0.05)


def chosen(operation: Callable[[str], object]) -> set[str]:
    hit = set()
    for number in range(300):
        try:
            if operation(f"urn-{number}"):
                hit.add(f"urn-{number}")
        except RefusedError:
            hit.add(f"urn-{number}")
    return hit


def test_faults_are_read_from_words() -> None:
    read = Faults.parse(
        "throttle", "timeout:7", "quota:aws:ec2/vpc:Vpc", "quota:aws:ec2/eip:Eip:5", "crash-after:3:inside"
    )
    assert (read.throttle, read.timeout, read.crash_after, read.crash_inside) == (50, 7, 3, True)
    assert read.quotas == {"aws:ec2/vpc:Vpc": 0, "aws:ec2/eip:Eip": 5}
    assert not Faults.parse("crash-after:3:between").crash_inside


@pytest.mark.parametrize(
    "text",
    [
        "",
        "throttle:x",
        "throttle:0",
        "quota:vpc",
        "crash-after",
        "crash-after:x",
        "crash-after:3:out",
        "flood",
    ],
)
def test_words_that_are_no_fault_are_refused(text: str) -> None:
    with pytest.raises(ColonnadeError, match="unknown fault"):
        Faults.parse(text)


def test_throttling_hits_the_same_first_attempts_always(account: Store) -> None:
    def once() -> set[str]:
        injected = Faults.parse("throttle:10")
        hit = chosen(lambda urn: injected.before("create", VPC, urn, account))
        assert chosen(lambda urn: injected.before("create", VPC, urn, account)) == set()
        assert injected.fired == [f"throttle: create {VPC}"] * len(hit)
        return hit

    assert once() == once()
    assert 10 <= len(once()) <= 60


def test_a_throttled_operation_says_so_as_the_api_does(account: Store) -> None:
    with pytest.raises(RefusedError, match=r"too many requests \[ThrottlingException\]"):
        Faults.parse("throttle:1").before("create", VPC, "urn", account)


def test_a_timeout_lets_the_operation_happen(account: Store) -> None:
    injected = Faults.parse("timeout:1")
    assert injected.before("create", VPC, "urn", account)
    assert not injected.before("create", VPC, "urn", account)


def test_a_quota_counts_what_lives(account: Store) -> None:
    injected = Faults.parse(f"quota:{VPC}:1")
    injected.before("create", VPC, "a", account)
    account.add(Resource(VPC, "a", {}, {}))
    with pytest.raises(RefusedError, match=r"the quota of 1 is used up \[LimitExceeded\]"):
        injected.before("create", VPC, "b", account)
    injected.before("update", VPC, "a", account)


def test_a_crash_inside_comes_before_the_answer(account: Store) -> None:
    injected, crashes = Faults.parse("crash-after:2:inside"), list[str]()
    injected.crash = lambda: crashes.append("crash")
    for urn, expected in (("a", 0), ("b", 1), ("c", 1)):
        injected.before("create", VPC, urn, account)
        injected.after("create", VPC)
        assert len(crashes) == expected
    assert injected.fired == [f"crash: within create {VPC}"]


def test_a_crash_between_comes_before_the_next_operation(account: Store) -> None:
    injected, crashes = Faults.parse("crash-after:1"), list[str]()
    injected.crash = lambda: crashes.append("crash")
    injected.before("create", VPC, "a", account)
    injected.after("create", VPC)
    assert crashes == []
    with pytest.raises(RefusedError, match="the engine is gone"):
        injected.before("create", VPC, "b", account)
    assert crashes == ["crash"]
    injected.before("create", VPC, "b", account)


def test_what_a_dead_engine_asked_for_does_not_happen(account: Store) -> None:
    injected, refused = Faults.parse("crash-after:0"), list[str]()
    injected.crash = lambda: time.sleep(0.1)

    def ask(urn: str) -> None:
        try:
            injected.before("create", VPC, urn, account)
        except RefusedError:
            refused.append(urn)

    threads = [threading.Thread(target=ask, args=(str(number),)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 5
    assert len(injected.fired) == 1
