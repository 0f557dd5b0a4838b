import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from bootstrap.embedded import Cluster, commands, network, preflight
from bootstrap.embedded.command import run
from bootstrap.embedded.layout import Layout, subnet
from bootstrap.errors import ColonnadeError


class Usage(NamedTuple):
    total: int
    used: int
    free: int


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine on which every check passes; each test breaks one thing."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(preflight, "missing", lambda _: [])
    monkeypatch.setattr(preflight, "binary", lambda name: Path("/bin") / name)
    monkeypatch.setattr(preflight.node, "cni_binaries", lambda: Path("/usr/lib/cni"))
    monkeypatch.setattr(preflight.shutil, "disk_usage", lambda _: Usage(2**40, 0, 2**40))
    monkeypatch.setattr(network, "_links", lambda *_, **__: {})
    return monkeypatch


@pytest.mark.usefixtures("able")
def test_able_machine_passes_and_nothing_is_made(layout: Layout) -> None:
    preflight.check(layout)
    assert not layout.state.exists()


def absent_tool(patch: pytest.MonkeyPatch, _: Layout) -> str:
    patch.setattr(preflight, "missing", lambda _: ["runc", "nft"])
    return "not installed: runc, nft; fix: make setup"


def no_root(patch: pytest.MonkeyPatch, _: Layout) -> str:
    patch.setattr(os, "geteuid", lambda: 1000)
    return (
        "`colonnade cluster up --name trial` needs root, this is user 1000; "
        f"fix: sudo {sys.prefix}/bin/colonnade cluster up --name trial"
    )


def full_disk(patch: pytest.MonkeyPatch, _: Layout) -> str:
    patch.setattr(preflight.shutil, "disk_usage", lambda _: Usage(2**40, 2**40, 5 * 2**20))
    return "is full: 5 MiB are free, 2048 MiB are needed; fix: free some space"


def taken_address(patch: pytest.MonkeyPatch, layout: Layout) -> str:
    address = {"family": "inet", "local": layout.address}
    patch.setattr(network, "_links", lambda *_, **__: {"eth7": {"addr_info": [address]}})
    return f"cluster trial: address {layout.address} is in use by interface eth7; fix: choose another --name"


def twin(patch: pytest.MonkeyPatch, layout: Layout) -> str:
    patch.setattr(preflight, "subnet", lambda _: layout.subnet)
    (layout.state.parent / "twin").mkdir(parents=True)
    return f"clusters trial and twin would have the same address {layout.address}"


def other_state(patch: pytest.MonkeyPatch, layout: Layout) -> str:
    link = {"ifalias": str(layout.state.parents[1])}
    patch.setattr(network, "_links", lambda *_, **__: {layout.host_interface: link})
    return f"cluster trial is there already, with its state in {layout.state.parents[1]} and not in"


@pytest.mark.parametrize("fault", [absent_tool, no_root, full_disk, taken_address, twin, other_state])
def test_fault_is_one_clear_line_and_nothing_is_made(
    able: pytest.MonkeyPatch, layout: Layout, fault: Callable[[pytest.MonkeyPatch, Layout], str]
) -> None:
    wanted = fault(able, layout)
    with pytest.raises(ColonnadeError) as caught:
        Cluster("trial").up()
    assert wanted in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not layout.state.exists()


def test_own_interface_is_no_conflict(able: pytest.MonkeyPatch, layout: Layout) -> None:
    address = {"family": "inet", "local": layout.host_address}
    able.setattr(network, "_links", lambda *_, **__: {layout.host_interface: {"addr_info": [address]}})
    preflight.check(layout)


def test_full_disk_does_not_stop_a_complete_cluster_from_healing(
    able: pytest.MonkeyPatch, layout: Layout
) -> None:
    able.setattr(preflight.shutil, "disk_usage", lambda _: Usage(2**40, 2**40, 0))
    layout.state.mkdir(parents=True)
    layout.complete.touch()
    preflight.check(layout)


def test_down_spares_the_cluster_of_another_state_directory(able: pytest.MonkeyPatch, layout: Layout) -> None:
    other_state(able, layout)
    with pytest.raises(ColonnadeError, match="is there already"):
        Cluster(layout.name).down()


def test_what_is_left_of_a_lost_state_directory_belongs_to_nobody(
    able: pytest.MonkeyPatch, layout: Layout
) -> None:
    link = {"ifalias": "/nonexistent/clusters/trial"}
    able.setattr(network, "_links", lambda *_, **__: {layout.host_interface: link})
    preflight.check(layout)


def test_down_needs_root(able: pytest.MonkeyPatch, layout: Layout) -> None:
    able.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(ColonnadeError, match="`colonnade cluster down --name trial` needs root"):
        Cluster(layout.name).down()


def test_status_of_a_cluster_that_was_never_made(layout: Layout) -> None:
    status = Cluster(layout.name).status()
    assert status.components == ()
    assert not status.healthy
    result = CliRunner().invoke(commands.app, ["status", "--name", "trial", "--json"])
    assert result.exit_code == 1
    assert '"healthy": false' in result.stdout


def test_two_commands_do_not_work_on_one_cluster(layout: Layout) -> None:
    with Cluster(layout.name)._alone():
        with (
            pytest.raises(ColonnadeError, match="another command works on cluster trial"),
            Cluster("trial")._alone(),
        ):
            pass
        with Cluster("other")._alone():
            pass
    with Cluster(layout.name)._alone():
        pass


def test_failed_tool_is_quoted() -> None:
    with pytest.raises(ColonnadeError, match="failed with exit code 3: b / c / d"):
        run(["sh", "-c", "printf 'a\\nb\\nc\\nd\\n' >&2; exit 3"])
    with pytest.raises(ColonnadeError, match="no-such-tool is not installed"):
        run(["no-such-tool"])
    with pytest.raises(ColonnadeError, match="did not end within 0 s"):
        run(["sleep", "5"], timeout=0.05)


def test_tools_talk_past_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy")
    monkeypatch.setenv("https_proxy", "http://proxy")
    assert "proxy" not in run(["env"]).lower().replace("no_proxy", "")


def test_subnets_differ() -> None:
    assert len({subnet(name) for name in ("local", "e2e-node", "e2e-crash", "bench")}) == 4
