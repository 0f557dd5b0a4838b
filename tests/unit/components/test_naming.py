"""Properties of physical names."""

import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from components.naming import LIMITS, NamingError, physical

KINDS = sorted(LIMITS)
WORDS = st.lists(st.text(alphabet="abcXYZ019-_./ é", min_size=1, max_size=90), min_size=1, max_size=4)


def named(kind: str, *words: str) -> str | None:
    try:
        return physical(kind, *words)
    except NamingError:
        return None


@given(st.sampled_from(KINDS), WORDS)
def test_a_name_is_always_one_that_the_service_accepts(kind: str, words: list[str]) -> None:
    name = named(kind, *words)
    assume(name is not None)
    assert name is not None
    assert len(name) <= LIMITS[kind].length
    assert re.fullmatch(LIMITS[kind].pattern, name)


@given(st.sampled_from(KINDS), WORDS, WORDS)
def test_different_words_never_share_a_name(kind: str, some: list[str], others: list[str]) -> None:
    separator = LIMITS[kind].separator
    assume(separator.join(some) != separator.join(others))
    one, other = named(kind, *some), named(kind, *others)
    assume(one is not None)
    assert one != other


@pytest.mark.parametrize(
    ("kind", "words", "name"),
    [
        ("kubernetes-label", ["mlflow", "server"], "mlflow-server"),
        ("kubernetes-label", ["a" * 70], "a" * 56 + "-6bd5e5"),
        ("postgresql-identifier", ["feature", "registry"], "feature_registry"),
        ("postgresql-identifier", ["feature-registry"], "feature_registry_7efc6d"),
        ("s3-bucket", ["prod", "lake"], "prod-lake"),
        ("azure-storage-account", ["prod", "lake"], "prodlake"),
        ("azure-storage-account", ["Prod", "lake"], "prodlakee94a6a"),
    ],
)
def test_names_stay_as_they_are_from_release_to_release(kind: str, words: list[str], name: str) -> None:
    assert physical(kind, *words) == name


def test_words_without_a_usable_character_are_refused() -> None:
    with pytest.raises(NamingError, match="cannot become a s3-bucket name"):
        physical("s3-bucket", "é")
    with pytest.raises(NamingError, match="unknown kind"):
        physical("nonsense", "a")


@pytest.mark.parametrize("kind", KINDS)
def test_every_limit_says_where_it_is_stated(kind: str) -> None:
    assert LIMITS[kind].reference.startswith("https://")
    assert re.fullmatch(LIMITS[kind].pattern, "ab0" * 2)
