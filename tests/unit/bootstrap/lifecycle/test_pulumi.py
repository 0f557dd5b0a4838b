import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from bootstrap.lifecycle import leash, processes
from bootstrap.lifecycle.events import Watch, label
from bootstrap.lifecycle.pulumi import EngineError, Outcome, Stack
from bootstrap.report.progress import Progress

# Stands for the engine: says how it was called, plays events, ends as it is told.
ENGINE = """#!{python} -u
import json, os, sys, time, subprocess
arguments = sys.argv[1:]
seen = os.environ["SEEN"]
open(seen, "a").write(json.dumps(dict(argv=arguments, env=dict(os.environ))) + "\\n")
if "--event-log" in arguments:
    with open(arguments[arguments.index("--event-log") + 1], "w") as log:
        for event in json.loads(os.environ["EVENTS"]):
            log.write(json.dumps(event) + "\\n")
            log.flush()
print(os.environ.get("SAYS", ""))
print(os.environ.get("COMPLAINS", ""), file=sys.stderr)
if os.environ.get("LEAVES"):
    subprocess.Popen(["sleep", "60"])
sys.exit(int(os.environ.get("CODE", "0")))
"""

URN = "urn:pulumi:local::colonnade::my:index:Parent$kubernetes:apps/v1:Deployment::lakefs"


def step(kind: str, urn: str = URN, operation: str = "create") -> dict[str, object]:
    return {kind: {"metadata": {"op": operation, "urn": urn}}}


def diagnostic(
    message: str, severity: str = "error", urn: str = URN, ephemeral: bool = False
) -> dict[str, object]:
    return {"diagnosticEvent": {"urn": urn, "message": message, "severity": severity, "ephemeral": ephemeral}}


SUMMARY = {"summaryEvent": {"resourceChanges": {"create": 2, "same": 1, "delete": 0}}}


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    engine = tmp_path / "pulumi"
    engine.write_text(ENGINE.format(python=sys.executable))
    engine.chmod(0o755)
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "own")
    environment = {"SEEN": str(tmp_path / "seen"), "EVENTS": json.dumps([SUMMARY])}
    return Stack(tmp_path, "local", environment, hidden=["s3ntinel"], logs=tmp_path / "logs", engine=engine)


def calls(tmp_path: Path) -> list[list[str]]:
    return [json.loads(line)["argv"] for line in (tmp_path / "seen").read_text().splitlines()]


def test_operations_call_the_engine_without_questions(stack: Stack, tmp_path: Path) -> None:
    stack.select()
    stack.preview()
    stack.up(arguments=["--parallel", "4"])
    stack.refresh()
    stack.refresh(preview_only=True)
    stack.destroy()
    stack.remove()
    common = ["--non-interactive", "--color", "never", "--cwd", str(tmp_path)]
    for call in calls(tmp_path):
        at = call.index("--non-interactive")
        assert call[at : at + 5] == common
    heads = [call[: call.index("--non-interactive")] for call in calls(tmp_path)]
    assert heads == [
        ["stack", "select", "local", "--create"],
        ["preview", "--stack", "local", "--suppress-outputs"],
        ["up", "--yes", "--skip-preview", "--parallel", "4", "--stack", "local", "--suppress-outputs"],
        ["refresh", "--yes", "--skip-preview", "--stack", "local", "--suppress-outputs"],
        ["refresh", "--preview-only", "--stack", "local", "--suppress-outputs"],
        ["destroy", "--yes", "--skip-preview", "--stack", "local", "--suppress-outputs"],
        ["stack", "rm", "--yes", "--preserve-config", "--stack", "local"],
    ]


def test_outcome_counts_what_changed(stack: Stack) -> None:
    outcome = stack.up()
    assert outcome.changes == {"create": 2, "same": 1}
    assert not outcome.unchanged
    assert Outcome({"same": 3}, 1.0).unchanged
    assert Outcome({}, 1.0).unchanged


def test_each_run_is_marked_and_leaves_no_process(stack: Stack, tmp_path: Path) -> None:
    stack._variables["LEAVES"] = "1"
    stack.up()
    stack.up()
    runs = [json.loads(line)["env"]["COLONNADE_RUN"] for line in (tmp_path / "seen").read_text().splitlines()]
    assert len(set(runs)) == 2
    assert all(run.split(".")[1] == str(os.getpid()) for run in runs)
    assert [process for run in runs for process in processes.members(run)] == []


