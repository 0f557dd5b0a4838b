"""What an account has before a stack comes to it."""

from bootstrap.rehearsal.standin.model import Resource


def public_zone(id: str, name: str) -> Resource:
    """Returns a public hosted zone that somebody made before, for records that prove a certificate."""
    return Resource("aws:route53/zone:Zone", id, {"name": name}, {"name": name, "zoneId": id})
