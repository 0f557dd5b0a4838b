from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest
from pulumi.runtime.proto import language_pb2_grpc, provider_pb2_grpc

from bootstrap.engine.language_host import LanguageHost
from bootstrap.engine.random_provider.provider import RandomProvider


@pytest.fixture
def server() -> Iterator[grpc.Server]:
    started = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    yield started
    started.stop(grace=None).wait()


@pytest.fixture
def provider(server: grpc.Server) -> Iterator[provider_pb2_grpc.ResourceProviderStub]:
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(RandomProvider(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield provider_pb2_grpc.ResourceProviderStub(channel)


@pytest.fixture
def host(server: grpc.Server) -> Iterator[language_pb2_grpc.LanguageRuntimeStub]:
    serves = LanguageHost("127.0.0.1:1")
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(serves, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield language_pb2_grpc.LanguageRuntimeStub(channel)
    serves.stop()