def test_failure_names_the_first_fault_and_the_log(stack: Stack, tmp_path: Path) -> None:
    stack._variables |= {
        "CODE": "255",
        "SAYS": "all s3ntinel output",
        "EVENTS": json.dumps([
            diagnostic("<{%fg 1%}>quota is s3ntinel\n  reached<{%reset%}>\n"),
            diagnostic("update failed", urn=""),
            diagnostic("update failed", urn=""),
        ]),
    }  # fmt: skip
    with pytest.raises(EngineError) as raised:
        stack.up()
    log = tmp_path / "logs" / "local-up.log"
    assert str(raised.value) == (
        "pulumi up of stack local failed: Deployment lakefs: quota is [secret] reached (and 1 more); "
        f"fix: read {log}"
    )
    assert raised.value.faults == ["Deployment lakefs: quota is [secret] reached", "update failed"]
    assert "all [secret] output" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600
    assert log.parent.stat().st_mode & 0o777 == 0o700


def test_failure_before_any_event_shows_the_last_output(stack: Stack) -> None:
    stack._variables |= {"CODE": "255", "EVENTS": "[]", "COMPLAINS": "error: the stack is currently locked"}
    with pytest.raises(EngineError, match="failed: error: the stack is currently locked"):
        stack.up()


def test_a_query_that_fails_shows_why(stack: Stack) -> None:
    stack._variables |= {"CODE": "255", "COMPLAINS": "error: no stack named 'local' found"}
    with pytest.raises(EngineError, match="pulumi stack export of stack local failed: error: no stack named"):
        stack.export()


def test_wrong_passphrase_has_its_own_error(stack: Stack) -> None:
    stack._variables |= {
        "CODE": "255",
        "COMPLAINS": "error: constructing secrets manager: incorrect passphrase",
    }
    with pytest.raises(EngineError, match="does not open the secrets of stack local; fix: set PULUMI_CONFIG"):
        stack.outputs()


def test_a_log_is_of_the_last_operation(stack: Stack, tmp_path: Path) -> None:
    for words in ("first", "second"):
        stack._variables["SAYS"] = words
        stack.up()
    log = (tmp_path / "logs" / "local-up.log").read_text()
    assert "second" in log
    assert "first" not in log


def test_progress_shows_the_operation_and_its_end(stack: Stack) -> None:
    shown = io.StringIO()
    with Progress("trial", console=Console(file=shown)) as progress:
        stack.up(progress)
        stack._variables["CODE"] = "1"
        with pytest.raises(EngineError):
            stack.destroy(progress)
    assert "pulumi up: done in" in shown.getvalue()
    assert "pulumi destroy: failed in" in shown.getvalue()


@pytest.mark.parametrize(
    ("urn", "shown"),
    [
        (URN, "Deployment lakefs"),
        (
            "urn:pulumi:local::colonnade::random:index/randomPassword:RandomPassword::a::b",
            "RandomPassword a::b",
        ),
        ("strange", "strange"),
    ],
)
def test_label(urn: str, shown: str) -> None:
    assert label(urn) == shown


def test_watch_tells_what_runs_and_what_it_waits_for() -> None:
    watch = Watch()
    others = [URN.replace("lakefs", name) for name in ("mlflow", "feast", "valkey")]
    for event in (
        step("resourcePreEvent", operation="same"),
        step("resourcePreEvent"),
        diagnostic("[1/2] waiting for app to be ready", "info", ephemeral=True),
        *(step("resourcePreEvent", urn) for urn in others),
        step("resOutputsEvent", others[0]),
        step("resOpFailedEvent", others[1]),
        step("resOutputsEvent", "urn:pulumi:local::colonnade::x:y:Z::same", "same"),
    ):
        watch.read(json.dumps(event))
    assert watch.text() == (
        "2 done; now create Deployment lakefs ([1/2] waiting for app to be ready), create Deployment valkey"
    )
    watch.read(json.dumps(step("resourcePreEvent", others[0], "update")))
    assert watch.text().endswith("create Deployment valkey, 1 more")
    watch.read(json.dumps(step("resOutputsEvent")))
    assert "waiting" not in watch.text()


def test_watch_keeps_warnings_but_not_that_plugins_are_on_path() -> None:
    watch = Watch()
    for message in ("using pulumi-resource-random from $PATH at /somewhere", "it gets late", "it gets late"):
        watch.read(json.dumps(diagnostic(message, "warning", urn="")))
    assert watch.warnings == ["it gets late"]


@pytest.mark.parametrize("killed", ["parent", "child"])
def test_leash_ends_the_command_with_its_parent(killed: str) -> None:
    command = [sys.executable, "-uc", "import os, time; print(os.getpid()); time.sleep(60)"]
    parent_code = (
        "import subprocess, sys, os\n"
        f"subprocess.run([sys.executable, '-I', '-S', {leash.__file__!r}, str(os.getpid()), *{command!r}])"
    )
    parent = subprocess.Popen(
        [sys.executable, "-uc", parent_code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(parent.pid if killed == "parent" else child, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while Path(f"/proc/{child}").exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_leash_of_a_dead_parent_starts_nothing() -> None:
    ended = subprocess.run(
        [sys.executable, "-I", "-S", str(leash.__file__), "1", "/bin/echo", "started"], capture_output=True
    )
    assert (ended.returncode, ended.stdout) == (1, b"")
