"""Keeps spending below the limits: reserves the worst case before a request is sent, and replaces it with the
real use afterwards.

Every limit must have room. A key's limit counts the key in all projects, a manifest's limit counts the key in that
project, and an agent's limit counts everything that the agent spends. Days, weeks (from Monday) and months follow local
time. The sums come from the ledger, so they survive a restart. Setting the clock back frees nothing, because later rows
count too.
"""

import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Protocol

from lkrshell.broker import estimate
from lkrshell.broker.estimate import Estimate
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
_MONEY, _TOKENS = 0, 1  # indexes in a sum
_UNKNOWN = Model("", None, [], [])


class Permit(Protocol):
    """What the limiter needs of a permit. The scope of each limit is `key`, `agent` or `project`."""

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
    """What was spent and reserved in one period: money in millionths of a US dollar, and tokens."""

    __slots__ = ("held", "spent")

    def __init__(self, money: int, tokens: int) -> None:
        self.spent, self.held = [money, tokens], [0, 0]

    def total(self, kind: int) -> int:
        return self.spent[kind] + self.held[kind]

    def add(self, amounts: tuple[int, int], spent: int, held: int) -> None:
        """Adds `amounts` (money, tokens) `spent` times to what is spent, and `held` times to what is reserved."""
        for kind in (_MONEY, _TOKENS):
            self.spent[kind] += spent * amounts[kind]
            self.held[kind] += held * amounts[kind]


class Limiter:
    """Reserves and charges, for many threads at once. Without a `ledger`, it refuses keys that have a limit, and
    `problem` says why."""

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
        self._sent: dict[tuple[str, ...], deque[float]] = {}  # monotonic times within the last minute
        self._open: set[Reservation] = set()
        self._warned = ""

    def reserve(self, virtual: Virtual, permit: Permit, call: Call) -> "Reservation":
        """Reserves the most that the request may use. May change `call.body` so that the vendor reports the usage.

        Raises Refused, with the limit and the command that changes it, when the request does not fit.
        """
        wanted = Estimate(call)
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
                with self._beside_others(counted or any(each.rate is not None for _, each in allowed)):
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
            call.body = estimate.ask(call.body, wanted.merges)
        return reservation

    def end(self, reservation: "Reservation", amounts: tuple[int, int], fields: dict[str, Any]) -> None:
        """Replaces the reserved amounts with the used ones (money, tokens)."""
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
        """Returns the money spent since midnight, in millionths of a US dollar. Open requests count at their reserved
        cost."""
        try:
            return self.ledger.spent(start_of("day", self.clock()))[0] if self.ledger else 0
        except LkrError:
            return 0

    def _tell(self, error: LkrError | None) -> None:
        """Warns about a problem with the ledger, once while it lasts."""
        text = str(error) if error else ""
        if text and text != self._warned:
            self.warn(text)
        self._warned = text

    def _unknown(self, wanted: Estimate, permit: Permit) -> Refused:
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
        self, virtual: Virtual, permit: Permit, wanted: Estimate, seconds: float, most: Usage, cost: int | None
    ) -> int:
        ledger = self._open_ledger()
        fields = {
            "project": permit.folder, "key": permit.key, "vendor": virtual.vendor, "agent": permit.agent,
            "model": wanted.models[0][:200] if wanted.models else "", "reserved": cost,
            "reserved_input": most.input, "reserved_output": most.output,
        }  # fmt: skip
        return ledger.begin(seconds, fields)

    def _check_rate(self, scope: str, each: Limits, permit: Permit, seconds: float) -> None:
        if each.rate is None:
            return
        now, name = self.monotonic(), _scope(scope, permit)
        if name not in self._sent:
            ages = self._open_ledger().ages(seconds, _MINUTE, **_columns(name))
            self._sent[name] = deque(now - age for age in ages)
        sent = self._sent[name]
        while sent and sent[0] <= now - _MINUTE:
            sent.popleft()
        if len(sent) >= each.rate:
            wait = f"try again in {math.ceil(_MINUTE - (now - sent[-each.rate]))} s; " if each.rate else ""
            what = f"{_whose(scope, permit)} is limited to {each.rate} requests/min"
            # Not 429: several SDKs would send it again at once.
            raise Refused(403, "rate", f"{what}; {wait}{_change(scope, permit, 'rate', f'{each.rate * 2 or 1}/min')}")

    def _check_sums(
        self, scope: str, each: Limits, permit: Permit, seconds: float, wanted: tuple[int, int]
    ) -> list[Sum]:
        """Returns the sums that the request counts towards. Raises Refused when it does not fit into one of them."""
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

    @contextlib.contextmanager
    def _beside_others(self, limited: bool) -> Iterator[None]:
        """Keeps the brokers of this user's other sessions from reserving meanwhile, if there are limits to check, and
        counts what those have reserved so far."""
        if self.ledger is None or not limited:
            yield
            return
        with self.ledger.alone() as changed:
            if changed:
                self._sums.clear()
                self._sent.clear()
                for other in self._open:
                    other.sums.clear()
            yield

    def _sum(self, scope: str, permit: Permit, period: str, seconds: float) -> Sum:
        name, start = _scope(scope, permit), start_of(period, seconds)
        known = self._sums.get((name, period, start))
        if known is None:
            known = Sum(*self._open_ledger().spent(start, **_columns(name)))
            for other in self._open:  # the ledger counts these at their reserved cost
                if other.row and other.seconds >= start and _scope(scope, other.permit) == name:
                    known.add(other.held, -1, 1)
                    other.sums.append(known)
            for old in [each for each in self._sums if each[:2] == (name, period)]:
                del self._sums[old]
            self._sums[name, period, start] = known
        return known

    def _open_ledger(self) -> Ledger:
        if self.ledger is None:
            raise LkrError(self.problem or "there is no ledger")
        return self.ledger


