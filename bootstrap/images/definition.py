"""What there is to build: `images.yaml` as typed data."""

from functools import cache
from pathlib import Path, PurePosixPath
from typing import Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

HERE = Path(__file__).parent
COMMON = HERE / "common"


class Program(BaseModel):
    """A binary of the toolchain inside an image."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    binary: str
    path: PurePosixPath


class Image(BaseModel):
    """One image; see the head of `images.yaml` for the meaning of its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    context: str
    base: str | None = None
    suite: str | None = None
    upstream: str | None = None
    program: Program | None = None
    internal: bool = False
    seconds: float = Field(gt=0)

    @model_validator(mode="before")
    @classmethod
    def _named_after_itself(cls, fields: dict[str, object]) -> dict[str, object]:
        return {"context": fields.get("name"), **fields}

    @model_validator(mode="after")
    def _made_from_something(self) -> Self:
        if (self.base is None) == (self.suite is None):
            raise ValueError(f"image {self.name} needs exactly one of `base` and `suite`")
        return self

    @property
    def folder(self) -> Path:
        """The folder with the Containerfile and the files it copies."""
        return HERE / self.context

    def files(self) -> dict[str, Path]:
        """Returns the files that the image is made from: its folder's and what it uses of `common`."""
        below = (path for path in self.folder.rglob("*") if path.is_file())
        own = {path.relative_to(self.folder).as_posix(): path for path in below}
        recipe = (self.folder / "Containerfile").read_text()
        used = (path for path in COMMON.iterdir() if f"/run/common/{path.name}" in recipe)
        shared = {f"common/{path.name}": path for path in used}
        return own | shared

    @property
    def repository(self) -> str:
        """The repository within a registry: upstream's own path, or `colonnade/<name>`."""
        if self.upstream is None:
            return f"colonnade/{self.name}"
        path, _, _ = self.upstream.rpartition(":")
        return path.partition("/")[2]

    @property
    def tag(self) -> str | None:
        """Upstream's tag, or None for an image of our own, which goes by digest alone."""
        return self.upstream.rpartition(":")[2] if self.upstream else None


@cache
def images() -> dict[str, Image]:
    """Returns every image by name, each after the base that it is made from."""
    document = yaml.safe_load((HERE / "images.yaml").read_text())
    listed = [{"name": name, **fields} for name, fields in document.items()]
    return {image.name: image for image in TypeAdapter(list[Image]).validate_python(listed)}
