"""Who may do what in the object store."""

import json

from hypothesis import given
from hypothesis import strategies as st

from components.foundation.on_premises.object_store import access_key_id, identities, place

GOLDEN = """\
{
  "identities": [
    {
      "name": "provisioning",
      "credentials": [{"accessKey": "provisioning", "secretKey": "root"}],
      "actions": ["Admin"]
    },
    {
      "name": "lakefs",
      "credentials": [{"accessKey": "consumer-lakefs", "secretKey": "one"}],
      "actions": ["Read:lab-lake", "Write:lab-lake", "List:lab-lake", "Tagging:lab-lake"]
    },
    {
      "name": "mlflow",
      "credentials": [{"accessKey": "consumer-mlflow", "secretKey": "two"}],
      "actions": [
        "Read:lab-artifacts", "Write:lab-artifacts", "List:lab-artifacts", "Tagging:lab-artifacts",
        "Read:lab-models", "Write:lab-models", "List:lab-models", "Tagging:lab-models"
      ]
    }
  ]
}
"""

names = st.from_regex(r"[a-z][a-z0-9-]{0,10}", fullmatch=True)
buckets = st.lists(st.from_regex(r"[a-z0-9][a-z0-9-]{1,10}", fullmatch=True), max_size=4, unique=True)


def allowed(actions: list[str], action: str, bucket: str) -> bool:
    """The store's rule, as its server applies it: a whole action, or one of a bucket; `*` and `?` match."""
    assert not any(set("*?") & set(granted) for granted in actions)
    return bool({"Admin", action, f"{action}:{bucket}", f"Admin:{bucket}"} & set(actions))


def test_the_document_is_what_the_store_reads() -> None:
    document = identities(
        "root", {"mlflow": ("two", ["lab-models", "lab-artifacts"]), "lakefs": ("one", ["lab-lake"])}
    )
    assert document == json.loads(GOLDEN)


@given(st.dictionaries(names, st.tuples(st.text(min_size=1), buckets), max_size=5), names)
def test_no_consumer_does_anything_outside_its_buckets(
    consumers: dict[str, tuple[str, list[str]]], foreign: str
) -> None:
    document = identities("root", consumers)
    for identity in document["identities"]:
        if identity["name"] == "provisioning" and identity["actions"] == ["Admin"]:
            continue
        own = set(consumers[identity["name"]][1])
        for bucket in {foreign, *(b for _, granted in consumers.values() for b in granted)}:
            for action in ("Read", "Write", "List", "Tagging"):
                assert allowed(identity["actions"], action, bucket) == (bucket in own)
            for action in ("Admin", "WriteAcp", "PutBucketPolicy", "PutBucketVersioning", "DeleteBucket"):
                assert not allowed(identity["actions"], action, bucket)


@given(st.dictionaries(names, st.tuples(st.text(min_size=1), buckets), max_size=5))
def test_each_key_belongs_to_one_identity_and_nobody_is_anonymous(
    consumers: dict[str, tuple[str, list[str]]],
) -> None:
    document = identities("root", consumers)
    keys = [
        credential["accessKey"]
        for identity in document["identities"]
        for credential in identity["credentials"]
    ]
    assert len(keys) == len(set(keys)) == len(consumers) + 1
    assert all(identity["credentials"] for identity in document["identities"])
    assert "anonymous" not in {identity["name"] for identity in document["identities"]} - set(consumers)


def test_a_consumer_named_like_the_administrator_gets_no_more() -> None:
    document = identities("root", {"provisioning": ("own", ["bucket"])})
    by_key = {identity["credentials"][0]["accessKey"]: identity for identity in document["identities"]}
    assert "Admin" not in by_key[access_key_id("provisioning")]["actions"]


def test_a_consumer_may_be_kept_to_a_folder() -> None:
    """As tried on the store: a trailing asterisk is all that is below, lists by prefix included."""
    document = identities("root", {"lakefs": ("one", [place("lab-lake", "lakefs"), place("lab-models")])})
    (actions,) = [it["actions"] for it in document["identities"] if it["name"] == "lakefs"]
    assert set(actions) == {
        f"{action}:{where}"
        for action in ("Read", "Write", "List", "Tagging")
        for where in ("lab-lake/lakefs/*", "lab-models")
    }
