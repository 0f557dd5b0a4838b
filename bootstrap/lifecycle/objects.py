"""The objects of a cluster, whatever their kind."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import urllib3
import yaml
from kubernetes import config
from kubernetes.client import ApiException, Configuration, VersionApi
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import DynamicApiError, NotFoundError, ResourceNotFoundError

from bootstrap.errors import ColonnadeError

_SECONDS = 30
# A cluster that works answers this at once, from wherever one would manage it.
_ANSWER_SECONDS = 10


def reach(kubeconfig: Path, context: str | None = None) -> None:
    """Makes sure that a cluster answers and lets the user of a kubeconfig in; asks once and changes nothing.

    Args:
        kubeconfig: The file that says how to reach the cluster.
        context: The context in it; by default its current one.

    Raises:
        ColonnadeError: The file is not of use, or the cluster does not answer, or refuses.
    """
    client = _client(kubeconfig, context, retries=0)
    asked = f"the cluster at {client.configuration.host} (kubeconfig {kubeconfig})"
    try:
        VersionApi(client).get_code(_preload_content=False, _request_timeout=_ANSWER_SECONDS)
    except ApiException as error:
        raise ColonnadeError(
            f"{asked} refuses: {error.status} {error.reason}", "check the rights of the kubeconfig"
        ) from error
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise ColonnadeError(
            f"{asked} cannot be reached: {reason}", "start it, or name another in cluster.kubeconfig"
        ) from error


def _client(kubeconfig: Path, context: str | None, retries: int | None = None) -> Any:
    """Returns a client for the cluster of a context.

    Raises:
        ColonnadeError: The file is not of use.
    """
    try:
        document = yaml.safe_load(kubeconfig.read_bytes())
        known = [entry["name"] for entry in document.get("contexts") or []]
    except OSError as error:
        raise ColonnadeError(
            f"kubeconfig {kubeconfig} cannot be read: {error.strerror}", "correct cluster.kubeconfig"
        ) from error
    except (yaml.YAMLError, AttributeError, TypeError, KeyError) as error:
        where = f" at line {mark.line + 1}" if (mark := getattr(error, "problem_mark", None)) else ""
        raise ColonnadeError(
            f"{kubeconfig} is not a kubeconfig: it cannot be understood{where}", "correct cluster.kubeconfig"
        ) from error
    if context is not None and context not in known:
        names = f"name one of {', '.join(known)} in" if known else "there is none in it; correct"
        raise ColonnadeError(
            f"kubeconfig {kubeconfig} has no context {context!r}", f"{names} cluster.context"
        )
    configuration = Configuration()
    configuration.retries = retries
    try:
        return config.new_client_from_config(  # type: ignore[no-untyped-call]
            config_file=str(kubeconfig), context=context, client_configuration=configuration
        )
    except (config.ConfigException, OSError, ValueError, TypeError, KeyError) as error:
        raise ColonnadeError(
            f"context {context!r} of kubeconfig {kubeconfig} is not of use: {error}", "mend it there"
        ) from error


class ClusterObjects:
    """Finds objects of any kind.

    Args:
        kubeconfig: The file that says how to reach the cluster.
        context: The context in it; by default its current one.

    Raises:
        ColonnadeError: The file is not of use, or the cluster cannot be reached.
    """

    def __init__(self, kubeconfig: Path, context: str | None = None) -> None:
        client = _client(kubeconfig, context)
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
