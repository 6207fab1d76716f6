"""Limits hold: the worst case is set aside before a request is sent, and no crowd of requests gets over them."""

import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lkrshell.broker import estimate, limiter
from lkrshell.broker.interfaces import Call, Refused
from lkrshell.broker.ledger import Ledger, Reader
from lkrshell.broker.limiter import Limiter, Reservation
from lkrshell.broker.prices import Prices
from lkrshell.core.errors import LkrError
from lkrshell.core.limits import Limits

DOLLAR = 1_000_000
OWN = [("gpt-*", "2", "10", "1", "2"), ("claude-*", "3", "15", "0.3", "3.75")]


class Permit:
    def __init__(
        self, *limits: tuple[str, Limits], key: str = "openai:prod", folder: str = "/home/me/p", agent: str = ""
    ) -> None:
        self.key, self.folder, self.agent, self.limits = key, folder, agent, list(limits)


class Virtual:
    vendor = "openai"


class Clock:
    def __init__(self) -> None:
        self.now = time.mktime((2026, 11, 25, 12, 0, 0, 0, 0, -1))

    def __call__(self) -> float:
        return self.now


def call(text: str = "hi", model: str = "gpt-4o", family: str = "chat", **more: object) -> Call:
    body = {"model": model, "messages": [{"role": "user", "content": text}], **more}
    return Call("openai", family, "POST", "/v1/chat/completions", model, json.dumps(body).encode())


def answer(input: int, output: int) -> bytes:
    return json.dumps({"model": "gpt-4o", "usage": {"prompt_tokens": input, "completion_tokens": output}}).encode()


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "data/ledger.db")


@pytest.fixture
def limited(place: str) -> Iterator[Limiter]:
    ledger = Ledger(place)
    yield Limiter(ledger, Prices(OWN))
    ledger.close()


def key(budget: str = "", tokens: str = "", rate: str = "", models: str = "") -> tuple[str, Limits]:
    return "key", Limits(models, budget, rate, tokens)


def refusal(limited: Limiter, permit: Permit, asked: Call) -> Refused:
    with pytest.raises(Refused) as found:
        limited.reserve(Virtual(), permit, asked)
    return found.value


def done(reservation: Reservation, input: int, output: int, status: int = 200, complete: bool = True) -> None:
    reservation.feed(answer(input, output))
    reservation.settle(status, complete)


def spent(place: str) -> tuple[int, int, int]:
    rows = list(Reader(place).rows(["cost", "input", "output"]))
    return sum(row[0] or 0 for row in rows), sum(row[1] or 0 for row in rows), sum(row[2] or 0 for row in rows)


class Vendor:
    """Counts as a vendor would."""

    def __init__(self) -> None:
        self.input = self.output = self.answers = 0
        self.lock = threading.Lock()

    def answer(self, most_output: int) -> bytes:
        with self.lock:
            input, output = random.randint(1, 400), random.randint(0, most_output)
            self.input, self.output, self.answers = self.input + input, self.output + output, self.answers + 1
        return answer(input, output)


@pytest.mark.parametrize("how", ["threads", "asyncio"])
def test_200_requests_at_once_do_not_get_over_a_dollar(limited: Limiter, place: str, how: str) -> None:
    vendor, permit = Vendor(), Permit(key("1/day"))
    most, refused = 0, 0
    watch = threading.Lock()

    def begin() -> Reservation | None:
        nonlocal refused
        try:
            return limited.reserve(Virtual(), permit, call("word " * 100, max_tokens=2000))
        except Refused as error:
            assert (error.status, error.code) == (403, "limit")
            with watch:
                refused += 1
            return None

    def end(reservation: Reservation) -> None:
        nonlocal most
        reservation.feed(vendor.answer(2000))
        reservation.settle(200, True)
        with watch:
            (found,) = limited._sums.values()
            most = max(most, found.total(0))

    def whole() -> None:
        for _ in range(5):
            if reservation := begin():
                time.sleep(random.random() / 500)
                end(reservation)

    async def whole_async() -> None:
        for _ in range(5):
            if reservation := begin():
                await asyncio.sleep(random.random() / 500)
                end(reservation)

    async def crowd() -> None:
        await asyncio.gather(*(whole_async() for _ in range(200)))

    if how == "threads":
        with ThreadPoolExecutor(40) as pool:
            for each in [pool.submit(whole) for _ in range(200)]:
                each.result()
    else:
        asyncio.run(crowd())
    assert refused and vendor.answers + refused == 1000
    assert most <= DOLLAR, "with what is set aside for those under way"
    cost, input, output = spent(place)
    assert (input, output) == (vendor.input, vendor.output), "the ledger has what the vendor counted"
    exact = vendor.input * 2 + vendor.output * 10
    assert cost == exact, "these prices need no rounding"
    assert DOLLAR // 2 < cost <= DOLLAR


