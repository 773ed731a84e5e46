"""The root of the project's error tree, and the error of a setting."""


class MessagingError(Exception):
    """Base of every error that this project raises on purpose."""


class SettingError(MessagingError):
    """Raised when a setting cannot be used; its text is the one line that the operator needs."""

    def __init__(self, name: str, problem: str, allowed: str) -> None:
        line = f"{name}: {problem}; allowed: {allowed}"
        # A value may hold line ends, and must not make two lines of one.
        super().__init__("".join(c if c.isprintable() else repr(c)[1:-1] for c in line))
        #: The environment variable.
        self.name = name
        #: What may be written there, in words.
        self.allowed = allowed
