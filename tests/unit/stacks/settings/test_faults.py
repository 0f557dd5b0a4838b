"""All faults come at once, none is invented, and none tells a secret."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stacks.settings import SettingsError, parse
from stacks.settings.loader import check_file
from stacks.settings.validation import PLACEHOLDER, validate

from .conftest import AWS, ON_PREMISES, relaxed, with_values

# Each of these alone puts exactly its own path at fault; no two of them touch.
SINGLE = {
    "owner": "Not A Tag",
    "cost_center": PLACEHOLDER,
    "region": "westeurope",
    "account": "123",
    "protect": False,
    "network.zones": 9,
    "network.cidr": "10.0.0.0/8",
    "edge.domain": "no_domain",
    "storage.additional_buckets": "archive",
    "retention.logs_days": 1,
    "retention.deleted_days": "long",
    "database.mode": "embedded",
    "database.backups.enabled": False,
    "database.backups.schedule": "at night",
    "data.lakefs.pool": "none",
    "data.lakefs.repository": "My Lake",
    "data.feast.project": "9",
    "data.feast.replicas": 0,
    "experimentation.mlflow.database": "lakefs",
    "experimentation.mlflow.enabled": "yes",
    "sources.images.kind": "mirror",
    "sources.charts.kind": "folder",
    "nonsense": 1,
    "cache.nonsense": 1,
}
AT = {"sources.images.kind": "sources.images.location"}


def faulted(settings: dict[str, Any]) -> set[str]:
    try:
        parse(settings)
    except SettingsError as error:
        return {fault.path for fault in error.faults}
    return set()


@pytest.mark.parametrize("path", SINGLE)
def test_each_single_fault_is_found_alone(path: str) -> None:
    assert faulted(with_values(AWS, {path: SINGLE[path]})) == {AT.get(path, path)}


@relaxed
@given(st.sets(st.sampled_from(sorted(SINGLE)), min_size=2))
def test_faults_together_are_the_faults_of_each(paths: set[str]) -> None:
    together = faulted(with_values(AWS, {path: SINGLE[path] for path in paths}))
    assert together == {AT.get(path, path) for path in paths}


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PATHS = sorted(
    {*SINGLE, "edge", "cluster", "cluster.pools", "data", "data.lakefs", "images", "waivers", "tier"}
)


@relaxed
@given(st.sampled_from([ON_PREMISES, AWS]), st.dictionaries(st.sampled_from(PATHS), PLAIN, max_size=3))
def test_any_value_anywhere_gives_settings_or_faults_with_fixes(
    base: dict[str, Any], changes: dict[str, Any]
) -> None:
    changed = dict(base)
    for path, value in sorted(changes.items()):
        *above, last = path.split(".")
        here: Any = changed
        for name in above:
            here[name] = dict(here[name]) if isinstance(here.get(name), dict) else {}
            here = here[name]
        here[last] = value
    settings, faults = validate(changed, "test", lambda _: True)
    assert (settings is None) == bool(faults)
    assert len({fault.path for fault in faults}) == len(faults)
    for fault in faults:
        assert fault.path
        assert fault.problem
        assert fault.fix
        assert "\n" not in str(fault)


@relaxed
@given(st.text(max_size=200))
def test_any_text_gives_settings_or_faults(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "Pulumi.any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    settings, faults = check_file(path)
    assert settings is None
    assert faults


SENTINEL = "s3ntinel-pa55word"


@pytest.mark.parametrize(
    "sign_on",
    [
        {"issuer_url": "https://login.example.com", "client_id": "c", "client_secret": SENTINEL},
        {"issuer_url": "https://login.example.com", "client_id": "c", "client_secert": SENTINEL},
        {"issuer_url": f"https://user:{SENTINEL}@login.example.com", "client_id": "c"},
        {"client_secret": [SENTINEL]},
        {"client_secret": {"value": SENTINEL}},
        {"client_secret": f"{SENTINEL}-{PLACEHOLDER}"},
        SENTINEL,
        {"sign_on": {SENTINEL: SENTINEL}},
    ],
    ids=str,
)
def test_case_5_no_fault_tells_a_secret(sign_on: Any, tmp_path: Path) -> None:
    given = with_values(ON_PREMISES, {"edge.single_sign_on": sign_on, "tier": "prodution"})
    path = tmp_path / "Pulumi.lab.yaml"
    config = {f"colonnade:{key}": value for key, value in given.items()}
    path.write_text(json.dumps({"config": {"pulumi:disable-default-providers": ["*"], **config}}))
    settings, faults = check_file(path)
    assert settings is None
    assert any(fault.path.startswith("edge.single_sign_on") for fault in faults)
    assert SENTINEL not in json.dumps([fault.as_json() for fault in faults])
    _, encrypted = validate(given, "lab", lambda location: location[0] == "edge")
    assert SENTINEL not in json.dumps([fault.as_json() for fault in encrypted])


def test_case_14_a_pool_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(SettingsError, match="pools are system, general") as caught:
        parse(with_values(AWS, {"data.lakefs.pool": "genral"}))
    assert "did you mean `general`?" in str(caught.value)


def test_case_22_two_services_on_one_database_are_rejected() -> None:
    with pytest.raises(SettingsError, match=r"is already the database of data\.lakefs"):
        parse(with_values(ON_PREMISES, {"data.feast.database": "lakefs"}))


def test_case_22_also_where_one_of_them_is_off() -> None:
    changes = {"data.feast.database": "lakefs", "data.lakefs.enabled": False}
    assert faulted(with_values(ON_PREMISES, changes)) == {"data.feast.database"}


@pytest.mark.parametrize("part", ["data.lakefs", "data.feast", "experimentation.mlflow"])
@pytest.mark.parametrize("base", [ON_PREMISES, AWS], ids=["on-premises", "aws"])
def test_case_19_each_part_can_be_off_alone(base: dict[str, Any], part: str) -> None:
    assert faulted(with_values(base, {f"{part}.enabled": False})) == set()


def test_case_19_an_image_is_wanted_only_where_its_part_is_on() -> None:
    images = {name: image for name, image in ON_PREMISES["images"].items() if name != "mlflow"}
    on = {**ON_PREMISES, "images": images}
    assert faulted(on) == {"images.mlflow"}
    assert faulted(with_values(on, {"experimentation.mlflow.enabled": False})) == set()


@pytest.mark.parametrize("path", ["protect", "database.backups.enabled"])
def test_a_waiver_with_a_reason_allows_a_weaker_setting(path: str) -> None:
    weak = with_values(AWS, {path: False})
    waiver = {"setting": path, "reason": "This copy is rebuilt from the archive every night."}
    assert faulted(weak) == {path}
    assert faulted({**weak, "waivers": [waiver]}) == set()
    assert faulted({**weak, "waivers": [waiver, waiver]}) == {"waivers[1].setting"}


def test_a_waiver_outside_production_waives_nothing() -> None:
    waiver = {"setting": "protect", "reason": "This copy is rebuilt from the archive every night."}
    assert faulted({**ON_PREMISES, "waivers": [waiver]}) == {"waivers[0].setting"}


def test_a_floor_of_clouds_is_none_on_premises() -> None:
    waiver = {"setting": "network.zones", "reason": "There is only one room for the machines."}
    strong = with_values({**ON_PREMISES, "tier": "production"}, {"waivers": [waiver]})
    assert faulted(strong) == {"waivers[0].setting"}


def test_an_unknown_tier_is_the_only_fault_of_a_sound_file() -> None:
    for base in (ON_PREMISES, AWS):
        assert faulted({**base, "tier": "prod"}) == {"tier"}
        assert faulted({**base, "tier": ["production"]}) == {"tier"}
    assert faulted({**ON_PREMISES, "foundation": "metal"}) == {"foundation"}


def test_rules_are_judged_beside_faults_of_the_same_section() -> None:
    pools = [
        {"name": "a", "purpose": "general", "machine_type": "m6i.large", "min": 5, "max": 2, "spot": "no"},
        {"name": "a", "purpose": "nonsense", "machine_type": "m6i.large", "min": 0},
    ]
    found = faulted(with_values(AWS, {"cluster.pools": pools, "data.feast.pool": "b"}))
    assert found == {
        "cluster.pools[0].min",
        "cluster.pools[0].spot",
        "cluster.pools[1].name",
        "cluster.pools[1].purpose",
        "data.feast.pool",
    }


@pytest.mark.parametrize(
    ("path", "good", "bad"),
    [
        (
            "edge.domain",
            ["a.example", "ml-1.example.com", "x.y.z.co"],
            ["-a.com", "a..com", "a.1", "A.com", "a.com."],
        ),
        ("data.lakefs.resources.cpu", ["1", "0.5", "250m", "16"], ["0", "0m", "1.5.2", "m", "-1", "0.0"]),
        (
            "data.lakefs.resources.memory",
            ["1Mi", "512Mi", "2Ti"],
            ["1", "1G", "1.5Gi", "0Mi", "1 Gi", "01Gi"],
        ),
        (
            "database.backups.schedule",
            ["0 3 * * *", "*/5 1-3,7 1 1 0-6"],
            ["* * * *", "60 * * * *", "5-1 * * * *", "a * * * *"],
        ),
        (
            "images.toolbox",
            [f"h:5000/a/b:1@sha256:{'0' * 64}"],
            ["a/b", "a/b:latest", f"a/b@sha256:{'0' * 63}"],
        ),
        ("edge.external_addresses", [["192.0.2.1"], []], [["192.0.2.1/32"], ["::1"], ["1.2.3"]]),
        ("data.lakefs.database", ["a", "a_1"], ["template0", "pg_x", "x_auth", "1a", "a-b", "a" * 59]),
        ("data.lakefs.pool", [None], ["Pool!", "a" * 13]),
        ("owner", ["a", "a-b_c"], ["", "-a", "A", "a.b", "a" * 64]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_forms(path: str, good: list[Any], bad: list[Any]) -> None:
    for value in good:
        assert faulted(with_values(ON_PREMISES, {path: value})) == set(), value
    for value in bad:
        found = faulted(with_values(ON_PREMISES, {path: value}))
        assert {at.partition("[")[0] for at in found} == {path}, value
