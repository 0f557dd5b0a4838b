"""Faults end as lines on standard error, whatever part they come from."""

import errno
import os

import pytest

from bootstrap import cli
from bootstrap.errors import ColonnadeError
from stacks.settings import Fault, SettingsError


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (ColonnadeError("a [b] is\nwrong", "mend it"), ["error: a [b] is wrong; fix: mend it"]),
        (
            SettingsError(
                [Fault("a", "1", "is bad", "use 2", 7), Fault("b", None, "is missing", "add it")], "f"
            ),
            ["error: f:7: a = 1: is bad; fix: use 2", "error: f: b: is missing; fix: add it"],
        ),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/full/log"),
            [
                "error: /full/log: No space left on device; fix: free some space on that disk and run the "
                "command again"
            ],
        ),
        (
            PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/theirs"),
            ["error: /theirs: Permission denied; fix: run the command as the owner of that path, or as root"],
        ),
        (OSError("no\nreason"), ["error: no reason; fix: mend that and run the command again"]),
    ],
    ids=["ours", "settings", "full disk", "rights", "bare"],
)
def test_faults_are_lines(
    error: Exception, lines: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def app() -> None:
        raise error

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.splitlines() == lines


def test_a_fault_of_the_code_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    def app() -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(ValueError, match="a bug"):
        cli.main()
