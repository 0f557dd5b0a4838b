"""The one error type of everything around `pulumi up`."""


class ColonnadeError(Exception):
    """A fault that a person can mend.

    Args:
        message: What is wrong, naming the path or value at fault.
        fix: What to do about it, as an imperative; a command where there is one.

    `str()` of it is always a single line, so that a log shows one line for one fault.
    """

    def __init__(self, message: str, fix: str | None = None) -> None:
        self.message = " ".join(message.split())
        self.fix = " ".join(fix.split()) if fix else None
        super().__init__(f"{self.message}; fix: {self.fix}" if self.fix else self.message)
