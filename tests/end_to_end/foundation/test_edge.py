"""The way in: certificates, redirects, and nothing served beside what has a route."""

from typing import Any

import pytest
import requests


def test_the_certificate_is_the_private_ca_s(platform: Any) -> None:
    url = f"{platform.url('s3')}/healthz"
    assert requests.get(url, verify=platform.ca_file, timeout=30).status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(url, timeout=30)


def test_plain_http_leads_to_https(platform: Any) -> None:
    answer = requests.get(f"http://s3.{platform.domain}/some/path", allow_redirects=False, timeout=30)
    assert answer.status_code in (301, 308)
    assert answer.headers["Location"] == f"https://s3.{platform.domain}/some/path"


def test_a_name_without_a_route_is_not_found(platform: Any) -> None:
    for host in (f"nothing.{platform.domain}", "example.com"):
        for path in ("/", "/dashboard/", "/api/rawdata"):
            answer = requests.get(
                f"{platform.url('s3')}{path}", headers={"Host": host}, verify=platform.ca_file, timeout=30
            )
            assert answer.status_code == 404, (host, path)