def test_of_many_at_once_only_those_whose_worst_case_fits_are_sent(limited: Limiter) -> None:
    held = []
    while True:
        try:
            held.append(limited.reserve(Virtual(), Permit(key("1/day")), call(max_tokens=10_000)))
        except Refused as error:
            said = error.message
            break
    assert len(held) == 9, "10,000 tokens are $0.1, and the input comes to that"
    assert "openai:prod is limited to $1/day ($0 used, $0.90" in said
    assert "set aside for requests under way" in said
    assert "a smaller max_tokens lowers that" in said
    assert "lkr policy openai:prod --budget 2/day" in said
    done(held[0], 10, 10)
    assert limited.reserve(Virtual(), Permit(key("1/day")), call(max_tokens=10_000)), "what was not used is free again"


def test_a_reservation_is_settled_once(limited: Limiter, place: str) -> None:
    one = limited.reserve(Virtual(), Permit(key("1/day")), call())
    done(one, 100, 10)
    done(one, 100, 10)
    assert spent(place) == (300, 100, 10)
    (found,) = limited._sums.values()
    assert (found.spent, found.held) == ([300, 110], [0, 0])


STREAM = b'data: {"type": "message_start", "message": {"usage": {"input_tokens": 1000, "output_tokens": 1}}}\n\n'


@pytest.mark.parametrize(
    ("status", "complete", "body", "family", "cost"),
    [
        (0, True, b"", "chat", 0),  # never sent
        (0, False, b"", "chat", None),  # sent, and no answer came
        (400, True, b'{"error": {}}', "chat", 0),
        (529, False, b"", "chat", 0),
        (200, False, b'data: {"choices": []}\n\n', "chat", None),
        (200, True, b"not understood", "chat", None),
        (200, False, STREAM, "messages", 1000 * 2 + 500 * 10),
        (200, False, STREAM + b'data: {"type": "message_delta", "usage": {"output_tokens": 7}}\n\n', "messages",
         1000 * 2 + 7 * 10),
        (200, False, b'data: {"response": {"usage": {"input_tokens": 5, "output_tokens": 6}}}\n\n', "responses", 70),
    ],
)  # fmt: skip
def test_what_is_charged(
    limited: Limiter, place: str, status: int, complete: bool, body: bytes, family: str, cost: int | None
) -> None:
    reservation = limited.reserve(Virtual(), Permit(key("1/day")), call(family=family, max_tokens=500))
    assert reservation.cost and reservation.cost > 5000
    reservation.feed(body)
    reservation.settle(status, complete)
    assert spent(place)[0] == (reservation.cost if cost is None else cost)


