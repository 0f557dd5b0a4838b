"""`colonnade settings` says all faults, for people and for programs, and never a secret."""

import json
from pathlib import Path

from typer.testing import CliRunner

from bootstrap.settings.commands import app
from stacks.settings.schema import stack_file_schema

FIXTURES = Path(__file__).parents[3] / "fixtures" / "settings"
OK = FIXTURES / "on-premises.ok.minimal.yaml"
WEAK = FIXTURES / "aws.error.weak-network.yaml"
SECRET = FIXTURES / "on-premises.error.secret-in-plain-text.yaml"


def test_a_sound_file_is_ok() -> None:
    result = CliRunner().invoke(app, ["check", str(OK)])
    assert result.exit_code == 0
    assert result.stdout == f"{OK}: ok\n"


def test_every_fault_of_every_file_is_a_line() -> None:
    result = CliRunner().invoke(app, ["check", str(WEAK), str(OK), str(SECRET)])
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [line.split(": ")[0].rpartition("/")[2] for line in lines] == [
        "aws.error.weak-network.yaml:44",
        "aws.error.weak-network.yaml:45",
        "aws.error.weak-network.yaml:46",
        "on-premises.ok.minimal.yaml",
        "on-premises.error.secret-in-plain-text.yaml:30",
    ]
    assert "network.zones = 1: is too weak: production wants at least 2 zones; fix: set 2 or more" in lines[0]
    assert result.stderr == "error: 4 faults in 2 files\n"


def test_json_holds_the_same() -> None:
    result = CliRunner().invoke(app, ["check", "--json", str(WEAK), str(OK)])
    assert result.exit_code == 1
    weak, sound = json.loads(result.stdout)
    assert (weak["file"], weak["ok"]) == (str(WEAK), False)
    assert weak["faults"][0] == {
        "path": "network.zones",
        "value": "1",
        "problem": "is too weak: production wants at least 2 zones",
        "fix": "set 2 or more, or give network.zones and a reason in waivers",
        "line": 44,
    }
    assert sound == {"file": str(OK), "ok": True, "faults": []}
    assert result.stderr == ""


def test_a_secret_is_never_shown() -> None:
    for option in ([], ["--json"]):
        result = CliRunner().invoke(app, ["check", *option, str(SECRET)])
        assert result.exit_code == 1
        assert "hunter2" not in result.output
        assert "edge.single_sign_on.client_secret" in result.output


def test_a_file_that_is_not_there() -> None:
    result = CliRunner().invoke(app, ["check", "none.yaml"])
    assert result.exit_code == 1
    assert result.stdout == (
        "none.yaml: (file): cannot be read: No such file or directory; fix: name a readable stack file\n"
    )


def test_no_file_is_a_misuse() -> None:
    assert CliRunner().invoke(app, ["check"]).exit_code == 2


def test_schema() -> None:
    result = CliRunner().invoke(app, ["schema"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == stack_file_schema()
