"""An API server that cannot be reached: one error, which says what to do, and nothing touched."""

import http.server
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pulumi
import pytest

from components.foundation.aws import cluster as cluster_module
from components.foundation.aws import reach
from components.foundation.aws.reach import UnreachableError, reachable
from tests.unit.components.foundation.aws import eks

PROXIED = "https://A1.gr7.eu-central-1.eks.amazonaws.com"


@pytest.fixture
def port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(reach.time, "sleep", pauses.append)
    return pauses


def test_an_endpoint_that_answers_is_returned_as_it_is(port: int) -> None:
    assert reachable(f"https://127.0.0.1:{port}", "prod", "eu-central-1") == f"https://127.0.0.1:{port}"


def test_a_closed_port_names_every_way_in(closed: int, no_pause: list[float]) -> None:
    with pytest.raises(UnreachableError) as raised:
        reachable(f"https://127.0.0.1:{closed}", "prod", "eu-central-1")
    text = str(raised.value)
    assert f"https://127.0.0.1:{closed}" in text
    for way in ("runner", "VPN", "network.connected_cidrs", "allow-list network.allowed_cidrs"):
        assert way in text
    assert "update-cluster-config" not in text
    assert len(no_pause) == 3


@pytest.mark.usefixtures("no_pause")
def test_who_is_not_on_the_list_learns_how_to_get_on_it(closed: int) -> None:
    with pytest.raises(UnreachableError, match=r"update-cluster-config --region eu-central-1 --name prod .*"):
        reachable(
            f"https://127.0.0.1:{closed}", "prod", "eu-central-1", ["198.51.100.0/24", "203.0.113.7/32"]
        )
    with pytest.raises(UnreachableError, match=r"publicAccessCidrs=198\.51\.100\.0/24,203\.0\.113\.7/32"):
        reachable(
            f"https://127.0.0.1:{closed}", "prod", "eu-central-1", ["198.51.100.0/24", "203.0.113.7/32"]
        )


@pytest.mark.usefixtures("no_pause")
def test_a_name_that_does_not_resolve_is_unreachable() -> None:
    with pytest.raises(UnreachableError, match=r"nowhere\.invalid"):
        reachable("https://nowhere.invalid", "prod", "eu-central-1")


class Proxy(http.server.BaseHTTPRequestHandler):
    """Notes what it is asked to connect to, and admits or refuses it."""

    asked: list[str]
    status = 200

    def do_CONNECT(self) -> None:
        self.asked.append(self.path)
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Stays silent."""


@pytest.fixture(params=[200, 403])
def proxy(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Proxy]]:
    handler = type("Handler", (Proxy,), {"asked": [], "status": request.param})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{server.server_port}")
        yield handler
        server.shutdown()


def test_a_proxy_is_asked_as_clients_of_kubernetes_would(proxy: type[Proxy]) -> None:
    if proxy.status == 200:
        assert reachable(PROXIED, "prod", "eu-central-1") == PROXIED
    else:
        with pytest.raises(UnreachableError, match="403"):
            reachable(PROXIED, "prod", "eu-central-1", attempts=1)
    assert proxy.asked == ["a1.gr7.eu-central-1.eks.amazonaws.com:443"]


def test_an_address_needs_no_proxy(port: int, proxy: type[Proxy]) -> None:
    reachable(f"https://127.0.0.1:{port}", "prod", "eu-central-1")
    assert proxy.asked == []


def unreachable(endpoint: str, *_: Any) -> str:
    raise UnreachableError(f"{endpoint} cannot be reached")


def test_one_error_is_told_and_nothing_is_put_on_the_cluster(
    run_program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "reachable", unreachable)
    with pytest.raises(UnreachableError, match="cannot be reached") as raised:
        run_program(eks.cluster, outputs=eks.OUTPUTS, calls=eks.CALLS)
    # The SDK prints the text of a RunError alone, and prints one.
    assert isinstance(raised.value, pulumi.RunError)


def test_a_cluster_that_is_not_there_yet_is_not_asked_for(
    run_program: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_module, "reachable", unreachable)
    recorded = run_program(
        eks.cluster,
        preview=True,
        unknown=[eks.CLUSTER, eks.GROUP],
        outputs={eks.ROLE: eks.OUTPUTS[eks.ROLE], eks.TEMPLATE: eks.OUTPUTS[eks.TEMPLATE]},
        calls=eks.CALLS,
    )
    assert recorded.one("kubernetes:storage.k8s.io/v1:StorageClass")
