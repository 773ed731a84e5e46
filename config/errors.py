"""The root of the project's error tree, and the error of a setting."""


class MessagingError(Exception):
    """Base of every error that this project raises on purpose."""


class SettingError(MessagingError):
    """Raised when a setting cannot be used; its text is the one line that the operator needs."""

    def __init__(self, name: str, problem: str, allowed: str) -> None:
        super().__init__(f"{name}: {problem}; allowed: {allowed}")
        #: The environment variable.
        self.name = name
        #: What may be written there, in words.
        self.allowed = allowed
