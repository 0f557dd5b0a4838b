"""The engine that runs the program: its environment, and how plain `pulumi` comes to work in it.

An official Pulumi installation on PATH is used where there is one; else what the toolchain built, with the
language host and the random provider of this package.
"""

import hashlib
import os
import secrets
import shlex
import sys
from pathlib import Path

from bootstrap.addresses import CLUSTERS
from bootstrap.errors import ColonnadeError

# The engine starts two modules of this package as executables, on each command: what takes long to import is
# imported inside the functions here.

_BEGIN, _END = "# >>> colonnade >>>", "# <<< colonnade <<<"


def engine_environment(stack_backend: str | None = None) -> dict[str, str]:
    """Returns the complete environment for running `pulumi`.

    The virtual environment comes first on PATH, no request goes out that the program did not ask for, and
    secrets open with the user's own passphrase variables or, without them, with a passphrase made once.

    Args:
        stack_backend: URL of the state backend; by default that of the project.

    Raises:
        ColonnadeError: The passphrase that opened secrets before is lost.
    """
    variables = dict(os.environ)
    binaries = str(Path(sys.prefix, "bin"))
    rest = [entry for entry in variables.get("PATH", os.defpath).split(os.pathsep) if entry != binaries]
    variables["PATH"] = os.pathsep.join([binaries, *rest])
    variables.update(_settings())
    # Where a proxy is set, the providers would look there for the API server of a cluster on this machine.
    bypass = [entry for entry in variables.get("NO_PROXY", "").split(",") if entry]
    if str(CLUSTERS) not in bypass:
        variables["NO_PROXY"] = ",".join([*bypass, str(CLUSTERS)])
    if not _names_passphrase(variables):
        variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(passphrase_file())
    if stack_backend is not None:
        variables["PULUMI_BACKEND_URL"] = stack_backend
    return variables


def install(venv: Path) -> None:
    """Puts the engine and its plugins into an environment; doing it again changes nothing.

    Raises:
        ColonnadeError: Something that belongs there is not built.
    """
    from bootstrap.toolchain.links import link

    link(venv / "bin")


def activate(venv: Path) -> None:
    """Makes `source VENV/bin/activate` set what plain `pulumi` needs; doing it again changes nothing.

    What a user has set is left alone, and so is everything else in the script.

    Raises:
        ColonnadeError: The environment has no activation script, or the passphrase is lost.
    """
    script = venv / "bin" / "activate"
    if not script.is_file():
        raise ColonnadeError(f"{script} is missing", "make the environment anew: rm -r .venv; make setup")
    text = script.read_text(encoding="utf-8")
    before, begin, rest = text.partition(f"{_BEGIN}\n")
    after = rest.partition(f"{_END}\n")[2] if begin else ""
    lines = [
        _BEGIN,
        'if [ -z "${PULUMI_CONFIG_PASSPHRASE+set}${PULUMI_CONFIG_PASSPHRASE_FILE+set}" ]; then',
        f"    export PULUMI_CONFIG_PASSPHRASE_FILE={shlex.quote(str(passphrase_file()))}",
        "fi",
        f'case ",${{NO_PROXY-}}," in *,{CLUSTERS},*) ;; '
        f'*) export NO_PROXY="${{NO_PROXY:+$NO_PROXY,}}{CLUSTERS}" ;; esac',
        *(f"export {name}={shlex.quote(value)}" for name, value in _settings().items()),
        _END,
    ]
    fresh = before + "\n".join(lines) + "\n" + after
    if fresh != text:
        staged = script.with_name(f".{script.name}.{os.getpid()}")
        staged.write_text(fresh, encoding="utf-8")
        staged.chmod(script.stat().st_mode)
        staged.replace(script)


def passphrase_file() -> Path:
    """Returns the file with the passphrase that secrets of this user's stacks are encrypted with.

    It is made at the first call and never changed: whoever loses it loses the secrets of all stacks. A
    fingerprint beside the engine's own state tells a lost passphrase from one that was never made.

    Raises:
        ColonnadeError: The file is lost, holds another passphrase than before, or cannot be written.
    """
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    path = configuration / "colonnade" / "passphrase"
    mark = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "colonnade-passphrase.sha256"
    known = mark.read_text(encoding="utf-8").strip() if mark.is_file() else None
    if not path.is_file():
        if known is not None:
            raise ColonnadeError(
                f"the passphrase file {path} is lost, and stacks are encrypted with it",
                "restore it from a backup, or set PULUMI_CONFIG_PASSPHRASE;"
                f" to give the secrets up, remove {mark}",
            )
        _write_once(path, secrets.token_urlsafe(32) + "\n")
    fingerprint = hashlib.sha256(path.read_bytes()).hexdigest()
    if known is None:
        _write_once(mark, fingerprint + "\n")
    elif known != fingerprint:
        raise ColonnadeError(
            f"the passphrase file {path} holds another passphrase than stacks are encrypted with",
            f"restore it from a backup; to give the old secrets up, remove {mark}",
        )
    return path


def _settings() -> dict[str, str]:
    from bootstrap.toolchain import official

    settings = {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    if official.find() is None:
        # Every plugin is there already; a download would be of another make than the engine.
        settings["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    return settings


def _names_passphrase(variables: dict[str, str]) -> bool:
    return "PULUMI_CONFIG_PASSPHRASE" in variables or "PULUMI_CONFIG_PASSPHRASE_FILE" in variables


def _write_once(path: Path, text: str) -> None:
    """Writes a private file, whole or not at all; where another process was first, its file stays.

    Raises:
        ColonnadeError: It cannot be written.
    """
    staged = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(staged, path)
    except FileExistsError:
        return
    except OSError as error:
        raise ColonnadeError(
            f"{path} cannot be written: {error.strerror}", "free space there, or mend the permissions"
        ) from error
    finally:
        staged.unlink(missing_ok=True)
