"""What settings say once they are valid."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from stacks.settings import Settings, SettingsError, parse
from stacks.settings.faults import closest, show_value
from stacks.settings.implied import PRODUCTION_FLOORS, implied
from stacks.settings.model import Section, UnknownSettingError, resolve
from stacks.settings.partial import build
from stacks.settings.rules import read, size_in_bytes

from .conftest import AWS, ON_PREMISES, relaxed, with_values


def sections(section: type[Section] = Settings) -> set[type[Section]]:
    return {section}.union(*(sections(inner) for inner in section.__subclasses__()))


def test_settings_are_frozen() -> None:
    settings = parse(ON_PREMISES)
    with pytest.raises(ValidationError, match="frozen"):
        settings.tier = "production"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        settings.edge.domain = "other.example.com"  # type: ignore[misc]


def test_every_section_forbids_unknown_keys_and_describes_each_setting() -> None:
    for section in sections(Section):
        assert section.model_config["extra"] == "forbid"
        assert section.model_config["strict"]
        for name, field in section.model_fields.items():
            assert field.description, f"{section.__name__}.{name} has no description"


def test_the_stack_names_the_environment_unless_the_file_does() -> None:
    assert parse(ON_PREMISES, stack="lab").name == "lab"
    assert parse({**ON_PREMISES, "name": "other"}, stack="lab").name == "other"


def test_a_stack_name_that_names_no_environment_is_a_fault_of_the_name() -> None:
    with pytest.raises(SettingsError) as caught:
        parse(ON_PREMISES, stack="My_Stack")
    assert [fault.path for fault in caught.value.faults] == ["name"]


def test_tags() -> None:
    assert parse(ON_PREMISES, stack="lab").tags == {
        "owner": "platform-team",
        "cost-center": "ml-1200",
        "environment": "lab",
        "data-classification": "internal",
    }


def test_production_implies_stricter_defaults() -> None:
    production = parse(AWS)
    development = parse({**AWS, "tier": "development"})
    assert production.protect
    assert not development.protect
    assert production.database.instances > development.database.instances == 1
    assert production.database.backups.enabled
    assert not development.database.backups.enabled
    assert production.retention.logs_days > development.retention.logs_days
    assert production.retention.deleted_days > development.retention.deleted_days
    assert production.network.private_endpoints
    assert production.network.zones == 3
    assert production.data.lakefs.replicas > development.data.lakefs.replicas


@pytest.mark.parametrize("foundation", ["on-premises", "aws", "azure", "gcp"])
def test_what_production_implies_is_as_strong_as_production_demands(foundation: str) -> None:
    elsewhere = {
        "azure": {"region": "germanywestcentral", "account": "00000000-1111-4222-8333-444444444444"},
        "gcp": {"region": "europe-west3", "account": "example-ml-project"},
    }
    base = {"on-premises": ON_PREMISES, "aws": AWS}.get(
        foundation, {**AWS, "edge": {"domain": "ml.example.com"}, **elsewhere.get(foundation, {})}
    )
    settings = parse({**base, "foundation": foundation, "tier": "production"})
    for path, floor in PRODUCTION_FLOORS.items():
        assert foundation not in floor.foundations or floor.holds(read(settings, path)), path


def test_what_is_given_wins_over_what_is_implied() -> None:
    settings = parse(with_values(AWS, {"retention.logs_days": 100, "database.instances": 2}))
    assert settings.retention.logs_days == 100
    assert settings.retention.deleted_days == 90
    assert settings.database.instances == 2
    assert settings.database.mode == "managed"


@pytest.mark.parametrize(
    ("foundation", "tier", "mode"),
    [
        ("on-premises", "development", "embedded"),
        ("on-premises", "staging", "cloudnative-pg"),
        ("on-premises", "production", "cloudnative-pg"),
        ("aws", "development", "managed"),
        ("azure", "staging", "managed"),
        ("gcp", "production", "managed"),
    ],
)
def test_foundation_and_tier_choose_the_database(foundation: str, tier: str, mode: str) -> None:
    assert implied(foundation, tier)["database"]["mode"] == mode


def test_implied_settings_are_not_shared() -> None:
    implied("aws", "production")["database"]["instances"] = 99
    assert implied("aws", "production")["database"]["instances"] == 2


def test_clouds_have_a_system_and_a_general_pool_by_default() -> None:
    cluster = parse(AWS).cluster
    assert [pool.purpose for pool in cluster.pools] == ["system", "general"]
    assert cluster.default_pool == cluster.pool("general")
    assert parse(ON_PREMISES).cluster.default_pool is None


def test_the_marked_pool_is_the_default_one() -> None:
    pools = [
        {"name": "a", "purpose": "general", "node_labels": {"pool": "a"}},
        {"name": "b", "purpose": "general", "node_labels": {"pool": "b"}, "default": True},
    ]
    default = parse(with_values(ON_PREMISES, {"cluster.pools": pools})).cluster.default_pool
    assert default is not None
    assert default.name == "b"


def test_the_database_follows_the_storage_class() -> None:
    assert parse(ON_PREMISES).database.class_name is None
    follows = parse(with_values(ON_PREMISES, {"storage.class_name": "fast"}))
    assert follows.database.class_name == "fast"
    own = parse(with_values(ON_PREMISES, {"storage.class_name": "fast", "database.class_name": "faster"}))
    assert own.database.class_name == "faster"


def test_files_are_named_from_home_from_the_checkout_or_absolutely() -> None:
    checkout = Path(__file__).parents[4]
    assert resolve("~/.kube/config") == Path.home() / ".kube" / "config"
    assert resolve("certificates/edge.crt") == checkout / "certificates" / "edge.crt"
    assert resolve("/etc/edge.crt") == Path("/etc/edge.crt")
    files = {"certificate_file": "edge.crt", "private_key_file": "/edge.key", "ca_file": "~/ca.crt"}
    tls = parse(with_values(ON_PREMISES, {"edge.tls": files})).edge.tls
    assert tls is not None
    assert tls.certificate_path == checkout / "edge.crt"
    assert tls.private_key_path == Path("/edge.key")
    assert tls.ca_path == Path.home() / "ca.crt"
    assert parse(ON_PREMISES).cluster.kubeconfig_path == Path.home() / ".kube" / "config"


def test_only_an_existing_cluster_has_a_kubeconfig() -> None:
    with pytest.raises(ValueError, match="only set on-premises"):
        _ = parse(AWS).cluster.kubeconfig_path


def test_a_secret_hides_in_the_text_of_its_settings() -> None:
    sign_on = {"issuer_url": "https://login.example.com", "client_id": "c", "client_secret": "hunter2"}
    settings = parse(with_values(ON_PREMISES, {"edge.single_sign_on": sign_on}))
    assert settings.edge.single_sign_on is not None
    assert settings.edge.single_sign_on.client_secret.get_secret_value() == "hunter2"
    assert "hunter2" not in f"{settings} {settings!r} {settings.model_dump_json()}"


def test_partial_settings_refuse_to_tell_what_is_at_fault() -> None:
    raw = {**with_values(ON_PREMISES, {"cache.enabled": "perhaps"}), "name": "lab"}
    partial = build(Settings, raw, [("cache", "enabled"), ("tier",)])
    assert partial.cache.size == "1Gi"
    assert partial.foundation == "on-premises"
    with pytest.raises(UnknownSettingError):
        _ = partial.cache.enabled
    with pytest.raises(UnknownSettingError):
        _ = partial.tier
    with pytest.raises(AttributeError):
        _ = partial.nonsense  # type: ignore[attr-defined]


@relaxed
@given(st.integers(1, 10**6), st.sampled_from(["Mi", "Gi", "Ti"]))
def test_sizes_in_bytes(number: int, unit: str) -> None:
    assert size_in_bytes(f"{number}{unit}") == number * 1024 ** {"Mi": 2, "Gi": 3, "Ti": 4}[unit]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, None),
        (True, "true"),
        (3, "3"),
        ("text", "text"),
        ("one\ntwo", "<2 lines of text>"),
        ({"a": 1}, "<mapping>"),
        ([1], "<list>"),
        ("x" * 100, "x" * 57 + "..."),
        ("https://me:hunter2@example.com", "https://<credentials>@example.com"),
    ],
)
def test_values_are_shown_short_and_without_credentials(value: Any, shown: str | None) -> None:
    assert show_value(value) == shown


@pytest.mark.parametrize(
    ("word", "meant"), [("domian", "domain"), ("DOMAIN", "domain"), ("region", "region"), ("zzz", None)]
)
def test_the_closest_word(word: str, meant: str | None) -> None:
    assert closest(word, ["domain", "region", "tls"]) == meant
