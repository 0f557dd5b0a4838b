"""What `setup` does when it is interrupted."""

import threading
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from bootstrap import images
from bootstrap.errors import ColonnadeError
from bootstrap.lifecycle import setup
from bootstrap.report.progress import Progress
from bootstrap.toolchain import builder, debian


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), ColonnadeError("no room")])
def test_images_made_meanwhile_end_with_the_toolchain(
    monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    stopped, begun = threading.Event(), threading.Event()

    class Sandbox:
        def stop(self) -> None:
            stopped.set()

    def images_build(_registry: Any, _progress: Any, _only: Any, sandbox: Sandbox) -> dict[str, str]:
        assert isinstance(sandbox, Sandbox)
        begun.set()
        assert stopped.wait(10), "the images were not ended"
        raise ColonnadeError("interrupted")

    def toolchain_build(*_: Any) -> None:
        assert begun.wait(10)
        raise fault

    monkeypatch.setattr(images, "Sandbox", Sandbox)
    monkeypatch.setattr(images, "build", images_build)
    monkeypatch.setattr(debian, "missing", list)
    monkeypatch.setattr(builder, "missing", list)
    monkeypatch.setattr(builder, "wanted", list)
    monkeypatch.setattr(builder, "build", toolchain_build)
    with pytest.raises(type(fault)), Progress("test", console=Console(file=StringIO())) as progress:
        setup.make(progress)
    assert stopped.is_set()
