import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.rehearsal.standin.model import UNKNOWN, merge, select
from bootstrap.rehearsal.standin.table import TableError
from bootstrap.rehearsal.standin.templates import Context, draws, fill, render

WORDS = {"account": "1", "region": "r", "partition": "p", "id": "i"}


def context(**inputs: object) -> Context:
    return Context(WORDS, inputs)


@given(st.sampled_from(["hex", "digits", "upper"]), st.integers(1, 40))
def test_a_drawn_field_has_its_length_and_no_leading_zero(kind: str, length: int) -> None:
    alphabet = {"hex": "0-9a-f", "digits": "0-9", "upper": "A-Z0-9"}[kind]
    assert re.fullmatch(f"(?!0)[{alphabet}]{{{length}}}", render(f"{{{kind}:{length}}}", context()))


def test_fields_are_filled_in_wherever_they_are() -> None:
    template = {"a": ["x:{account}:{region}:{inputs.b.c}/{id}"], "d": True, "e": "{inputs.b}"}
    assert render(template, context(b={"c": 3})) == {"a": ["x:1:r:3/i"], "d": True, "e": {"c": 3}}


def test_fields_that_are_derived_from_an_input() -> None:
    given = context(url="https://oidc.example.com/id/1", cidr="0.0.0.0/0")
    assert render("p/{host:url}", given) == "p/oidc.example.com/id/1"
    # As the provider's own tests have it.
    assert render("r-{crc:cidr}", given) == "r-1080289494"


def test_what_comes_in_is_not_taken_for_a_template() -> None:
    assert render("{inputs.a}/{id}", context(a="{id}")) == "{id}/i"


def test_an_input_that_is_not_known_yet_leaves_the_whole_unknown() -> None:
    assert render("x-{inputs.a}", context(a=UNKNOWN)) == UNKNOWN
    assert render("x-{inputs.a.b}", context(a=UNKNOWN)) == UNKNOWN


@pytest.mark.parametrize("template", ["{inputs.a}", "{hex}", "{hex:x}", "{colour}", "{account:3}"])
def test_a_field_that_means_nothing_is_an_error(template: str) -> None:
    with pytest.raises(TableError, match=re.escape(template)):
        render(template, context())


def test_only_drawn_fields_make_two_renderings_differ() -> None:
    assert draws({"a": ["{hex:3}"]})
    assert not draws({"a": ["{id}-{inputs.hex}"], "b": False})


def test_a_template_over_outputs_is_filled_in() -> None:
    assert fill("{arn}/{a.b}", {"arn": "x", "a": {"b": 1}}) == "x/1"


def test_select_yields_each_element_with_its_path() -> None:
    document = {"a": [{"b": 1}, {"b": None}, {"b": UNKNOWN}, None], "m": {"x": 1}, "u": UNKNOWN}
    assert list(select(document, "a[].b")) == [("a[0].b", 1), ("a[2].b", UNKNOWN)]
    assert list(select(document, "m[]")) == [("m[x]", 1)]
    assert list(select(document, "u")) == [("u", UNKNOWN)]
    assert list(select(document, "u[].b")) == []
    assert list(select(document, "a[].b.c")) == []


def test_merge_lets_the_upper_win_and_keeps_the_rest() -> None:
    assert merge({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 9}, "d": None, "e": [1]}) == {
        "a": {"b": 9, "c": 2},
        "d": 3,
        "e": [1],
    }
