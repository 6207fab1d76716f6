"""Holds what is spent under what is allowed: the worst case of a request is set aside before it is sent. When it is
over, what it did use takes that place, once.

Each limit counts for itself, and all of them have to have room: that of the key counts the key in all projects, that of
a project's manifest the key in that project, that of an agent all that the agent spends. Days, weeks (from Monday) and
months are those of local time. The sums are the ledger's, so they outlast a restart. A clock that is put back gives
nothing back: what the ledger has from later on counts too.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

from lkrshell.broker import demand
from lkrshell.broker.demand import Demand
from lkrshell.broker.interfaces import Call, Refused
from lkrshell.broker.ledger import Ledger
from lkrshell.broker.meter import Meter, TakeOut
from lkrshell.broker.prices import Model, Prices
from lkrshell.broker.usage import Usage
from lkrshell.core import limits
from lkrshell.core.errors import LkrError
from lkrshell.core.limits import Limits
from lkrshell.core.text import show
from lkrshell.state import paths

_MINUTE = 60.0  # seconds
_MONEY, _TOKENS = 0, 1  # places in a sum
_UNKNOWN = Model("", None, [], [])


class Permit(Protocol):
    """What the limiter needs of a permit: whose limits they are is `key`, `agent` or `project`."""

    @property
    def key(self) -> str: ...
    @property
    def folder(self) -> str: ...
    @property
    def agent(self) -> str: ...
    @property
    def limits(self) -> list[tuple[str, Limits]]: ...


class Virtual(Protocol):
    @property
    def vendor(self) -> str: ...


class Sum:
    """What was spent and set aside in one period: money in millionths of a US dollar, and tokens."""

    __slots__ = ("held", "spent")

    def __init__(self, money: int, tokens: int) -> None:
        self.spent, self.held = [money, tokens], [0, 0]

    def total(self, kind: int) -> int:
        return self.spent[kind] + self.held[kind]

    def add(self, amounts: tuple[int, int], spent: int, held: int) -> None:
        """Adds the amounts (money, tokens) so many times to what is spent, and to what is set aside."""
        for kind in (_MONEY, _TOKENS):
            self.spent[kind] += spent * amounts[kind]
            self.held[kind] += held * amounts[kind]


class Limiter:
    """For many threads at once. Without a `ledger`, requests of a key under a limit are refused; `problem` says why."""

    def __init__(
        self,
        ledger: Ledger | None,
        prices: Prices,
        problem: str = "",
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.ledger, self.prices, self.problem, self.warn = ledger, prices, problem, warn
        self.clock, self.monotonic = clock, monotonic
        self._lock = threading.Lock()
        self._sums: dict[tuple[Any, ...], Sum] = {}
        self._sent: dict[tuple[str, ...], deque[float]] = {}  # monotonic times of the last minute
        self._open: set[Reservation] = set()
        self._warned = ""

    def reserve(self, virtual: Virtual, permit: Permit, call: Call) -> "Reservation":
        """Sets aside the most that the request may use. `call.body` may get the question for the usage.

        Refused, with the limit and the command that changes it, when that does not fit.
        """
        wanted = Demand(call)
        allowed = [(scope, each) for scope, each in permit.limits if each]
        for scope, each in allowed:
            _check_models(scope, each, wanted, permit)
        seconds = self.clock()
        counted = any(each.budget or each.tokens for _, each in allowed) and not wanted.free
        if counted and not wanted.metered:
            message = f"lkr cannot tell what {call.method} {show(call.path)} costs, and {permit.key} has a limit"
            raise Refused(
                403, "limit", f"{message}; to remove the limit: lkr policy {permit.key} --budget off --tokens off"
            )
        models = [self.prices.find(virtual.vendor, name) for name in wanted.models] or [None]
        most, cost = _worst(wanted, models, call.family, seconds)
        if cost is None and any(each.budget for _, each in allowed) and not wanted.free:
            raise self._unknown(wanted, permit)
        held = (cost or 0, most.tokens)
        with self._lock:
            sums: list[Sum] = []
            row = 0
            try:
                for scope, each in allowed:
                    self._check_rate(scope, each, permit, seconds)
                for scope, each in allowed:
                    sums += self._check_sums(scope, each, permit, seconds, held)
                row = self._begin(virtual, permit, wanted, seconds, most, cost)
            except LkrError as error:
                if allowed:
                    message = f"without the ledger, lkr sends no request for a key with a limit; {error}"
                    raise Refused(403, "ledger", message) from None
                self._tell(error)
            for scope, each in allowed:
                if each.rate is not None:
                    self._sent[_scope(scope, permit)].append(self.monotonic())
            reservation = Reservation(self, row, permit, call, wanted, models, seconds, most, cost)
            for each_sum in dict.fromkeys(sums):
                each_sum.add(held, 0, 1)
                reservation.sums.append(each_sum)
            self._open.add(reservation)
        if wanted.asks:
            call.body = demand.ask(call.body, wanted.merges)
        return reservation

    def end(self, reservation: "Reservation", amounts: tuple[int, int], fields: dict[str, Any]) -> None:
        """Puts what was used (money, tokens) in the place of what was set aside."""
        with self._lock:
            if reservation not in self._open:
                return
            self._open.discard(reservation)
            for each in reservation.sums:
                each.add(reservation.held, 0, -1)
                each.add(amounts, 1, 0)
            if self.ledger is not None and reservation.row:
                self._tell(self.ledger.end(reservation.row, fields))

    def today(self) -> int:
        """What was spent since midnight, in millionths of a US dollar; what is under way counts as it was reserved."""
        try:
            return self.ledger.spent(start_of("day", self.clock()))[0] if self.ledger else 0
        except LkrError:
            return 0

    def _tell(self, error: LkrError | None) -> None:
        """Says what is wrong with the ledger, once for as long as it is."""
        text = str(error) if error else ""
        if text and text != self._warned:
            self.warn(text)
        self._warned = text

    def _unknown(self, wanted: Demand, permit: Permit) -> Refused:
        if not wanted.models:
            return Refused(403, "price", f"{permit.key} has a budget, and the request names no model")
        if self.prices.problem:
            return Refused(503, "price", f"{permit.key} has a budget, and {self.prices.problem}")
        name = show(wanted.models[0][:200]).replace("\\", "\\\\").replace('"', '\\"')
        message = (
            f"{permit.key} has a budget, and lkr does not know what {name} costs; add to {show(paths.config_file())}: "
        )
        line = f'[prices."{name}"], and below it input = 1.00 and output = 4.00, in US dollars per million tokens'
        return Refused(403, "price", message + line)

    def _begin(
        self, virtual: Virtual, permit: Permit, wanted: Demand, seconds: float, most: Usage, cost: int | None
    ) -> int:
        if self.ledger is None:
            raise LkrError(self.problem or "there is no ledger")
        fields = {
            "project": permit.folder, "key": permit.key, "vendor": virtual.vendor, "agent": permit.agent,
            "model": wanted.models[0][:200] if wanted.models else "", "reserved": cost,
            "reserved_input": most.input, "reserved_output": most.output,
        }  # fmt: skip
        return self.ledger.begin(seconds, fields)

    def _check_rate(self, scope: str, each: Limits, permit: Permit, seconds: float) -> None:
        if each.rate is None:
            return
        now, name = self.monotonic(), _scope(scope, permit)
        if name not in self._sent:
            before = self._spent(seconds - _MINUTE, name)[2]
            self._sent[name] = deque([now] * min(before, each.rate))
        sent = self._sent[name]
        while sent and sent[0] <= now - _MINUTE:
            sent.popleft()
        if len(sent) >= each.rate:
            wait = f"try again in {int(_MINUTE - (now - sent[0])) + 1} s; " if each.rate else ""
            what = f"{_whose(scope, permit)} may send {each.rate} requests/min, and has sent them"
            raise Refused(429, "rate", f"{what}; {wait}{_change(scope, permit, 'rate', f'{each.rate * 2 or 1}/min')}")

    def _check_sums(
        self, scope: str, each: Limits, permit: Permit, seconds: float, wanted: tuple[int, int]
    ) -> list[Sum]:
        """The sums that the request has to be added to. Refused when it does not fit in one of them."""
        found = []
        for kind, limit, field in ((_MONEY, each.budget, "budget"), (_TOKENS, each.tokens, "tokens")):
            if limit is None:
                continue
            most, period = limit
            sum_of = self._sum(scope, permit, period, seconds)
            if sum_of.total(kind) + wanted[kind] > most:
                raise Refused(403, "limit", _over(scope, field, permit, sum_of, each, wanted[kind]))
            found.append(sum_of)
        return found

    def _sum(self, scope: str, permit: Permit, period: str, seconds: float) -> Sum:
        name, start = _scope(scope, permit), start_of(period, seconds)
        known = self._sums.get((name, period, start))
        if known is None:
            money, tokens, _ = self._spent(start, name)
            known = Sum(money, tokens)
            for other in self._open:  # the ledger has them as they were reserved
                if other.row and other.seconds >= start and _scope(scope, other.permit) == name:
                    known.add(other.held, -1, 1)
                    other.sums.append(known)
            for old in [each for each in self._sums if each[:2] == (name, period)]:
                del self._sums[old]
            self._sums[name, period, start] = known
        return known

    def _spent(self, since: float, name: tuple[str, ...]) -> tuple[int, int, int]:
        if self.ledger is None:
            raise LkrError(self.problem or "there is no ledger")
        columns = {"key": ("key",), "project": ("key", "project"), "agent": ("agent",)}[name[0]]
        return self.ledger.spent(since, **dict(zip(columns, name[1:], strict=True)))


class Reservation:
    """The most that one request may use, until it is known what it did use. `held` is money and tokens."""

    __slots__ = (
        "_asked", "_began", "_call", "_limiter", "_meter", "_models", "_take_out", "cost", "held", "most", "permit",
        "row", "seconds", "sums",
    )  # fmt: skip

    def __init__(
        self, limiter: Limiter, row: int, permit: Permit, call: Call, wanted: Demand, models: list[Model | None],
        seconds: float, most: Usage, cost: int | None,
    ) -> None:  # fmt: skip
        self._limiter, self._call, self._asked, self._models = limiter, call, wanted, models
        self.row, self.permit, self.seconds, self.most, self.cost = row, permit, seconds, most, cost
        self.held, self.sums = (cost or 0, most.tokens), list[Sum]()
        self._began = limiter.monotonic()
        self._meter = Meter(call.family)
        self._take_out = TakeOut() if wanted.asks else None

    def answered(self, kind: str, encoding: str) -> None:
        """Says the answer's Content-Type and Content-Encoding, for a `feed` of its bytes as they come. Without it, what
        is fed is decompressed."""
        self._meter.expect(kind, encoding)

    def feed(self, chunk: bytes) -> None:
        """Sees the vendor's answer go by."""
        self._meter.feed(chunk)

    def filter(self, chunk: bytes) -> bytes:
        """`chunk` without what the vendor sent only because `reserve` changed the body. May hold an event back."""
        return self._take_out.feed(chunk) if self._take_out else chunk

    def rest(self) -> bytes:
        """What `filter` holds back still, at the answer's end."""
        return self._take_out.rest() if self._take_out else b""

    def settle(self, status: int, complete: bool) -> None:
        """The request is over. `status` is the vendor's, 0 when there was no answer: never sent where it is `complete`.

        What the vendor counted is charged. Of an answer that broke off, or does not say, it is what was set aside. An
        error costs nothing. A second call does nothing.
        """
        found, last = self._meter.result()
        used: Usage | None = Usage()
        cost: int | None = 0
        if self._asked.free or status >= 300 or (status == 0 and complete):
            pass
        elif found is not None and ((complete and status) or last):
            used, cost = found, self._price(found)
        elif self._asked.metered:
            used, cost = self.most, self.cost
            if found is not None and found.input:  # the stream began by saying its input
                found.output = max(found.output, self.most.output)
                used, cost = found, self._price(found)
        else:
            used = cost = None
        fields: dict[str, Any] = {
            "duration": max(0, round((self._limiter.monotonic() - self._began) * 1000)), "status": status,
            "complete": int(complete), "cost": cost,
            **{name: getattr(used, name) if used else None for name in Usage.COUNTS[:4]},
        }  # fmt: skip
        if not self._asked.models and found is not None and found.model:
            fields["model"] = found.model
        self._limiter.end(self, (cost or 0, used.tokens if used else 0), fields)

    def _price(self, used: Usage) -> int | None:
        model = self._models[0]
        if model is None or len(self._models) > 1:
            model = self._limiter.prices.find(self._call.vendor, used.model) or model
        return model.cost(used, self.seconds) if model else None