def test_the_narrowest_limit_counts_each_for_what_it_is_of(limited: Limiter) -> None:
    of_key, of_project, of_agent = (
        key("1/month"),
        ("project", Limits(budget="0.1/day")),
        ("agent", Limits(budget="0.3/week")),
    )
    here = Permit(of_key, of_project, of_agent, agent="claude")
    there = Permit(of_key, of_project, of_agent, agent="claude", folder="/home/me/q")
    person = Permit(of_key)
    said = refusal(limited, here, call(max_tokens=10_000)).message
    assert "openai:prod in /home/me/p is limited to $0.1/day" in said
    assert "budget of openai:prod in /home/me/p/.lkr.toml, then lkr allow" in said
    done(limited.reserve(Virtual(), here, call(max_tokens=9_900)), 0, 9_900)
    assert "in /home/me/p" in refusal(limited, here, call(max_tokens=9_900)).message
    done(limited.reserve(Virtual(), there, call(max_tokens=9_900)), 0, 9_900)
    third = Permit(of_key, of_agent, agent="claude", folder="/home/me/r")
    said = refusal(limited, third, call(max_tokens=12_000)).message
    assert "the agent claude is limited to $0.3/week ($0.198 used" in said
    assert "below [agents.claude] in" in said
    done(limited.reserve(Virtual(), person, call(max_tokens=70_000)), 0, 70_000)
    assert "openai:prod is limited to $1/month" in refusal(limited, person, call(max_tokens=70_000)).message


def test_tokens_and_models_are_limited_without_a_price(limited: Limiter) -> None:
    permit = Permit(key(tokens="2K/day", models="house-* gpt-4o"))
    done(limited.reserve(Virtual(), permit, call(model="house-1", max_tokens=1000)), 500, 700)
    said = refusal(limited, permit, call(model="house-1", max_tokens=1000))
    assert (
        "2K tokens/day (1.2K tokens used" in said.message and "lkr policy openai:prod --tokens 4K/day" in said.message
    )
    said = refusal(limited, permit, call(model="gpt-5"))
    assert (said.status, said.code) == (403, "model")
    assert "may call only the models house-* gpt-4o, not gpt-5" in said.message
    assert "--models 'house-*' --models 'gpt-4o' --models 'gpt-5'" in said.message
    assert refusal(limited, permit, call(model="gpt-4o", models=["gpt-4o", "o3"])).code == "model"
    assert (
        "names none" in refusal(limited, permit, Call("openai", "chat", "POST", "/", "", b'{"messages": []}')).message
    )
    limited.reserve(Virtual(), permit, Call("openai", "", "GET", "/v1/models", "", b"")).settle(200, True)


def test_an_unknown_price_under_a_budget_is_refused_with_what_sets_it(limited: Limiter) -> None:
    limited.prices.problem = ""
    said = refusal(limited, Permit(key("1/day")), call(model='odd"model'))
    assert (said.status, said.code) == (403, "price")
    assert '[prices."odd\\"model"], and below it input = 1.00 and output = 4.00' in said.message
    assert "config.toml" in said.message
    limited.reserve(Virtual(), Permit(), call(model="odd")).settle(200, True)
    said = refusal(limited, Permit(key("1/day")), Call("openai", "other", "POST", "/v1/images", "gpt-image", b"{}"))
    assert "cannot tell what POST /v1/images costs" in said.message
    twice = Call("openai", "chat", "POST", "/", "gpt-4o", b'{"model": "gpt-4o", "max_tokens": 1, "max_tokens": 100000}')
    assert refusal(limited, Permit(key("1/day")), twice).status == 400


def test_a_rate_is_of_the_last_minute_and_outlasts_a_restart(place: str) -> None:
    clock, ticks = Clock(), Clock()
    ledger = Ledger(place)
    permit = Permit(key(rate="3/min"))
    one = Limiter(ledger, Prices(OWN), clock=clock, monotonic=ticks)
    for _ in range(3):
        one.reserve(Virtual(), permit, call()).settle(200, True)
        clock.now += 10
        ticks.now += 10
    said = refusal(one, permit, call())
    assert (said.status, said.code) == (403, "rate")
    assert "is limited to 3 requests/min" in said.message and "try again in 30 s" in said.message
    assert "lkr policy openai:prod --rate 6/min" in said.message
    after = Limiter(ledger, Prices(OWN), clock=clock, monotonic=ticks)
    assert refusal(after, permit, call()).code == "rate", "what a broker before this one sent counts"
    ticks.now += 31
    one.reserve(Virtual(), permit, call())
    assert refusal(one, Permit(key(rate="0/min")), call()).code == "rate"


