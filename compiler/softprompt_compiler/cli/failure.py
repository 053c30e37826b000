"""What ends a command without being a fault of the spec's text."""


class CommandFailure(Exception):  # noqa: N818 no bug: the machine or the call is at fault
    """Printed as `error: MESSAGE` and help lines; the process ends with `exit_code`.

    exit_code: 1 if the machine or a file is at fault, 2 for wrong usage.
    """

    def __init__(self, message: str, *, help: str = "", exit_code: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.exit_code = exit_code
