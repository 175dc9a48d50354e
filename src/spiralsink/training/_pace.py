"""How many steps between two looks at the clock."""

_FIRST_CHUNK = 1
_CHUNK_SECONDS = 0.7


class Pace:
    """Chunks of steps that take about the same time, so that progress shows and Ctrl-C is heard."""

    def __init__(self) -> None:
        self._chunk = _FIRST_CHUNK

    def target(self, step: int, until: int) -> int:
        """The step at which the chunk from `step` ends, at most `until`."""
        return min(until, step + self._chunk)

    def tell(self, taken: int, seconds: float) -> None:
        """What a chunk took; one that was cut short by `until` says nothing about longer ones."""
        if taken == self._chunk:
            self._chunk = max(1, int(self._chunk * min(4.0, _CHUNK_SECONDS / max(seconds, 1e-6))))
