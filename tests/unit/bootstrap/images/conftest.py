"""A machine with fake tools: what they are told is recorded, what they make is an empty OCI layout."""

import json
from pathlib import Path

import pytest

BUILDAH = """#!/bin/sh
echo "buildah $*" >>"$RECORD"
case " $* " in
*" bud "*)
  if [ -n "$FAIL" ]; then echo "$FAIL" >&2; exit 1; fi
  ;;
*" push "*)
  for last; do :; done
  path="${last#oci:}"
  path="${path%:image}"
  mkdir -p "$path"
  digest="$(sha256sum context/Containerfile | cut -d ' ' -f 1)"
  echo '{"manifests": [{"digest": "sha256:'"$digest"'"}]}' >"$path/index.json"
  ;;
esac
"""
DEBOOTSTRAP = """#!/bin/sh
echo "debootstrap $*" >>"$RECORD"
mkdir -p rootfs/etc/apt rootfs/etc/dpkg/dpkg.cfg.d rootfs/usr/share/man rootfs/usr/share/doc/dash
echo "deb http://mirror.example/debian trixie main" >rootfs/etc/apt/sources.list
echo page >rootfs/usr/share/man/page
echo licence >rootfs/usr/share/doc/dash/copyright
echo news >rootfs/usr/share/doc/dash/changelog
"""
SKOPEO = """#!/bin/sh
echo "skopeo $*" >>"$RECORD"
if [ -n "$FAIL" ]; then echo "$FAIL" >&2; exit 1; fi
"""


class Machine:
    """The folder of one test: cache, fake tools and the record of their calls."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = root / "cache"
        self.record = root / "record"
        self.binary = root / "program"

    def calls(self, start: str) -> list[str]:
        """Returns the recorded calls that begin with `start`, and forgets all."""
        lines = self.record.read_text().splitlines() if self.record.exists() else []
        self.record.unlink(missing_ok=True)
        return [line for line in lines if line.startswith(start)]

    def finished(self, name: str) -> list[str]:
        """Returns the digests of the finished layouts of an image."""
        indexes = (self.cache / "images" / name).glob("*/index.json")
        return [json.loads(index.read_text())["manifests"][0]["digest"] for index in indexes]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(tmp_path)
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, script in (("buildah", BUILDAH), ("debootstrap", DEBOOTSTRAP), ("skopeo", SKOPEO)):
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)
    made.binary.write_bytes(b"\x7fELF static")
    monkeypatch.setenv("PATH", f"{tools}:/usr/local/bin:/usr/bin:/bin:/usr/sbin")
    monkeypatch.setenv("COLONNADE_CACHE", str(made.cache))
    monkeypatch.setenv("RECORD", str(made.record))
    monkeypatch.setenv("FAIL", "")
    for name in ("COLONNADE_BASE_IMAGE", "COLONNADE_APT_MIRROR", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("bootstrap.images.sandbox.ISOLATION", ())
    monkeypatch.setattr("bootstrap.images.sandbox.PASSED", ("PATH", "HOME", "RECORD", "FAIL"))
    for module in ("builder", "building"):
        monkeypatch.setattr(f"bootstrap.images.{module}.binary", lambda _name: made.binary)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    return made
