"""Both entrances judge alike; the file's entrance also judges the file."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from stacks.settings import Fault, Settings, SettingsError, from_pulumi, load_file
from stacks.settings.document import read
from stacks.settings.loader import check_file

from .conftest import ON_PREMISES, as_engine, with_values
from .test_fixtures import FIXTURES

# What is wrong with a file as a file cannot reach a program: the engine rejects or overlooks it.
ONLY_IN_A_FILE = (
    "not-yaml",
    "tab",
    "not-a-mapping",
    "empty",
    "no-config",
    "duplicate-key",
    "duplicate-section",
    "settings-outside-config",
    "missing-prefix",
    "encrypted-domain",
)


def outcome(load: Callable[[], Settings]) -> Settings | tuple[tuple[str, str, str], ...]:
    try:
        return load()
    except SettingsError as error:
        return tuple(sorted((fault.path, fault.problem, fault.fix) for fault in error.faults))


def decrypted(value: Any) -> Any:
    """Returns a value as the engine decrypts it, with the mark that a file's reader gives as the text."""
    if isinstance(value, dict):
        if set(value) == {"secure"}:
            return "[encrypted]"
        return {key: decrypted(item) for key, item in value.items()}
    return [decrypted(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "path",
    [path for path in FIXTURES if path.stem.split(".")[2] not in ONLY_IN_A_FILE],
    ids=lambda path: path.stem,
)
def test_the_program_hears_what_the_file_says(path: Path, program: Callable[..., None]) -> None:
    # The engine reads YAML 1.2, where `on` is text; BaseLoader would make everything text.
    tree = yaml.safe_load(path.read_text().replace("owner: on\n", "owner: 'on'\n"))["config"]
    secrets = [key for key, value in tree.items() if "secure" in json.dumps(value)]
    program(as_engine(decrypted(tree)), tuple(secrets), path.name.partition(".")[0])
    assert outcome(from_pulumi) == outcome(lambda: load_file(path))


def test_in_the_program_a_secret_is_its_own_text(program: Callable[..., None]) -> None:
    sign_on = {"issuer_url": "https://login.example.com", "client_id": "c", "client_secret": "hunter2"}
    config = stack(with_values(ON_PREMISES, {"edge.single_sign_on": sign_on}))
    program(config, ("colonnade:edge",))
    found = from_pulumi().edge.single_sign_on
    assert found is not None
    assert found.client_secret.get_secret_value() == "hunter2"
    program(config)
    with pytest.raises(SettingsError, match="is a secret in plain text") as caught:
        from_pulumi()
    assert "hunter2" not in str(caught.value)


def test_the_stack_names_the_environment(program: Callable[..., None], tmp_path: Path) -> None:
    program(stack(ON_PREMISES), stack="on-premises-lab")
    assert from_pulumi().name == "on-premises-lab"
    path = tmp_path / "Pulumi.on-premises-lab.yaml"
    path.write_text(text(ON_PREMISES))
    assert load_file(path).name == "on-premises-lab"


def stack(settings: dict[str, Any]) -> dict[str, str]:
    config = {f"colonnade:{key}": value for key, value in settings.items()}
    return as_engine({"pulumi:disable-default-providers": ["*"], **config})


def text(settings: dict[str, Any]) -> str:
    config = {f"colonnade:{key}": value for key, value in settings.items()}
    return yaml.safe_dump({"config": {"pulumi:disable-default-providers": ["*"], **config}})


def only(path: Path) -> Fault:
    settings, faults = check_file(path)
    assert settings is None
    (fault,) = faults
    return fault


def test_a_missing_file(tmp_path: Path) -> None:
    assert only(tmp_path / "none.yaml").problem == "cannot be read: No such file or directory"


def test_a_directory(tmp_path: Path) -> None:
    assert only(tmp_path).problem == "cannot be read: Is a directory"


@pytest.mark.parametrize(
    ("data", "problem", "line"),
    [
        (b"config:\n  a: \xff\n", "is not UTF-8 text at byte 13", None),
        (b"config: \x07\n", "is not YAML: special characters are not allowed", 1),
        (b"a: b\n---\nc: d\n", "is not YAML: but found another document", 2),
        (b"a: [1, 2\nb: 3\n", "is not YAML: expected ',' or ']'", 2),
        (b"a: *none\n", "is not YAML: found undefined alias", 1),
        (b"[" * 1500, "is nested too deeply", None),
        (b"", "is empty", None),
        (b"just text\n", "is not a mapping", 1),
    ],
    ids=["encoding", "control", "documents", "bracket", "alias", "depth", "empty", "text"],
)
def test_a_file_that_is_no_stack_file(data: bytes, problem: str, line: int | None, tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.lab.yaml"
    path.write_bytes(data)
    fault = only(path)
    assert fault.path == "(file)"
    assert problem in fault.problem
    assert fault.line == line


def test_an_alias_to_itself(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.lab.yaml"
    path.write_text(text(ON_PREMISES) + "  colonnade:storage: &a {size: 20Gi, more: *a}\n")
    paths = [fault.path for fault in check_file(path)[1]]
    assert paths == ["storage.more"]


def test_an_anchor_is_read(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.lab.yaml"
    services = "  colonnade:data: {lakefs: {resources: &r {cpu: '1'}}, feast: {resources: *r}}\n"
    path.write_text(text(ON_PREMISES) + services)
    assert load_file(path).data.feast.resources.cpu == "1"


def test_the_error_names_file_and_line(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.lab.yaml"
    path.write_text(text(ON_PREMISES) + "  colonnade:retention:\n    logs_days: 0\n")
    with pytest.raises(SettingsError) as caught:
        load_file(path)
    lines = len(path.read_text().splitlines())
    assert str(caught.value).startswith(f"{path}:{lines}: retention.logs_days = 0: must be at least 1; fix: ")


def test_faults_come_in_the_order_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "Pulumi.lab.yaml"
    path.write_text(text(with_values(ON_PREMISES, {"owner": "A", "cost_center": "B", "edge.domain": "C"})))
    lines = [fault.line for fault in check_file(path)[1]]
    assert len(lines) == 3
    assert lines == sorted(lines, key=lambda line: line or 0)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("False", False),
        ("yes", "yes"),
        ("on", "on"),
        ("~", None),
        ("", None),
        ("12", 12),
        ("-3", -3),
        ("1_000", 1000),
        ("0x1F", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("1e3", 1000),
        ("1e-3", 0.001),
        ("1:30", "1:30"),
        ("'2026-01-01'", "2026-01-01"),
        ("'12'", "12"),
        ("017", 15),
        ("08", 8),
        ("<<", "<<"),
    ],
)
def test_scalars_have_the_types_of_yaml_1_2(written: str, value: Any) -> None:
    found = read(f"a: {written}\n").tree["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("written", "fix"),
    [
        ("!!binary aGk=", "write it without a tag"),
        ("!!int text", "write it without a tag"),
        ("2026-01-01", "put it in quotes"),
        ("2026-01-01T10:00:00Z", "put it in quotes"),
    ],
)
def test_scalars_of_other_types_are_faults(written: str, fix: str) -> None:
    (fault,) = read(f"a: {written}\n").faults
    assert (fault.path, fault.line, fault.fix) == ("a", 1, fix)


def test_a_missing_default_provider_line_is_heard_in_the_program_too(program: Callable[..., None]) -> None:
    config = stack(ON_PREMISES)
    del config["pulumi:disable-default-providers"]
    program(config)
    with pytest.raises(SettingsError, match="pulumi:disable-default-providers: is missing"):
        from_pulumi()


def test_an_empty_program_configuration_is_told_completely(program: Callable[..., None]) -> None:
    program({})
    with pytest.raises(SettingsError) as caught:
        from_pulumi()
    assert [fault.path for fault in caught.value.faults] == [
        "pulumi:disable-default-providers",
        "foundation",
        "tier",
        "owner",
        "cost_center",
        "edge",
        "images.feast",
        "images.mlflow",
        "images.toolbox",
    ]
