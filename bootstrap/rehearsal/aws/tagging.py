"""The Resource Groups Tagging API of the rehearsed account: by it, interrupted creations are looked up."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from bootstrap.rehearsal.standin.account import Store

_TARGET: Final = "ResourceGroupsTaggingAPI_20170126.GetResources"
# Services without regions, of which it tells in that one alone.
_GLOBAL: Final = frozenset({"iam", "route53"})
_GLOBAL_REGION: Final = "us-east-1"


class Tagging:
    """Answers `GetResources` on a loopback port until it is closed, and nothing else.

    Attributes:
        url: Where.
    """

    def __init__(self, account: Store) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                asked = json.loads(self.rfile.read(length) or b"{}")
                known = self.headers.get("X-Amz-Target") == _TARGET
                # The scope of a signature is key, date, region and service.
                region = self.headers.get("Authorization", "").split("/")[2]
                answer = found(account, asked, region) if known else {"__type": "UnknownOperationException"}
                body = json.dumps(answer).encode()
                self.send_response(200 if known else 400)
                self.send_header("Content-Type", "application/x-amz-json-1.1")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Says nothing: what matters is in the report."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        """Stops answering."""
        self._server.shutdown()
        self._server.server_close()


def found(account: Store, asked: dict[str, Any], region: str) -> dict[str, Any]:
    """Returns the resources whose tags match every filter, as far as the API tells of them in a region.

    It tells of no role, as the list of supported services in its reference says.
    """
    filters = {it["Key"]: set(it.get("Values") or []) for it in asked.get("TagFilters", [])}
    matching = []
    for resource in account.living():
        tags, arn = account.tags(resource), resource.outputs.get("arn") or resource.outputs.get("jobArn")
        if arn is None or resource.type == "aws:iam/role:Role":
            continue
        service, home = arn.split(":")[2:4]
        told = region == (_GLOBAL_REGION if service in _GLOBAL else home or account.region)
        if told and all(
            key in tags and (not values or tags[key] in values) for key, values in filters.items()
        ):
            matching.append(
                {"ResourceARN": arn, "Tags": [{"Key": key, "Value": it} for key, it in tags.items()]}
            )
    return {"ResourceTagMappingList": matching, "PaginationToken": ""}