def make(own: list[tuple[str, ...]] | tuple[tuple[str, ...], ...], warn: Callable[[str], None]) -> Limiter:
    """The limiter of the broker; blocks while it opens the ledger and reads the prices. `own`: `Config.prices`.

    Charges what a broker before this one left under way. `warn` is told, in words, what is wrong with the ledger.
    """
    prices = Prices(own)
    prices.load()
    try:
        ledger = Ledger()
        ledger.charge_left()
    except LkrError as error:
        warn(str(error))
        return Limiter(None, prices, str(error), warn=warn)
    return Limiter(ledger, prices, warn=warn)


def start_of(period: str, seconds: float) -> float:
    """When the day, week or month of this moment began, in local time: seconds since the epoch."""
    now = datetime.fromtimestamp(seconds)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "week":
        day -= timedelta(days=day.weekday())
    elif period == "month":
        day = day.replace(day=1)
    return day.timestamp()


def _worst(wanted: Demand, models: list[Model | None], family: str, seconds: float) -> tuple[Usage, int | None]:
    """The most that a request may use with the worst of the models, and what it costs; None where one has no price."""
    if wanted.free or not wanted.metered:
        return Usage(), 0 if wanted.free else None
    cases = [
        (most, model.worst(most, seconds) if model else None)
        for model in models
        for most in [wanted.most((model or _UNKNOWN).context, (model or _UNKNOWN).longest, family != "embeddings")]
    ]
    costs = [cost for _, cost in cases]
    most = max((most for most, _ in cases), key=lambda each: each.tokens)
    return most, None if None in costs else max(cost for cost in costs if cost is not None)


