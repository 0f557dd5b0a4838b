"""The API of the rehearsed cluster, as far as a site that plays along needs it."""

import http.client
import json
import ssl
from http import HTTPStatus
from typing import Any

from bootstrap.embedded.layout import Layout
from bootstrap.embedded.pki import CLUSTER_CA, Pki
from bootstrap.errors import ColonnadeError

PORT = 6443
_SECONDS = 30
_MERGE = "application/merge-patch+json"


class Api:
    """The API server, asked as the administrator."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        keys = Pki(layout)
        self._context = ssl.create_default_context(cafile=str(keys.certificate(CLUSTER_CA)))
        self._context.load_cert_chain(keys.certificate("admin"), keys.key("admin"))

    def get(self, path: str) -> dict[str, Any] | None:
        """Returns an object or a list; None where the API has none."""
        return self._ask("GET", path, None, (HTTPStatus.NOT_FOUND,))

    def list(self, path: str) -> list[dict[str, Any]]:
        """Returns the objects of a list; none where the API does not know the kind."""
        found = self.get(path)
        return list(found["items"]) if found else []

    def create(self, path: str, document: dict[str, Any]) -> None:
        """Creates an object; one that is there already stays as it is."""
        self._ask("POST", path, document, (HTTPStatus.CONFLICT,))

    def patch(self, path: str, document: dict[str, Any]) -> None:
        """Merges into an object; one that is gone meanwhile is left alone."""
        self._ask("PATCH", path, document, (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT))

    def delete(self, path: str) -> None:
        """Deletes an object; one that is gone already is fine."""
        self._ask("DELETE", path, None, (HTTPStatus.NOT_FOUND,))

    def _ask(
        self, method: str, path: str, document: dict[str, Any] | None, admitted: tuple[HTTPStatus, ...]
    ) -> dict[str, Any] | None:
        connection = http.client.HTTPSConnection(
            self._layout.address, PORT, timeout=_SECONDS, context=self._context
        )
        try:
            headers = {"Content-Type": _MERGE if method == "PATCH" else "application/json"}
            connection.request(method, path, json.dumps(document) if document else None, headers)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status in admitted:
            return None
        if answer.status >= HTTPStatus.BAD_REQUEST:
            said = body.decode(errors="replace")[:300]
            raise ColonnadeError(f"{method} {path} of the rehearsed cluster: {answer.status} {said}")
        loaded: dict[str, Any] = json.loads(body)
        return loaded
