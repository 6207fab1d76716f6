"""A limit on how long a store may take. On the path of `lkr export`: imports nothing that costs."""

from lkrshell.core.errors import StoreUnreachable


class TimeLimit:
    """Raises StoreUnreachable inside its block after `seconds`. Inside another one that ends sooner it does nothing.

    By SIGALRM, so in the main thread only; where a system has no such timer there is no limit.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._armed = False

    def __enter__(self) -> None:
        import _signal

        if hasattr(_signal, "setitimer") and not _signal.getitimer(_signal.ITIMER_REAL)[0]:
            self._before = _signal.signal(_signal.SIGALRM, _ring)
            _signal.setitimer(_signal.ITIMER_REAL, self._seconds)
            self._armed = True

    def __exit__(self, *_: object) -> None:
        if self._armed:
            import _signal

            _signal.setitimer(_signal.ITIMER_REAL, 0)
            _signal.signal(_signal.SIGALRM, self._before)


def _ring(*_: object) -> None:
    raise StoreUnreachable("the store does not answer", "lkr status")
