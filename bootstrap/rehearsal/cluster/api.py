"""A client of the rehearsed API server: any path, one connection that is kept."""

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any, Final

from bootstrap.errors import ColonnadeError

Document = dict[str, Any]

MERGE: Final = "application/merge-patch+json"
_NOT_FOUND: Final = http.HTTPStatus.NOT_FOUND
_CONFLICT: Final = http.HTTPStatus.CONFLICT
_SECONDS: Final = 30


class Api:
    """Calls the API server as its administrator. For one thread at a time.

    Args:
        host: Where it answers.
        context: What it is trusted by, and the certificate to show.
    """

    def __init__(self, host: str, context: ssl.SSLContext) -> None:
        # Proxies of the environment are never used: the cluster is behind none.
        self._connection = http.client.HTTPSConnection(host, 6443, timeout=_SECONDS, context=context)

    def close(self) -> None:
        """Closes the connection; the next call opens another."""
        self._connection.close()

    def list(self, path: str) -> list[Document]:
        """Returns the objects of a collection; none where the API does not know its kind (yet)."""
        found = self._call("GET", path, absent=True)
        return list(found.get("items") or []) if found else []

    def get(self, path: str) -> Document | None:
        """Returns an object, or None where there is none."""
        return self._call("GET", path, absent=True)

    def create(self, path: str, document: Mapping[str, Any]) -> Document | None:
        """Creates an object; returns None where one of that name exists."""
        return self._call("POST", path, document, conflict=True)

    def patch(self, path: str, change: Mapping[str, Any]) -> Document | None:
        """Merges a change into an object; returns None where it is gone, or the patch met another."""
        return self._call("PATCH", path, change, MERGE, absent=True, conflict=True)

    def delete(self, path: str, grace_seconds: int | None = None) -> None:
        """Deletes an object; one that is gone is fine."""
        options = {} if grace_seconds is None else {"gracePeriodSeconds": grace_seconds}
        self._call("DELETE", path, options, absent=True, conflict=True)

    def _call(
        self,
        method: str,
        path: str,
        document: Mapping[str, Any] | None = None,
        kind: str = "application/json",
        absent: bool = False,
        conflict: bool = False,
    ) -> Document | None:
        """Returns what the API server answers; None for an absence or a conflict that is allowed.

        Raises:
            ColonnadeError: It refuses, or does not answer.
        """
        body = None if document is None else json.dumps(document)
        status, text = self._send(method, path, body, {"Content-Type": kind})
        if (absent and status == _NOT_FOUND) or (conflict and status == _CONFLICT):
            return None
        answer: Document = json.loads(text) if text.startswith(b"{") else {"message": text.decode()[:300]}
        if status >= http.HTTPStatus.BAD_REQUEST:
            raise ColonnadeError(f"the API server refuses {method} {path}: {answer.get('message', status)}")
        return answer

    def _send(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, bytes]:
        for attempt in (1, 2):
            try:
                self._connection.request(method, path, body, headers)
                answer = self._connection.getresponse()
                return answer.status, answer.read()
            except (OSError, http.client.HTTPException) as error:
                # The server closes a connection that was idle; the second one is fresh.
                self._connection.close()
                if attempt == 2:
                    raise ColonnadeError(
                        f"the API server does not answer {method} {path}: {error!r}"
                    ) from error
        raise AssertionError("unreachable")
