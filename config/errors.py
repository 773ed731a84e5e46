"""The root of the project's error tree, and the error of a setting."""

from config.values import as_one_line


class MessagingError(Exception):
    """Base of every error that this project raises on purpose."""


class SettingError(MessagingError):
    """Raised when a setting cannot be used; its text is the one line that the operator needs."""

    def __init__(self, name: str, problem: str, allowed: str) -> None:
        # A value may hold line ends, and must not make two lines of one.
        super().__init__(as_one_line(f"{name}: {problem}; allowed: {allowed}"))
        #: The environment variable.
        self.name = name
        #: What may be written there, in words.
        self.allowed = allowed
