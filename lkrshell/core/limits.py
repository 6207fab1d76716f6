"""What a key may be used for at the broker: models, money, requests and tokens. Pure.

A limit is text as people write it: `20/day` (US dollars), `60/min` (requests), `2M/day` (tokens), `claude-* gpt-4o`
(models, separated by spaces). An empty text means no limit. The index, grants and settings keep that text, so entering
a project does not parse it. Text in any other form is an error. It never counts as "no limit".
"""

import re

from lkrshell.core.errors import LkrError

FIELDS = ("models", "budget", "rate", "tokens")
HINTS = {
    "models": "write names of models with * and ?, such as claude-*",
    "budget": "write US dollars per day, week or month, such as 20/day",
    "rate": "write requests per minute, such as 60/min",
    "tokens": "write tokens per day, week or month, such as 2M/day",
}
MICRO = 1_000_000  # of a US dollar
MAX_MODELS = 32

# Without \Z, since the JSON Schema uses them too.
MODEL = "[A-Za-z0-9*?@~][A-Za-z0-9*?@~._:/+-]{0,99}"
BUDGET = r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?/(day|week|month)"
RATE = "(0|[1-9][0-9]{0,6})/min"
TOKENS = r"(0|[1-9][0-9]{0,11}|[1-9][0-9]{0,5}(\.[0-9]{1,3})?[KMG])/(day|week|month)"
_SIZES = {"K": 1_000, "M": 1_000_000, "G": 1_000_000_000}


class Limits:
    """Parsed limits. `models`: patterns, empty for all models. `budget`: (millionths of a US dollar, period). `rate`:
    requests per minute. `tokens`: (tokens, period). The last three are None for no limit."""

    __slots__ = ("budget", "models", "rate", "tokens")

    def __init__(self, models: str = "", budget: str = "", rate: str = "", tokens: str = "") -> None:
        """Parses the texts. LkrError for a text in another form."""
        for name, text in zip(FIELDS, (models, budget, rate, tokens), strict=True):
            if not is_limit(name, text):
                raise LkrError(f"{name} is not a limit that lkr understands", HINTS[name])
        self.models = tuple(models.split())
        self.budget = _budget(budget) if budget else None
        self.rate = int(rate.partition("/")[0]) if rate else None
        self.tokens = _tokens(tokens) if tokens else None

    @classmethod
    def of(cls, holder: object) -> "Limits":
        """The limits of an Entry or a Binding."""
        return cls(*(getattr(holder, name) for name in FIELDS))

    def __bool__(self) -> bool:
        return bool(self.models) or any(each is not None for each in (self.budget, self.rate, self.tokens))

    def lets(self, model: str) -> bool:
        """True when this model may be called."""
        return not self.models or any(matches(pattern, model) for pattern in self.models)

    def words(self) -> list[str]:
        """For a person: `models claude-*`, `$5/day`, `60 requests/min`, `2M tokens/day`."""
        found = [f"models {' '.join(self.models)}"] if self.models else []
        if self.budget:
            found.append(f"${dollars(self.budget[0])}/{self.budget[1]}")
        if self.rate is not None:
            found.append(f"{self.rate} requests/min")
        if self.tokens:
            found.append(f"{count(self.tokens[0])} tokens/{self.tokens[1]}")
        return found


def is_limit(field: str, text: str) -> bool:
    """True when `text` is a limit for `field`, one of FIELDS, or empty."""
    if field == "models":
        names = text.split(" ") if text else []
        return len(names) <= MAX_MODELS and all(re.fullmatch(MODEL, name) for name in names)
    pattern = {"budget": BUDGET, "rate": RATE, "tokens": TOKENS}[field]
    return not text or re.fullmatch(pattern, text) is not None


def matches(pattern: str, name: str) -> bool:
    """True when `pattern` matches all of `name`; `*` is any characters, `?` is one. Takes time in proportion to both.

    `name` may itself be a pattern: `?` does not match its `*`, so True means that whatever matches `name` matches
    `pattern` too.
    """
    at = here = 0
    star, mark = -1, 0
    while here < len(name):
        if at < len(pattern) and pattern[at] == "*":
            star, mark = at, here
            at += 1
        elif at < len(pattern) and (pattern[at] == name[here] or (pattern[at] == "?" and name[here] != "*")):
            at, here = at + 1, here + 1
        elif star >= 0:
            mark += 1
            at, here = star + 1, mark
        else:
            return False
    return not pattern[at:].strip("*")


def widened(before: Limits, after: Limits) -> list[str]:
    """What `after` allows that `before` did not, in words; empty if it allows nothing new."""
    found = []
    if before.models and not after.models:
        found.append("may call every model")
    elif before.models:
        fresh = [each for each in after.models if not any(matches(pattern, each) for pattern in before.models)]
        found += [f"may call the models {each}" for each in fresh]
    if _more(before.budget, after.budget):
        found.append(
            f"may cost ${dollars(after.budget[0])}/{after.budget[1]}" if after.budget else "may cost any amount"
        )
    if before.rate is not None and (after.rate is None or after.rate > before.rate):
        found.append("may send any number of requests" if after.rate is None else f"may send {after.rate} requests/min")
    if _more(before.tokens, after.tokens):
        what = f"{count(after.tokens[0])} tokens/{after.tokens[1]}" if after.tokens else "any number of tokens"
        found.append(f"may use {what}")
    return found


def _more(before: tuple[int, str] | None, after: tuple[int, str] | None) -> bool:
    """True unless `after` is at least as strict as `before`. A day is in one week and one month. A week can lie in
    two months, so neither a weekly nor a monthly limit is stricter than the other."""
    if before is None:
        return False
    if after is None or after[0] > before[0]:
        return True
    return after[1] != before[1] and before[1] != "day"


def dollars(micro: int) -> str:
    """Millionths of a US dollar as dollars, without trailing zeros: `0.5`, `20`."""
    whole, rest = divmod(abs(micro), MICRO)
    text = f"{whole}.{rest:06d}".rstrip("0").rstrip(".")
    return f"-{text}" if micro < 0 else text


def count(tokens: int) -> str:
    """A number of tokens in the form that `--tokens` takes: `2M`, `1500`."""
    for unit, size in reversed(_SIZES.items()):
        if tokens >= size and tokens % (size // 1000) == 0:
            whole, rest = divmod(tokens, size)
            return f"{whole}.{rest * 1000 // size:03d}".rstrip("0").rstrip(".") + unit
    return str(tokens)


def _budget(text: str) -> tuple[int, str]:
    amount, _, period = text.partition("/")
    whole, _, rest = amount.partition(".")
    return int(whole) * MICRO + int(rest.ljust(6, "0")), period


def _tokens(text: str) -> tuple[int, str]:
    amount, _, period = text.partition("/")
    size = _SIZES.get(amount[-1], 1)
    whole, _, rest = amount.rstrip("KMG").partition(".")
    return int(whole) * size + int(rest.ljust(3, "0") or "0") * (size // 1000), period
