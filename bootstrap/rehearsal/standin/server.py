"""The server that plays a provider for every engine of a rehearsal, and what the engines start instead."""

import os
from collections.abc import Callable
from concurrent import futures
from dataclasses import dataclass

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from bootstrap.engine.protocol import UNLIMITED
from bootstrap.rehearsal.standin.account import Store
from bootstrap.rehearsal.standin.faults import Faults
from bootstrap.rehearsal.standin.provider import Provider


@dataclass(frozen=True)
class Server:
    """A server that answers.

    Attributes:
        port: Where, on 127.0.0.1.
        provider: What it serves, with its record of events.
        stop: Ends it, once the calls under way are answered.
    """

    port: int
    provider: Provider
    stop: Callable[[], None]


def serve(account: Store, faults: Faults) -> Server:
    """Starts to serve the cloud of an account."""
    provider = Provider(account, faults)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=64), options=UNLIMITED)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return Server(port, provider, lambda: server.stop(grace=5).wait())


def plugin_script(port: int) -> str:
    """Returns what the engine finds as the plugin: a script that names the port.

    It lives as long as the engine and this process.
    """
    return f"""#!/bin/sh
# The provider is served elsewhere; the engine only learns where.
trap 'exit 0' TERM INT
echo {port}
while kill -0 "$PPID" && kill -0 {os.getpid()}; do
    sleep 1 >/dev/null &
    wait $!
done 2>/dev/null
"""
