"""Every stack file of the fixtures is judged as its name and its first lines say, and in no other way."""

import re
from pathlib import Path

import pytest

from stacks.settings import Fault, load_file
from stacks.settings.implied import PRODUCTION_FLOORS
from stacks.settings.loader import check_file
from stacks.settings.rules import RULES, Rule

FIXTURES = sorted((Path(__file__).parents[3] / "fixtures" / "settings").glob("*.yaml"))
NAME = re.compile(r"(on-premises|aws|azure|gcp)\.(ok|error)\.[a-z0-9-]+\.yaml")
EXPECT = re.compile(r"# expect: (\S+): (.+)")


def of(kind: str) -> list[Path]:
    return [path for path in FIXTURES if f".{kind}." in path.name]


def expectations(path: Path) -> list[tuple[str, str]]:
    found = []
    for line in path.read_text().splitlines():
        match = EXPECT.fullmatch(line)
        if not match:
            break
        found.append((match[1], match[2]))
    return found


def text(fault: Fault) -> str:
    return f"{fault.problem}; {fault.fix}"


def test_there_are_enough_fixtures_of_every_foundation() -> None:
    assert len(FIXTURES) >= 30
    assert [path.name for path in FIXTURES if not NAME.fullmatch(path.name)] == []
    for foundation in ("on-premises", "aws", "azure", "gcp"):
        for kind in ("ok", "error"):
            assert [path for path in of(kind) if path.name.startswith(f"{foundation}.")]


@pytest.mark.parametrize("path", of("ok"), ids=lambda path: path.stem)
def test_ok(path: Path) -> None:
    settings, faults = check_file(path)
    assert faults == []
    assert settings is not None
    assert settings.foundation == path.name.partition(".")[0]


@pytest.mark.parametrize("path", of("error"), ids=lambda path: path.stem)
def test_error(path: Path) -> None:
    expected = expectations(path)
    settings, faults = check_file(path)
    assert settings is None
    assert expected, f"{path.name} expects nothing"
    assert {fault.path for fault in faults} == {at for at, _ in expected}
    assert len(faults) == len({fault.path for fault in faults})
    for at, words in expected:
        (fault,) = (fault for fault in faults if fault.path == at)
        assert words in text(fault)


@pytest.mark.parametrize("path", of("error"), ids=lambda path: path.stem)
def test_every_fault_has_a_line_of_its_own_file_and_a_fix(path: Path) -> None:
    lines = path.read_text().splitlines()
    for fault in check_file(path)[1]:
        assert fault.fix
        assert "\n" not in str(fault)
        if fault.problem != "is empty":
            assert fault.line is not None
            assert not lines[fault.line - 1].startswith("#")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_rule_is_needed(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stacks.settings.rules.RULES", tuple(other for other in RULES if other is not rule))
    assert any(
        {fault.path for fault in check_file(path)[1]} != {at for at, _ in expectations(path)}
        for path in of("error")
    ), f"no fixture misses {rule.__name__}"


@pytest.mark.parametrize("setting", PRODUCTION_FLOORS)
def test_every_floor_is_needed(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(PRODUCTION_FLOORS, setting)
    weak = [path for path in of("error") if ".weak-" in path.stem]
    assert any(
        {fault.path for fault in check_file(path)[1]} != {at for at, _ in expectations(path)} for path in weak
    )


def test_a_minimal_file_is_short() -> None:
    minimal = next(path for path in FIXTURES if path.name == "on-premises.ok.minimal.yaml")
    assert len(minimal.read_text().splitlines()) < 20


def test_every_committed_environment_loads() -> None:
    environments = sorted((Path(__file__).parents[4] / "stacks" / "environments").glob("Pulumi.*.yaml"))
    committed = [path for path in environments if not path.name.startswith("Pulumi.local")]
    assert "Pulumi.on-premises-prod.yaml" in [path.name for path in committed]
    for path in committed:
        assert load_file(path).name == path.name.removeprefix("Pulumi.").removesuffix(".yaml")
