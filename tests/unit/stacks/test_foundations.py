"""From settings to what every foundation is given."""

from typing import Any

from stacks.foundations import single_sign_on
from stacks.settings import parse
from tests.unit.stacks.settings.conftest import ON_PREMISES, with_values

PROVIDER = {
    "issuer_url": "https://login.example.com/realms/ml",
    "client_id": "colonnade",
    "client_secret": "hunter2",
}


def test_people_sign_in_with_the_provider_of_the_settings(run_program: Any) -> None:
    settings = parse(with_values(ON_PREMISES, {"edge.single_sign_on": PROVIDER}))
    recorded = run_program(lambda: single_sign_on(settings))
    found = recorded.result
    assert (found.issuer_url, found.client_id) == (PROVIDER["issuer_url"], "colonnade")
    assert recorded.value(found.client_secret) == "hunter2"
    assert recorded.is_secret(found.client_secret)
    assert found.image.startswith("quay.io/oauth2-proxy/oauth2-proxy:v")


def test_a_mirror_holds_what_signs_people_in_as_well(run_program: Any) -> None:
    mirrored = {"kind": "mirror", "location": "registry.example.com/upstream"}
    given = {"edge.single_sign_on": PROVIDER, "sources.images": mirrored}
    found = run_program(lambda: single_sign_on(parse(with_values(ON_PREMISES, given)))).result
    assert found.image.startswith("registry.example.com/upstream/oauth2-proxy/oauth2-proxy:v")


def test_without_a_provider_there_is_none() -> None:
    assert single_sign_on(parse(ON_PREMISES)) is None
