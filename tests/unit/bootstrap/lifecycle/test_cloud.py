"""What an interrupted run was making on AWS is found by its tags, or by an id that its inputs give."""

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

import components
from bootstrap.errors import ColonnadeError
from bootstrap.lifecycle import cloud
from bootstrap.rehearsal.aws import aws

TAGS = {"environment": "lab", "Name": "network"}


@pytest.fixture
def tagging() -> Iterator[Any]:
    """A tagging API that answers with the ARNs it is given, and keeps what it was asked."""

    class Handler(BaseHTTPRequestHandler):
        arns: tuple[str, ...] = ()
        asked: ClassVar[list[Any]] = []
        regions: ClassVar[list[str]] = []

        def do_POST(self) -> None:
            self.regions.append(self.headers["Authorization"].split("/")[2])
            self.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            found = [{"ResourceARN": arn, "Tags": []} for arn in self.arns]
            body = json.dumps({"ResourceTagMappingList": found, "PaginationToken": ""}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    Handler.asked, Handler.regions = [], []
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    Handler.variables = {  # type: ignore[attr-defined]
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_REGION": "eu-central-1",
        "AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API": f"http://127.0.0.1:{server.server_port}",
    }
    yield Handler
    server.shutdown()
    thread.join()
    server.server_close()


def pending(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"type": kind, "inputs": inputs}


def test_tags_find_the_id_among_resources_of_other_types(tagging: Any) -> None:
    tagging.arns = (
        "arn:aws:ec2:eu-central-1:123456789012:subnet/subnet-1",
        "arn:aws:ec2:eu-central-1:123456789012:vpc/vpc-1",
    )
    found = cloud.find_pending(pending("aws:ec2/vpc:Vpc", tagsAll=TAGS), (), tagging.variables)
    assert found == "vpc-1"
    wanted = [{"Key": "environment", "Values": ["lab"]}, {"Key": "Name", "Values": ["network"]}]
    assert tagging.asked[0]["TagFilters"] == wanted


def test_what_carries_no_such_tags_is_not_there(tagging: Any) -> None:
    tagging.arns = ("arn:aws:ec2:eu-central-1:123456789012:subnet/subnet-1",)
    assert cloud.find_pending(pending("aws:ec2/vpc:Vpc", tagsAll=TAGS), (), tagging.variables) is None
    assert cloud.find_pending(pending("aws:ec2/vpc:Vpc", tags={}), (), tagging.variables) is None


def test_what_a_replacement_replaces_carries_its_tags_and_is_not_it(tagging: Any) -> None:
    prefix = "arn:aws:ec2:eu-central-1:123456789012:subnet/"
    tagging.arns = (f"{prefix}subnet-old", f"{prefix}subnet-new")
    subnet = pending("aws:ec2/subnet:Subnet", tagsAll=TAGS)
    assert cloud.find_pending(subnet, {"subnet-old"}, tagging.variables) == "subnet-new"
    assert cloud.find_pending(subnet, {"subnet-old", "subnet-new"}, tagging.variables) is None


def test_services_without_regions_are_asked_for_where_the_api_tells_of_them(tagging: Any) -> None:
    for kind in ("aws:iam/openIdConnectProvider:OpenIdConnectProvider", "aws:ec2/vpc:Vpc"):
        cloud.find_pending(pending(kind, tagsAll=TAGS), (), tagging.variables)
    assert tagging.regions == ["us-east-1", "eu-central-1"]


def test_ids_of_two_parts_and_whole_arns(tagging: Any) -> None:
    group = "arn:aws:eks:eu-central-1:123456789012:nodegroup/lab/general/1"
    certificate = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
    tagging.arns = (group, certificate)
    kinds = ("aws:eks/nodeGroup:NodeGroup", "aws:acm/certificate:Certificate")
    found = [cloud.find_pending(pending(kind, tagsAll=TAGS), (), tagging.variables) for kind in kinds]
    assert found == ["lab:general", certificate]


@pytest.mark.parametrize(
    ("resource", "identifier"),
    [
        (pending("aws:iam/role:Role", name="lab-node", tagsAll=TAGS), "lab-node"),
        (pending("aws:kms/alias:Alias", name="alias/lab/lake"), "alias/lab/lake"),
        # The number that terraform-provider-aws derives of a default route, as its own tests state it.
        (
            pending("aws:ec2/route:Route", routeTableId="rtb-1", destinationCidrBlock="0.0.0.0/0"),
            "r-rtb-11080289494",
        ),
        (
            pending("aws:autoscaling/tag:Tag", autoscalingGroupName="g", tag={"key": "k", "value": "v"}),
            "g,k",
        ),
    ],
)
def test_ids_that_follow_from_inputs(resource: dict[str, Any], identifier: str) -> None:
    assert cloud.find_pending(resource, (), {}) == identifier


def test_a_cloud_that_cannot_be_asked_is_one_line_with_a_fix(tagging: Any) -> None:
    variables = {
        **tagging.variables,
        "AWS_ENDPOINT_URL_RESOURCE_GROUPS_TAGGING_API": "http://127.0.0.1:9",
        "AWS_MAX_ATTEMPTS": "1",
    }
    with pytest.raises(ColonnadeError, match="cannot be asked what an interrupted run has made"):
        cloud.find_pending(pending("aws:ec2/vpc:Vpc", tagsAll=TAGS), (), variables)


def test_every_type_that_components_make_is_looked_up() -> None:
    sources = (Path(components.__file__).parent / "foundation" / "aws").glob("*.py")
    made = {it for file in sources for it in re.findall(r"\baws\.(\w+)\.([A-Z]\w+)\(", file.read_text())}
    tokens = {f"aws:{module}/{name[0].lower()}{name[1:]}:{name}" for module, name in made}
    tokens &= aws().types.keys()
    table = yaml.safe_load(cloud._TABLE.read_text())
    assert len(tokens) > 30
    assert sorted(tokens - {*table["tagged"], *table["named"], cloud._ASSOCIATION}) == []


def test_every_type_that_is_looked_up_is_one_that_a_rehearsal_knows() -> None:
    table = yaml.safe_load(cloud._TABLE.read_text())
    known = aws().types.keys()
    assert {*table["tagged"], *table["named"]} <= known
    assert not {*table["tagged"]} & {*table["named"]}
    assert {*table["global"]} <= table["tagged"].keys()
