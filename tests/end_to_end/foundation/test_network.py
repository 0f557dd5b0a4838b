"""What the network refuses: pods that were granted nothing, and ports that are nobody's business."""

import json
from typing import Any

from tests.end_to_end.foundation.keys import NAMESPACE

PROBE = """
import socket, sys
for target in sys.argv[1:]:
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 3).close()
        print(target, "open")
    except OSError:
        print(target, "closed")
"""


def test_a_stranger_s_pod_reaches_none_of_it(platform: Any) -> None:
    jobs = json.loads(platform.kubectl("get", "jobs", "-n", NAMESPACE, "-o", "json"))["items"]
    image = jobs[0]["spec"]["template"]["spec"]["containers"][0]["image"]
    pods = json.loads(platform.kubectl("get", "pods", "-n", NAMESPACE, "-o", "json"))["items"]
    store = next(pod for pod in pods if pod["metadata"]["name"] == "object-store-0")["status"]["podIP"]
    targets = [
        *(f"{service}.{NAMESPACE}.svc:{port}" for service, port in (("database", 5432), ("cache", 6379))),
        f"object-store.{NAMESPACE}.svc:8333",
        *(f"{store}:{port}" for port in (8333, 8888, 9333, 8080, 18333)),
    ]
    # The API server, which a stranger may reach, shows that the probe can find something open.
    allowed = "kubernetes.default.svc:443"
    output = platform.kubectl(
        *("run", "stranger", "-n", "default", f"--image={image}", "--restart=Never", "--rm", "--attach"),
        *("--quiet", "--pod-running-timeout=120s", "--command", "--"),
        *("python3", "-c", PROBE, allowed, *targets),
    )
    answers = dict(line.split() for line in output.splitlines() if line.endswith(("open", "closed")))
    assert answers == {allowed: "open", **dict.fromkeys(targets, "closed")}