@pytest.mark.parametrize(("period", "back"), [("day", 86400), ("week", 7 * 86400), ("month", 31 * 86400)])
def test_periods_are_of_local_time_and_a_clock_put_back_gives_nothing_back(
    place: str, period: str, back: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        clock = Clock()
        start = limiter.start_of(period, clock.now)
        local = time.localtime(start)
        assert (local.tm_hour, local.tm_min, local.tm_sec) == (0, 0, 0)
        assert period != "week" or local.tm_wday == 0
        assert period != "month" or local.tm_mday == 1
        one = Limiter(Ledger(place), Prices(OWN), clock=clock)
        permit = Permit(key(f"1/{period}"))
        clock.now = start + 1
        done(one.reserve(Virtual(), permit, call(max_tokens=90_000)), 0, 90_000)
        assert refusal(one, permit, call(max_tokens=20_000))
        clock.now = start - 10
        assert refusal(one, permit, call(max_tokens=20_000)), "the row of later on counts"
        clock.now = start + back
        one.reserve(Virtual(), permit, call(max_tokens=20_000)).settle(0, True)
        clock.now = start + 5
        assert refusal(one, permit, call(max_tokens=20_000))
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_limit_that_comes_while_requests_are_under_way_counts_them(limited: Limiter) -> None:
    free = limited.reserve(Virtual(), Permit(), call(max_tokens=50_000))
    assert "set aside" in refusal(limited, Permit(key("1/day")), call(max_tokens=60_000)).message
    done(free, 0, 10_000)
    limited.reserve(Virtual(), Permit(key("1/day")), call(max_tokens=80_000)).settle(0, True)


def test_brokers_of_two_sessions_count_together(place: str) -> None:
    permit = Permit(key("1/day"))
    first, second = (Limiter(Ledger(place), Prices(OWN)) for _ in range(2))
    done(first.reserve(Virtual(), permit, call(max_tokens=1_000)), 0, 1_000)
    under_way = second.reserve(Virtual(), permit, call(max_tokens=50_000))
    assert refusal(first, permit, call(max_tokens=60_000))
    done(second.reserve(Virtual(), permit, call(max_tokens=10_000)), 0, 10_000)
    done(first.reserve(Virtual(), permit, call(max_tokens=10_000)), 0, 10_000)
    done(under_way, 0, 50_000)
    assert refusal(first, permit, call(max_tokens=40_000)) and refusal(second, permit, call(max_tokens=40_000))
    assert round(first.today() / DOLLAR, 2) == round(second.today() / DOLLAR, 2) == 0.71


CROWD = """
import sys
sys.path[:0] = [sys.argv[2]]
from test_limiter import *
limited, sent, begin = Limiter(Ledger(sys.argv[1]), Prices(OWN)), 0, Limiter._begin
Limiter._begin = lambda *given: time.sleep(0.005) or begin(*given)
print("ready", flush=True)
sys.stdin.readline()
for _ in range(30):
    try:
        limited.reserve(Virtual(), Permit(key("1/day")), call(max_tokens=5000))
        sent += 1
    except Refused:
        pass
print(sent)
"""


def test_brokers_of_two_sessions_never_reserve_the_same_money(place: str) -> None:
    """Each broker takes some time between its check and the row that it adds."""
    Ledger(place).close()
    command = [sys.executable, "-c", CROWD, place, str(Path(__file__).parent)]
    crowd = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) for _ in range(2)
    ]
    for each in crowd:
        assert each.stdout and each.stdout.readline() == "ready\n"
    for each in crowd:
        assert each.stdin
        each.stdin.write("go\n")
    sent = [int(each.communicate()[0]) for each in crowd]
    db = sqlite3.connect(place)
    rows, reserved, one = db.execute("SELECT count(*), sum(reserved), max(reserved) FROM request").fetchone()
    db.close()
    assert sum(sent) == rows and DOLLAR - one < reserved <= DOLLAR


def test_brokers_of_two_sessions_share_a_rate(place: str) -> None:
    clock, ticks = Clock(), Clock()
    first, second = (Limiter(Ledger(place), Prices(OWN), clock=clock, monotonic=ticks) for _ in range(2))
    permit = Permit(key(rate="3/min"))
    for each in (first, second, first):
        each.reserve(Virtual(), permit, call()).settle(200, True)
        clock.now += 10
        ticks.now += 10
    assert "try again in 30 s" in refusal(second, permit, call()).message
    ticks.now += 31
    clock.now += 31
    second.reserve(Virtual(), permit, call())
    assert refusal(first, permit, call()).code == "rate"


