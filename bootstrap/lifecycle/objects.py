"""The objects of a cluster, whatever their kind."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import urllib3
from kubernetes import config
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError, NotFoundError, ResourceNotFoundError

from bootstrap.errors import ColonnadeError

_SECONDS = 30


class ClusterObjects:
    """Finds objects of any kind.

    Args:
        kubeconfig: The file that says how to reach the cluster.
        context: The context in it; by default its current one.

    Raises:
        ColonnadeError: The file is not of use, or the cluster cannot be reached.
    """

    def __init__(self, kubeconfig: Path, context: str | None = None) -> None:
        try:
            client = config.new_client_from_config(  # type: ignore[no-untyped-call]
                config_file=str(kubeconfig), context=context
            )
        except (config.ConfigException, OSError) as error:
            raise ColonnadeError(
                f"kubeconfig {kubeconfig} is not of use: {error}", "name a working kubeconfig and context"
            ) from error
        self._host = client.configuration.host
        with tempfile.TemporaryDirectory(prefix="colonnade-") as private:
            # The default is a file in /tmp with a name that anybody can guess.
            cache = str(Path(private, "discovery.json"))
            self._client = self._call(
                lambda: DynamicClient(client, cache_file=cache)  # type: ignore[no-untyped-call]
            )

    def find(self, api_version: str, kind: str, namespace: str | None, name: str) -> dict[str, Any] | None:
        """Returns an object, or None where there is no such object, or no such kind.

        Raises:
            ColonnadeError: The cluster cannot be reached, or refuses.
        """
        try:
            found: dict[str, Any] = self._call(
                lambda: (
                    self._client.resources.get(api_version=api_version, kind=kind)
                    .get(name=name, namespace=namespace or "default", _request_timeout=_SECONDS)
                    .to_dict()
                )
            )
        except (NotFoundError, ResourceNotFoundError):
            return None
        return found

    def _call(self, request: Callable[[], Any]) -> Any:
        try:
            return request()
        except NotFoundError:
            raise
        except DynamicApiError as error:
            raise ColonnadeError(
                f"the cluster at {self._host} refuses: {error.status} {error.reason}",
                "check the rights of the kubeconfig",
            ) from error
        except urllib3.exceptions.HTTPError as error:
            raise ColonnadeError(
                f"the cluster at {self._host} cannot be reached: {error}", "start it: colonnade cluster up"
            ) from error
