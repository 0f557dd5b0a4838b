"""Valkey, as a client on the host sees it."""

import socket
from collections.abc import Sequence
from typing import Any

import pytest

from tests.end_to_end.foundation.keys import NAMESPACE, secret


def ask(platform: Any, commands: Sequence[str]) -> list[str]:
    """Sends commands over one connection; returns the first line of each answer."""
    with (
        platform.port_forward(NAMESPACE, "cache", 6379) as port,
        socket.create_connection(("127.0.0.1", port), 15) as connection,
        connection.makefile("rw", newline="\r\n") as stream,
    ):
        answers = []
        for command in commands:
            stream.write(f"{command}\r\n")
            stream.flush()
            line = stream.readline().rstrip("\r\n")
            if line.startswith("$") and line != "$-1":
                line = stream.readline().rstrip("\r\n")
            answers.append(line)
        return answers


@pytest.fixture(scope="module")
def password(platform: Any) -> str:
    return secret(platform, "cache")["password"]


def test_nothing_is_answered_without_a_password(platform: Any) -> None:
    for answer in ask(platform, ["PING", "GET end-to-end", "CONFIG GET requirepass"]):
        assert answer.startswith("-NOAUTH")


def test_a_wrong_password_is_refused(platform: Any) -> None:
    refused, still_refused = ask(platform, ["AUTH wrong", "PING"])
    assert refused.startswith("-WRONGPASS")
    assert still_refused.startswith("-NOAUTH")


def test_values_survive_a_restart(platform: Any, password: str) -> None:
    assert ask(platform, [f"AUTH {password}", "SET end-to-end kept"]) == ["+OK", "+OK"]
    platform.kubectl("delete", "pod", "cache-0", "-n", NAMESPACE)
    platform.kubectl("rollout", "status", "statefulset/cache", "-n", NAMESPACE, "--timeout=120s")
    assert ask(platform, [f"AUTH {password}", "GET end-to-end", "DEL end-to-end"]) == ["+OK", "kept", ":1"]
