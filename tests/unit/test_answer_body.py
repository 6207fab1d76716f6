"""What passes of a vendor's answer. The rest of it is in test_broker.py, with real connections."""

import gzip
import tracemalloc

import pytest

from lkrshell.broker import answer_body
from lkrshell.broker.answer_body import AnswerBody, Bomb
from lkrshell.broker.masking import Mask

KEY = "sk-0123456789"
BOMB = gzip.compress(b"\0" * (64 << 20), 9)  # 64 KiB


class Unmetered:
    """A reservation that counts nothing."""

    def feed(self, chunk: bytes) -> None:
        pass

    def filter(self, chunk: bytes) -> bytes:
        return chunk

    def rest(self) -> bytes:
        return b""


@pytest.mark.parametrize("status", [200, 400])
def test_a_decompression_bomb_takes_little_memory(status: int) -> None:
    body = AnswerBody(status, "gzip", False, Unmetered(), Mask(KEY))  # type: ignore[arg-type]
    tracemalloc.start()
    assert body.rewrites(BOMB if body.watches else b"") == (status == 400)
    if status == 200:
        assert body.feed(BOMB) == BOMB
    else:
        with pytest.raises(Bomb):
            body.feed(BOMB)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 40 << 20, peak


def test_a_compressed_answer_too_long_to_search_passes_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_body, "_MOST", 1000)
    sent = gzip.compress(b"x" * 2000 + KEY[:3].encode())  # the text ends like the beginning of the key
    body = AnswerBody(200, "gzip", False, Unmetered(), Mask(KEY))  # type: ignore[arg-type]
    assert not body.rewrites(sent[:9])
    assert body.feed(sent[:9]) + body.feed(sent[9:]) + body.rest() == sent
