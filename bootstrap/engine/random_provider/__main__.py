"""The executable: serves the engine that started it."""

from bootstrap.engine.protocol import bare_sdk, serve


def main() -> None:
    """Serves until the engine says goodbye or ends."""
    bare_sdk()
    from pulumi.runtime.proto import provider_pb2_grpc

    from bootstrap.engine.random_provider.provider import RandomProvider

    serve(
        lambda server: provider_pb2_grpc.add_ResourceProviderServicer_to_server(RandomProvider(), server),
        lambda: None,
    )


if __name__ == "__main__":
    main()