def _scope(scope: str, permit: Permit) -> tuple[str, ...]:
    """What a limit counts."""
    return {
        "key": ("key", permit.key),
        "project": ("project", permit.key, permit.folder),
        "agent": ("agent", permit.agent),
    }[scope]


def _check_models(scope: str, each: Limits, wanted: Demand, permit: Permit) -> None:
    if not each.models or wanted.free:
        return
    only = f"{_whose(scope, permit)} may call only the models {' '.join(each.models)}"
    if not wanted.models:
        raise Refused(403, "model", f"{only}, and the request names none")
    for name in wanted.models:
        if not each.lets(name):
            more = " ".join([*each.models, name]) if limits.is_limit("models", name) else ""
            raise Refused(403, "model", f"{only}, not {show(name[:200])}; {_change(scope, permit, 'models', more)}")


def _whose(scope: str, permit: Permit) -> str:
    where = {"key": "", "project": f" in {show(permit.folder)}", "agent": f" ({permit.agent})"}[scope]
    return f"the agent {permit.agent}" if scope == "agent" else permit.key + where


def _change(scope: str, permit: Permit, field: str, value: str) -> str:
    """How the limit is changed: for that of the key, a command with `value`."""
    if scope == "project":
        return f"to change it: {field} of {permit.key} in {show(permit.folder)}/.lkr.toml, then lkr allow"
    if scope == "agent":
        return f"to change it: {field} below [agents.{permit.agent}] in {show(paths.config_file())}"
    if field == "models" and value:
        value = " --models ".join(f"'{each}'" for each in value.split(" "))
    return f"to change it: lkr policy {permit.key} --{field} {value or 'off'}"


def _over(scope: str, field: str, permit: Permit, found: Sum, each: Limits, wanted: int) -> str:
    """That a request does not fit, in numbers."""
    kind = _MONEY if field == "budget" else _TOKENS
    most, period = (each.budget if field == "budget" else each.tokens) or (0, "day")
    said, unit = (_cents, " $") if field == "budget" else (limits.count, " tokens")
    exact = limits.dollars if field == "budget" else limits.count
    parts = [f"{said(found.spent[kind])}{unit} used"]
    parts += [f"{said(found.held[kind])}{unit} set aside for requests under way"] * bool(found.held[kind])
    parts += [f"{said(wanted)}{unit} at most for this one; a smaller max_tokens needs less"] * bool(wanted)
    change = _change(scope, permit, field, f"{exact(most * 2 or 1_000_000)}/{period}")
    return f"{_whose(scope, permit)} is limited to {exact(most)}{unit}/{period} ({', '.join(parts)}); {change}"


def _cents(micro: int) -> str:
    """Money to the ten-thousandth of a dollar, rounded up, without zeros at the end."""
    return limits.dollars(-(-micro // 100) * 100)