class Reservation:
    """The most that one request may use, until its real use is known. `held` is (money, tokens)."""

    __slots__ = (
        "_asked", "_began", "_call", "_limiter", "_meter", "_models", "_take_out", "cost", "held", "most", "permit",
        "row", "seconds", "sums",
    )  # fmt: skip

    def __init__(
        self, limiter: Limiter, row: int, permit: Permit, call: Call, wanted: Estimate, models: list[Model | None],
        seconds: float, most: Usage, cost: int | None,
    ) -> None:  # fmt: skip
        self._limiter, self._call, self._asked, self._models = limiter, call, wanted, models
        self.row, self.permit, self.seconds, self.most, self.cost = row, permit, seconds, most, cost
        self.held, self.sums = (cost or 0, most.tokens), list[Sum]()
        self._began = limiter.monotonic()
        self._meter = Meter(call.family)
        self._take_out = TakeOut() if wanted.asks else None

    def answered(self, kind: str, encoding: str) -> None:
        """Takes the answer's Content-Type and Content-Encoding. Without this call, `feed` expects decompressed
        bytes."""
        self._meter.expect(kind, encoding)

    def feed(self, chunk: bytes) -> None:
        """Reads a piece of the vendor's answer."""
        self._meter.feed(chunk)

    def filter(self, chunk: bytes) -> bytes:
        """Returns `chunk` without what the vendor sent only because `reserve` changed the body. May hold an event
        back."""
        return self._take_out.feed(chunk) if self._take_out else chunk

    def rest(self) -> bytes:
        """Returns what `filter` still holds back, at the end of the answer."""
        return self._take_out.rest() if self._take_out else b""

    def settle(self, status: int, complete: bool) -> None:
        """Ends the reservation. `status` is the vendor's, or 0 without an answer; 0 and `complete` mean that nothing
        was sent.

        Charges what the vendor counted. Charges the reserved amount when the answer broke off or reports no usage. An
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
            if found is not None and found.input:  # the start of the stream reported its input
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
    """Makes the broker's limiter from `own` (`Config.prices`). Blocks while it opens the ledger and reads the prices.

    Charges what an earlier broker left open. Calls `warn` with a sentence about each problem with the ledger.
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
    """Returns when this day, week or month began in local time, in seconds since the epoch."""
    now = datetime.fromtimestamp(seconds)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "week":
        day -= timedelta(days=day.weekday())
    elif period == "month":
        day = day.replace(day=1)
    return day.timestamp()


def _worst(wanted: Estimate, models: list[Model | None], family: str, seconds: float) -> tuple[Usage, int | None]:
    """Returns the most that a request may use and cost with the worst of its models. The cost is None if one of them
    has no price."""
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
    """Returns the key under which a limit is counted."""
    return {
        "key": ("key", permit.key),
        "project": ("project", permit.key, permit.folder),
        "agent": ("agent", permit.agent),
    }[scope]


def _columns(scope: tuple[str, ...]) -> dict[str, str]:
    """Returns the columns of the ledger that rows counted under `scope` have in common."""
    names = {"key": ("key",), "project": ("key", "project"), "agent": ("agent",)}[scope[0]]
    return dict(zip(names, scope[1:], strict=True))


def _check_models(scope: str, each: Limits, wanted: Estimate, permit: Permit) -> None:
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
    """Says how to change the limit. For a key's limit, that is a command with `value`."""
    if scope == "project":
        return f"to change it: {field} of {permit.key} in {show(permit.folder)}/.lkr.toml, then lkr allow"
    if scope == "agent":
        return f"to change it: {field} below [agents.{permit.agent}] in {show(paths.config_file())}"
    if field == "models" and value:
        value = " --models ".join(f"'{each}'" for each in value.split(" "))
    return f"to change it: lkr policy {permit.key} --{field} {value or 'off'}"


def _over(scope: str, field: str, permit: Permit, found: Sum, each: Limits, wanted: int) -> str:
    """Says in numbers why a request does not fit."""
    kind = _MONEY if field == "budget" else _TOKENS
    most, period = (each.budget if field == "budget" else each.tokens) or (0, "day")
    said, form = (_cents, "${}") if field == "budget" else (limits.count, "{} tokens")
    exact = limits.dollars if field == "budget" else limits.count
    used, held, needed = (form.format(said(number)) for number in (found.spent[kind], found.held[kind], wanted))
    parts = [f"{used} used"]
    if found.held[kind]:
        parts.append(f"{held} set aside for requests under way")
    if wanted:
        parts.append(f"{needed} is the most that this request can use; a smaller max_tokens lowers that")
    unit = 10_000 if field == "budget" else 1  # cents
    enough = -(-(found.total(kind) + wanted) // unit) * unit
    change = _change(scope, permit, field, f"{exact(max(most * 2 or 1_000_000, enough))}/{period}")
    return f"{_whose(scope, permit)} is limited to {form.format(exact(most))}/{period} ({', '.join(parts)}); {change}"


def _cents(micro: int) -> str:
    """Rounds money up to a ten-thousandth of a dollar, and drops zeros at the end."""
    return limits.dollars(-(-micro // 100) * 100)