def test_the_limit_that_a_refusal_suggests_is_enough(limited: Limiter) -> None:
    said = refusal(limited, Permit(key("0.05/day")), call(max_tokens=16_410)).message
    assert "--budget 0.17/day" in said


# -- the ledger


CRASH = """
import os, signal, sys
sys.path[:0] = [sys.argv[2]]
from test_limiter import *
limited = Limiter(Ledger(sys.argv[1]), Prices(OWN))
for number in range(3):
    reservation = limited.reserve(Virtual(), Permit(key("1/day")), call(max_tokens=10_000))
    if number == 0:
        done(reservation, 100, 100)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_crash_left_under_way_is_charged_as_it_was_reserved(place: str) -> None:
    found = subprocess.run([sys.executable, "-c", CRASH, place, str(Path(__file__).parent)], check=False)
    assert found.returncode == -signal.SIGKILL
    ledger = Ledger(place)
    before = ledger.spent(0, key="openai:prod")
    assert ledger.charge_left() == 2
    assert ledger.spent(0, key="openai:prod") == before, "what was set aside counts before that too"
    cost, _, output = spent(place)
    assert output == 100 + 2 * 10_000
    assert cost > 2 * 100_000
    after = Limiter(ledger, Prices(OWN))
    assert refusal(after, Permit(key("1/day")), call(max_tokens=80_000))


def test_a_new_broker_does_not_charge_what_another_one_has_under_way(place: str) -> None:
    first = Ledger(place)
    assert first.charge_left() == 0
    first.begin(1, {"key": "openai:prod", "vendor": "openai", "reserved": 5})
    second = Ledger(place)
    assert second.charge_left() == 0
    first.close()
    second.close()
    alone = Ledger(place)
    assert alone.charge_left() == 1
    alone.close()


def test_others_read_while_one_writes(place: str) -> None:
    assert list(Reader(place).rows(["id"])) == [], "there is none yet"
    limited = Limiter(Ledger(place), Prices(OWN))
    code = (
        "import sys\nfrom lkrshell.broker.ledger import Reader\nlast = 0\nwhile last < 200:\n"
        "    for row in Reader(sys.argv[1]).rows(['id', 'cost'], after=last): last = row[0]\n"
    )
    readers = [subprocess.Popen([sys.executable, "-c", code, place]) for _ in range(2)]
    for _ in range(200):
        done(limited.reserve(Virtual(), Permit(key("100/day")), call()), 10, 10)
    assert [each.wait(60) for each in readers] == [0, 0]
    limited.ledger.close()  # type: ignore[union-attr]
    assert spent(place) == (200 * 120, 2000, 2000), "nobody has it open to write now"


def test_the_ledger_is_private_and_has_no_body_and_no_value(place: str) -> None:
    limited = Limiter(Ledger(place), Prices(OWN))
    reservation = limited.reserve(Virtual(), Permit(key("1/day")), call("a secret question", model="gpt-4o"))
    reservation.feed(b'{"choices": [{"message": {"content": "a secret answer"}}]}')
    folder = Path(place).parent
    files = sorted(folder.iterdir())
    assert [each.name for each in files] == ["ledger.db", "ledger.db-shm", "ledger.db-wal"]
    assert {each.stat().st_mode & 0o777 for each in files} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700
    reservation.settle(200, True)
    assert b"secret" not in b"".join(each.read_bytes() for each in files)


def test_a_ledger_that_others_can_read_or_of_a_later_lkr_is_refused(place: str) -> None:
    Ledger(place).close()
    os.chmod(place, 0o644)
    with pytest.raises(LkrError, match="open to other users"):
        Reader(place)
    os.chmod(place, 0o600)
    db = sqlite3.connect(place)
    db.execute("PRAGMA user_version = 99")
    db.close()
    for opening in (Ledger, Reader):
        with pytest.raises(LkrError, match="later version"):
            opening(place)
    Path(place).write_bytes(b"no database" * 1000)
    with pytest.raises(LkrError, match="cannot be used"):
        Ledger(place)


def full(limited: Limiter) -> None:
    """Makes the disk full, for SQLite: it may not take another page."""
    db = limited.ledger._db  # type: ignore[union-attr]
    db.execute(f"PRAGMA max_page_count = {db.execute('PRAGMA page_count').fetchone()[0]}")


def test_without_a_ledger_no_request_under_a_limit_and_the_others_go_on(place: str) -> None:
    told: list[str] = []
    limited = Limiter(Ledger(place), Prices(OWN), warn=told.append)
    under_way = limited.reserve(Virtual(), Permit(key("1/day")), call())
    full(limited)
    said = None
    for _ in range(500):  # until the last page has no room
        try:
            limited.reserve(Virtual(), Permit(key("100/day"), folder="/" + "x" * 200), call(max_tokens=10))
        except Refused as error:
            said = error
            break
    assert said and (said.status, said.code) == (403, "ledger")
    assert "without the ledger, lkr sends no request for a key with a limit" in said.message
    assert "is full" in said.message and "free some space" in said.message
    for _ in range(3):
        limited.reserve(Virtual(), Permit(folder="/" + "x" * 200), call()).settle(200, True)
    assert len(told) == 1 and "free some space" in told[0], "said once"
    limited.ledger._db.execute("PRAGMA max_page_count = 100000")  # type: ignore[union-attr]
    done(under_way, 100, 10)
    limited.reserve(Virtual(), Permit(key("100/day")), call()).settle(0, True)
    none = Limiter(None, Prices(OWN), "no disk")
    assert refusal(none, Permit(key("1/day")), call()).code == "ledger"
    none.reserve(Virtual(), Permit(), call()).settle(200, True)


def test_an_end_that_could_not_be_written_is_written_later(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(place)
    limited = Limiter(ledger, Prices(OWN))
    one = limited.reserve(Virtual(), Permit(key("1/day")), call())
    other = sqlite3.connect(place, isolation_level=None)
    ledger._db.execute("PRAGMA busy_timeout = 10")
    other.execute("BEGIN IMMEDIATE")
    done(one, 100, 10)
    assert refusal(limited, Permit(key("1/day")), call()).code == "ledger"
    other.execute("COMMIT")
    limited.reserve(Virtual(), Permit(key("1/day")), call()).settle(0, True)
    assert spent(place) == (300, 100, 10)


def test_an_old_ledger_is_brought_up_to_date_step_by_step(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from lkrshell.broker import ledger

    one = Ledger(place)
    one.end(one.begin(1, {"key": "a:b", "vendor": "a"}), {"duration": 1, "cost": 5})
    one.close()
    monkeypatch.setattr(
        ledger, "STEPS", (*ledger.STEPS, "ALTER TABLE request ADD COLUMN more TEXT; CREATE TABLE x (y)")
    )
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: Ledger(place).close(), range(8)))
    assert list(Reader(place).rows(["cost", "more"])) == [(5, None)]
    monkeypatch.setattr(ledger, "STEPS", (*ledger.STEPS, "CREATE TABLE z (y); CREATE TABLE z (y)"))
    with pytest.raises(LkrError):
        Ledger(place)
    assert sqlite3.connect(place).execute("SELECT count(*) FROM sqlite_master WHERE name = 'z'").fetchone() == (0,)


# -- what a request may use


def body(family: str = "chat", vendor: str = "openai", **fields: object) -> estimate.Estimate:
    return estimate.Estimate(
        Call(vendor, family, "POST", "/", str(fields.get("model", "")), json.dumps(fields).encode())
    )


def test_the_worst_case_of_a_request() -> None:
    assert body(max_tokens=5, n=3).most(1000, 9, True).output == 15
    assert body(max_completion_tokens=7, max_tokens=5).output == 7
    assert body().most(1000, 9, True).output == 9
    assert body("gemini", generationConfig={"maxOutputTokens": 8, "candidateCount": 2}).most(1, 1, True).output == 16
    assert body("embeddings", input=["a" * 100]).most(1000, 9, False).output == 0
    assert body("messages", messages=[{"content": "x" * 4000}]).input > 2000
    assert body("responses", previous_response_id="r").most(128_000, 1, True).input == 128_000
    assert body("messages", content=[{"source": {"file_id": "f"}}]).stored
    assert not body("responses", previous_response_id=None).stored
    picture = "iVBOR" + "A" * 2_000_000
    for part in (
        {"image_url": {"url": "data:image/png;base64," + picture}},
        {"source": {"type": "base64", "media_type": "image/png", "data": picture}},
        {"inlineData": {"mimeType": "image/png", "data": picture}},
        {"image_url": {"url": "https://example.org/a.png"}},
    ):
        assert 10_000 < body("chat", messages=[{"content": [part]}]).input < 20_000
    assert body("chat", prompt=[[1, 2, 3]] * 10).copies == 10
    assert not body("other").metered and not estimate.Estimate(Call("openai", "chat", "POST", "/", "", b"\xff")).metered


@given(
    st.dictionaries(st.text(), st.integers() | st.text() | st.booleans() | st.none()), st.sampled_from(["", " ", "\n"])
)
def test_the_question_for_the_usage_leaves_the_rest_of_the_body(more: dict[str, object], space: str) -> None:
    content = {**more, "stream": True}
    content.pop("stream_options", None)
    data = (space + json.dumps(content)).encode()
    asked = Call("openai", "chat", "POST", "/", "", data)
    assert estimate.Estimate(asked).asks
    assert json.loads(estimate.ask(data, False)) == {"stream_options": {"include_usage": True}, **content}
    assert estimate.ask(data, False).endswith(data.lstrip()[1:])


def test_who_said_something_about_the_usage_is_left_alone() -> None:
    assert not body(stream=True, stream_options={"include_usage": False}).asks
    assert not body(stream=True, stream_options=3).asks
    assert not body(stream=False).asks
    assert not body(vendor="mistral", stream=True).asks
    merged = json.loads(
        estimate.ask(json.dumps({"stream": True, "stream_options": {"include_obfuscation": False}}).encode(), True)
    )
    assert merged["stream_options"] == {"include_obfuscation": False, "include_usage": True}


def test_only_the_event_that_was_asked_for_is_taken_out(limited: Limiter) -> None:
    extra = b'data: {"choices": [], "usage": {"prompt_tokens": 100, "completion_tokens": 10}}\n\n'
    for asked, expected in (
        (call(stream=True), b""),
        (call(stream=True, stream_options={"include_usage": True}), extra),
    ):
        before = asked.body
        reservation = limited.reserve(Virtual(), Permit(), asked)
        assert (asked.body != before) == (not expected)
        reservation.feed(extra)
        assert reservation.filter(extra) + reservation.rest() == expected
        reservation.settle(200, True)


@settings(deadline=None, max_examples=50)
@given(
    st.recursive(
        st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=30
    )
)
def test_no_body_of_a_client_breaks_the_estimate(content: object) -> None:
    for fields in (
        {"messages": content},
        {"max_tokens": content, "n": content, "stream_options": content, "stream": True},
    ):
        found = estimate.Estimate(Call("openai", "chat", "POST", "/", "", json.dumps(fields).encode()))
        assert found.most(1000, 1000, True).tokens >= 0


Make = Callable[[], Limiter]


def test_the_broker_s_own_is_made_of_the_files_in_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    told: list[str] = []
    one = limiter.make([("mine", "1", "2", "1", "1")], told.append)
    done(one.reserve(Virtual(), Permit(key("1/day")), call(max_tokens=10)), 1_000, 0)
    assert spent(str(tmp_path / "data/lkr/ledger.db"))[0] == 2500, "by the package's price of gpt-4o"
    assert not told
    os.chmod(tmp_path / "data/lkr", 0o755)
    two = limiter.make([], told.append)
    assert "open to other users" in told[0]
    assert refusal(two, Permit(key("1/day")), call()).code == "ledger"
