"""A text that must not be shown."""

from dataclasses import dataclass


@dataclass(frozen=True, repr=False)
class Secret:
    """Holds a password or an address with one in it; `reveal` is the only way to see it."""

    _text: str

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)
