"""What a foundation refuses to be asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.foundation.contract import Consumer, ContractError, Purpose, validate


def consumer(name: str, database: str | None = None, extensions: tuple[str, ...] = ()) -> Consumer:
    return Consumer(name, "data", name, database=database, extensions=extensions)


def test_consumers_with_databases_of_their_own_are_accepted() -> None:
    validate([consumer("lakefs", "lakefs"), consumer("feast", "feast", ("vector",)), consumer("plain")])


def test_case_22_two_consumers_of_one_database_are_rejected() -> None:
    with pytest.raises(ContractError) as error:
        validate([consumer("lakefs", "shared"), consumer("feast", "shared")])
    assert str(error.value) == "database 'shared': asked for by lakefs, feast; give each its own"


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(ContractError) as error:
        validate(
            [
                consumer("Upper"),
                consumer("twice"),
                consumer("twice"),
                consumer("reserved", "template1"),
                consumer("injected", 'x"; DROP TABLE y'),
                consumer("without", None, ("vector",)),
                consumer("with", "good", ("bad name",)),
            ]
        )
    assert str(error.value).split("; ", 3)[0] == "consumer 'Upper': the name must be a DNS label"
    for fault in (
        "consumer 'reserved': 'template1' cannot name a database",
        "consumer 'injected': 'x\"; DROP TABLE y' cannot name a database",
        "consumer 'without': extensions without a database",
        "consumer 'with': 'bad name' cannot name an extension",
        "consumer 'twice': declared 2 times",
    ):
        assert fault in str(error.value)


@pytest.mark.parametrize("name", ["pg_catalog", "postgres", "1st", "a-b", "", "x" * 64])
def test_names_that_a_client_would_have_to_quote_are_rejected(name: str) -> None:
    with pytest.raises(ContractError):
        validate([consumer("one", name)])


@given(st.lists(st.sampled_from(["a", "b", "c"]), min_size=2, max_size=4))
def test_a_database_is_never_shared(databases: list[str]) -> None:
    consumers = [consumer(f"c{index}", name) for index, name in enumerate(databases)]
    if len(set(databases)) == len(databases):
        validate(consumers)
    else:
        with pytest.raises(ContractError):
            validate(consumers)


@pytest.mark.parametrize(
    "prefix", ["", "/a", "a/", "a//b", "..", "a/../b", "*", "a?", "${aws:username}", "a b"]
)
def test_what_a_policy_would_read_as_a_pattern_is_no_prefix(prefix: str) -> None:
    asked = Consumer("a", "data", "a", stores=(Purpose.LAKE,), prefixes={Purpose.LAKE: prefix})
    with pytest.raises(ContractError, match="cannot be a prefix"):
        validate([asked])


def test_a_prefix_is_one_of_a_store_that_is_asked_for() -> None:
    validate([Consumer("a", "data", "a", stores=(Purpose.LAKE,), prefixes={Purpose.LAKE: "raw/v1.2_x"})])
    with pytest.raises(ContractError, match="consumer 'a': a prefix of models, which it does not ask for"):
        validate([Consumer("a", "data", "a", stores=(Purpose.LAKE,), prefixes={Purpose.MODELS: "raw"})])
