"""The shape of an entry of the catalog."""

import re
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def _exact(version: str) -> str:
    if not re.fullmatch(r"v?[0-9]+(\.[0-9]+)*(-[0-9A-Za-z.-]+)?", version):
        raise ValueError(f"{version!r} is not an exact version; ranges and moving tags cannot be reproduced")
    return version


class _Entry(BaseModel):
    """What all entries share: they are frozen and know no other keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Chart(_Entry):
    """The Helm chart of a part.

    Attributes:
        name: Name in the repository.
        repository: `https://` or `oci://` address of the repository.
        version: Exact version.
        digest: `sha256:...` of the archive, where it was fetched once.
        hooks: Templates of the chart that hold Helm hooks, with what takes their place. Hooks do not run,
            so a template that is not named here must have none.
    """

    name: str
    repository: Annotated[str, Field(pattern=r"^(https|oci)://\S+$")]
    version: str
    digest: Annotated[str, Field(pattern=DIGEST.pattern)] | None = None
    hooks: dict[str, str] = {}

    _version = field_validator("version")(_exact)


class Part(_Entry):
    """One third-party part; the keys are explained at the top of `catalog.yaml`."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    purpose: str
    version: str
    licence: str
    source: Annotated[str, Field(pattern=r"^https://\S+$")]
    replaced_by: str
    runs: Literal["cluster", "embedded", "engine"] = "cluster"
    image: str | None = None
    images: tuple[str, ...] = ()
    built: Literal["own", "upstream"] = "upstream"
    labels: tuple[Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$")], ...] = ()
    chart: Chart | None = None
    manifest: Annotated[str, Field(pattern=r"^https://\S+$")] | None = None

    _version = field_validator("version")(_exact)

    @field_validator("image", "images")
    @classmethod
    def _pinned(cls, value: str | tuple[str, ...] | None) -> str | tuple[str, ...] | None:
        for reference in [value] if isinstance(value, str) else value or ():
            repository, _, tag = reference.partition("@")[0].rpartition(":")
            if "." not in repository.partition("/")[0]:
                raise ValueError(f"{reference!r} names no registry; write it in full, e.g. docker.io/...")
            if not tag or "/" in tag or tag == "latest":
                raise ValueError(f"{reference!r} has no exact tag")
        return value

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if self.built == "own" and self.image:
            raise ValueError(
                f"{self.name} is built by Colonnade, so the stack names its image, not the catalog"
            )
        return self

    @property
    def all_images(self) -> tuple[str, ...]:
        """Every image by its upstream reference; those that Colonnade builds are not among them."""
        return (*((self.image,) if self.image else ()), *self.images)
