"""A limit on how long a store may take, in any thread."""

from lkrshell.core.errors import StoreUnreachable

_ends: "dict[int, float]" = {}  # by thread, for those without a timer: when their time is up


class TimeLimit:
    """Raises StoreUnreachable in its block after `seconds`. Inside another limit that ends sooner, it does nothing.

    In the main thread SIGALRM interrupts the block. No other thread can set it, so there nothing interrupts the block,
    and code that waits on a socket asks `remaining` how long it may wait. A system without SIGALRM works like that too.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._armed = False
        self._thread = 0

    def __enter__(self) -> None:
        import _signal

        if hasattr(_signal, "setitimer") and not _signal.getitimer(_signal.ITIMER_REAL)[0]:
            try:
                self._before = _signal.signal(_signal.SIGALRM, _ring)
            except ValueError:
                pass  # not the main thread
            else:
                _signal.setitimer(_signal.ITIMER_REAL, self._seconds)
                self._armed = True
                return
        self._note_end()

    def _note_end(self) -> None:
        import time
        from _thread import get_ident

        end = time.monotonic() + self._seconds
        if _ends.get(get_ident(), end + 1) > end:
            self._thread = get_ident()
            self._outer = _ends.get(self._thread)
            _ends[self._thread] = end

    def __exit__(self, *_: object) -> None:
        if self._armed:
            import _signal

            _signal.setitimer(_signal.ITIMER_REAL, 0)
            _signal.signal(_signal.SIGALRM, self._before)
        elif self._thread:
            if self._outer is None:
                del _ends[self._thread]
            else:
                _ends[self._thread] = self._outer


def remaining(most: float) -> float:
    """How many seconds this thread may still wait on a socket: more than 0, and at most `most`."""
    if not _ends:
        return most
    import time
    from _thread import get_ident

    return max(0.001, min(most, _ends.get(get_ident(), float("inf")) - time.monotonic()))


def _ring(*_: object) -> None:
    raise StoreUnreachable("the store does not answer", "lkr status")
