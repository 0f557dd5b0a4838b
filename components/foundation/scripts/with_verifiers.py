"""Runs a command with each password in the environment (`PASSWORD_...`) replaced by its SCRAM verifier.

PostgreSQL takes a verifier where it takes a password, and lets nobody in who knows no more than that. So no
password is in a statement, which a server may log, keep in its statistics or show to whoever watches it.
"""

import base64
import hashlib
import hmac
import os
import sys

PREFIX = "PASSWORD_"
ITERATIONS = 4096


def verifier(password: str, salt: bytes) -> str:
    """Returns what PostgreSQL keeps of a password (RFC 5803); the password is ASCII, as generated ones are.

    Raises:
        UnicodeEncodeError: The password holds other characters, which a client would first normalise.
    """
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${ITERATIONS}:{_base64(salt)}${_base64(stored)}:{_base64(server)}"


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


if __name__ == "__main__":
    for variable, value in os.environ.items():
        if variable.startswith(PREFIX):
            os.environ[variable] = verifier(value, os.urandom(16))
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - no shell is wanted
