"""What both plugins written in Python share: light imports, and a server that ends with the engine."""

import importlib.util
import os
import signal
import sys
import threading
import types
from collections.abc import Callable
from concurrent import futures

import grpc

# The engine sends whole stacks of inputs in one message.
UNLIMITED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
_WATCH_SECONDS = 1.0


def bare_sdk() -> None:
    """Makes `pulumi.runtime.proto` importable without the rest of the SDK.

    The engine starts its plugins on each command, and the SDK's packages take longer to import than all else
    that a plugin does at start. Only the start of an executable may call this: nothing else of the SDK can be
    imported afterwards.
    """
    if "pulumi" in sys.modules:
        return
    found = importlib.util.find_spec("pulumi")
    if found is None or not found.submodule_search_locations:
        raise ModuleNotFoundError("the Pulumi SDK for Python is not installed", name="pulumi")
    root = found.submodule_search_locations[0]
    for name in ("pulumi", "pulumi.runtime", "pulumi.runtime.proto"):
        package = types.ModuleType(name)
        package.__path__ = [os.path.join(root, *name.split(".")[1:])]  # noqa: PTH118 - pathlib is a slow import
        sys.modules[name] = package


def serve(register: Callable[[grpc.Server], None], stop: Callable[[], None]) -> None:
    """Serves until SIGINT, SIGTERM or the end of the engine, then calls `stop` and ends the process quietly.

    Prints the port as the first line, which is the handshake of the plugin protocol.
    """
    # SIGTERM and SIGINT are how the engine says goodbye: no traceback, and no error code.
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    parent = os.getppid()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=64), options=UNLIMITED)
    register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    # An engine that was killed could not say goodbye; its plugins have to notice by themselves.
    while not ended.wait(_WATCH_SECONDS) and os.getppid() == parent:
        pass
    stop()
    server.stop(grace=0).wait(timeout=1)
    sys.stdout.flush()
    # Threads that still serve a call would hold the process up.
    os._exit(0)
