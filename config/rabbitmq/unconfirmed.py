"""What was published and is not confirmed yet, by the numbers that both ends of a channel count."""


class Unconfirmed:
    """Ids on their way to a confirm, in the order in which they were published."""

    def __init__(self) -> None:
        self._ids: dict[int, str] = {}
        #: RabbitMQ counts from 1, each channel for itself.
        self._last = 0
        #: No number below this one is open.
        self._oldest = 1

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, mail_id: str) -> None:
        self._last += 1
        self._ids[self._last] = mail_id

    def take(self, number: int, *, multiple: bool) -> list[str]:
        """Take out what a confirm is for.

        Args:
            number: its delivery tag.
            multiple: whether it is for all that were published before, too.
        """
        numbers = range(self._oldest if multiple else number, number + 1)
        ids = [self._ids.pop(each) for each in numbers if each in self._ids]
        while self._oldest <= self._last and self._oldest not in self._ids:
            self._oldest += 1
        return ids

    def take_all(self) -> list[str]:
        """Take out everything; a confirm that comes for it later finds nothing."""
        ids = list(self._ids.values())
        self._ids.clear()
        return ids
