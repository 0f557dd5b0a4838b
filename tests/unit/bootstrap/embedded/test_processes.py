import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.embedded import processes
from bootstrap.embedded.layout import Layout
from bootstrap.embedded.processes import LAUNCHER, Daemon, Processes, last_lines, start_time
from bootstrap.errors import ColonnadeError


@pytest.fixture
def table(layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Processes]:
    """Processes without namespaces, so that no root is needed: a stand-in on PATH drops nsenter's options."""
    tools = tmp_path / "tools"
    tools.mkdir()
    nsenter = tools / "nsenter"
    nsenter.write_text('#!/bin/sh\nwhile [ "$1" != -- ]; do shift; done\nshift\nexec "$@"\n')
    nsenter.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    layout.run.mkdir(parents=True)
    layout.logs.mkdir()
    table = Processes(layout)
    group = tmp_path / "cgroup.procs"
    monkeypatch.setattr(table.cgroups, "daemon_files", lambda: [group])
    monkeypatch.setattr(table.cgroups, "members", set)
    yield table
    for name in ("sleeper", "stubborn"):
        table.stop(name, patience=0)


def sleeper(*inputs: Path) -> Daemon:
    program = shutil.which("sleep")
    assert program
    return Daemon("sleeper", (program, "300"), inputs=inputs)


def test_started_once_and_left_alone(table: Processes) -> None:
    assert table.start(sleeper())
    first = table.record("sleeper")
    assert first
    assert not table.start(sleeper())
    assert table.record("sleeper") == first


def test_pid_is_in_the_cgroup_before_the_program_runs(table: Processes) -> None:
    table.start(sleeper())
    record = table.record("sleeper")
    assert record
    assert int(table.cgroups.daemon_files()[0].read_text()) == record.pid
    deadline = time.monotonic() + 5
    while Path(f"/proc/{record.pid}/comm").read_text() != "sleep\n":
        assert time.monotonic() < deadline


def test_changed_input_or_command_means_a_restart(table: Processes, tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("one")
    assert table.start(sleeper(config))
    config.write_text("two")
    assert not table.current(sleeper(config))
    assert table.start(sleeper(config))
    assert table.start(replace(sleeper(config), environment={"A": "b"}))


def test_death_is_noticed(table: Processes) -> None:
    table.start(sleeper())
    record = table.record("sleeper")
    assert record
    os.kill(record.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while table.record("sleeper"):
        assert time.monotonic() < deadline
    assert table.start(sleeper())


def test_pid_of_another_process_is_not_believed(table: Processes) -> None:
    table.start(sleeper())
    file = table.layout.run / "sleeper.json"
    own = table.record("sleeper")
    assert own
    for forged in (replace(own, started=own.started + 1), replace(own, boot="earlier"), replace(own, pid=1)):
        file.write_text(processes.json.dumps(forged.__dict__))
        assert table.record("sleeper") is None
    file.write_text("{")
    assert table.record("sleeper") is None
    os.kill(own.pid, signal.SIGKILL)


def test_stubborn_process_is_killed(table: Processes) -> None:
    shell = shutil.which("sh")
    assert shell
    table.start(Daemon("stubborn", (shell, "-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done")))
    deadline = time.monotonic() + 5
    while "ready" not in table.log("stubborn").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    record = table.record("stubborn")
    assert record
    table.stop("stubborn", patience=0.3)
    assert start_time(record.pid) is None
    table.stop("stubborn")


def test_members_include_what_is_recorded(table: Processes) -> None:
    table.start(sleeper())
    record = table.record("sleeper")
    assert record
    assert record.pid in table.members()
    table.kill_all()
    assert table.record("sleeper") is None


def test_failure_names_component_end_of_log_and_its_path(table: Processes) -> None:
    table.log("etcd").write_text("first\n\nsecond\nthird\nfourth\n")
    error = table.failure("etcd", "ended")
    log = table.log("etcd")
    assert str(error) == f"etcd ended; last lines of its log: second / third / fourth; fix: read {log}"


def test_program_that_cannot_be_run_is_reported(table: Processes) -> None:
    missing = Daemon("sleeper", ("/nonexistent/program",))
    with suppress(ColonnadeError):  # whether it is noticed at the start or just after is a matter of time
        table.start(missing)
    deadline = time.monotonic() + 5
    while table.current(missing):
        assert time.monotonic() < deadline
    assert "/nonexistent/program" in table.log("sleeper").read_text()


def test_long_log_makes_room(table: Processes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "LOG_LIMIT", 3)
    table.log("sleeper").write_text("long")
    table.start(sleeper())
    assert table.log("sleeper").read_text() == ""
    assert (table.layout.logs / "sleeper.log.old").read_text() == "long"


def test_logs_of_any_kind_have_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_lines(log) == "no log"
    log.write_bytes(b"\xff\n")
    assert last_lines(log) == "\ufffd"
    log.write_text("")
    assert last_lines(log) == "its log is empty"


def test_launcher_does_not_run_the_program_outside_its_cgroup(tmp_path: Path) -> None:
    pid_file, absent = tmp_path / "pid", tmp_path / "absent" / "cgroup.procs"
    done = subprocess.run(
        ["sh", LAUNCHER, pid_file, absent, "--", "echo", "ran"], capture_output=True, check=False
    )
    assert done.returncode != 0
    assert done.stdout == b""
    assert not pid_file.exists()
