"""Known LLM vendors: those in providers.toml beside this file, and the user's `[providers.NAME]` in config.toml.

builtin.py is generated from providers.toml, so that only the user's own providers need a TOML parser.
"""

import functools
import os

from lkrshell.core import names, toml_text, variables
from lkrshell.core.errors import LkrError
from lkrshell.state import config, paths
from lkrshell.vendors.builtin import BUILTIN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Container

_LIKELY = ("openai", "gemini")  # the most likely of several providers with the same prefix


class Provider:
    """A vendor: the variable that its libraries read, other variables in use, and how its keys begin or look as a
    whole."""

    __slots__ = ("aliases", "docs", "prefix", "shape", "variable")

    def __init__(
        self, variable: str, aliases: tuple[str, ...] = (), prefix: str = "", shape: str = "", docs: str = ""
    ) -> None:
        self.variable, self.aliases, self.prefix, self.shape, self.docs = variable, aliases, prefix, shape, docs


@functools.cache
def builtin() -> dict[str, Provider]:
    """The providers that come with lkr, by name."""
    return {name: Provider(*fields) for name, fields in BUILTIN.items()}


def parse(data: bytes) -> dict[str, Provider]:
    """The providers in a text like providers.toml. LkrError if one is invalid."""
    return {name: _provider(name, fields) for name, fields in toml_text.parse(data.decode("utf-8")).items()}


def known() -> dict[str, Provider]:
    """All providers by name; the user's replace ours. LkrError if one of the user's is invalid.

    The result is cached until the settings file changes, so a long-running program sees changes.
    """
    path = paths.config_file()
    try:
        info = os.stat(path)
    except OSError:
        return _known(path, ())
    return _known(path, (info.st_ino, info.st_size, info.st_mtime_ns, info.st_ctime_ns))


@functools.lru_cache(maxsize=4)
def _known(path: str, state: tuple[int, ...]) -> dict[str, Provider]:
    data = config.read(path)
    own = config.parsed(path, data).get("providers", {}) if data else {}
    if not isinstance(own, dict):
        raise _wrong("providers")
    return builtin() | {name: _provider(name, fields) for name, fields in own.items()}


def _provider(name: str, fields: object) -> Provider:
    if not names.is_own(f"{name}:x") or not isinstance(fields, dict):
        raise _wrong(name)
    aliases = fields.get("aliases", [])
    texts = [fields.get(field, "") for field in ("variable", "prefix", "shape", "docs")]
    if set(fields) - set(Provider.__slots__) or not isinstance(aliases, list):
        raise _wrong(name)
    if not all(isinstance(text, str) for text in [*texts, *aliases]):
        raise _wrong(name)
    if not all(names.is_variable(each) and not variables.steers_programs(each) for each in [texts[0], *aliases]):
        raise _wrong(name)
    import re

    try:
        re.compile(texts[2])
    except re.error:
        raise _wrong(name) from None
    return Provider(texts[0], tuple(aliases), texts[1], texts[2], texts[3])


def _wrong(name: str) -> LkrError:
    hint = 'write [providers.NAME] with variable = "NAME_API_KEY", and aliases, prefix, shape, docs if you like'
    return LkrError(f"config.toml: the provider {names.redacted(name)} is not valid", hint)


def variable_of(key: str) -> str | None:
    """The variable that programs expect `key` (`provider:label`) in; None for an unknown provider."""
    provider = known().get(names.provider_of(key))
    return provider.variable if provider else None


def providers_of(variable: str) -> list[str]:
    """The providers whose keys go into `variable`."""
    return [name for name, each in known().items() if variable in (each.variable, *each.aliases)]


def refusal(variable: str, let_in: "Container[str]" = ()) -> tuple[str, str] | None:
    """Why no manifest may set `variable`, and what to do; None if it may. `let_in`: variables that the person accepted.

    The same rule serves manifests, `lkr exec -k`, `lkr add` and `lkr import`. `variable` must be a valid name.
    """
    if variables.steers_programs(variable):
        return f"{variable} changes how programs run", "a manifest sets keys only; choose another variable"
    if variables.ends_like_a_secret(variable) or variable in let_in or providers_of(variable):
        return None
    what = f"{variable} does not belong to a provider or end like a secret's name (_KEY, _TOKEN, _SECRET, ...)"
    return what, f"allow it: lkr allow --variable {variable}"


def key_for(variable: str) -> str | None:
    """The key name to propose for a variable in an `.env.example`; None if it does not look like a key's variable."""
    for provider in providers_of(variable):
        return f"{provider}:main"
    for suffix in ("_API_KEY", "_API_TOKEN", "_TOKEN", "_KEY"):
        stem = variable.removesuffix(suffix)
        if stem not in (variable, ""):
            return stem.lower().replace("_", "-") + ":main"
    return None


def may_hold_a_key(variable: str) -> bool:
    """True for a variable that a manifest may set and for which we can propose a key: `OPENAI_API_KEY`, not `PATH`."""
    return names.is_variable(variable) and not refusal(variable) and names.is_key(key_for(variable) or "")


def shape_warning(key: str, value: str) -> str | None:
    """What is unusual about `value` for this provider, without quoting it; None if nothing is."""
    name = names.provider_of(key)
    if value != value.strip() or "\n" in value:
        return "the value has spaces around it or line breaks in it"
    provider = known().get(name, Provider(""))
    if not value.startswith(provider.prefix):
        return f"keys of {name} begin with {provider.prefix}, this one does not ({provider.docs})"
    if owner := other_owner(key, value):
        return f"this looks like a key of {owner}, not of {name}"
    if provider.prefix and len(value) < len(provider.prefix) + 8:
        return f"this looks short for a key of {name} ({provider.docs})"
    if provider.shape:
        import re

        if not re.fullmatch(provider.shape, value):
            return f"keys of {name} look different ({provider.docs})"
    return None


def likely_first() -> list[tuple[str, Provider]]:
    """The providers and their names. Of several with the same prefix, the most likely comes first."""
    return sorted(known().items(), key=lambda item: (item[0] not in _LIKELY, item[0]))


def begins_like_its_keys(key: str, value: str) -> bool:
    """True if every key of this provider begins in the same way, and so does the value."""
    provider = known().get(names.provider_of(key))
    return provider is not None and provider.prefix != "" and value.startswith(provider.prefix)


def other_owner(key: str, value: str) -> str:
    """Returns the provider that the value's beginning belongs to, when that plainly differs from the key's name.

    The longest beginning counts: `sk-ant-` is Anthropic's, although OpenAI's keys begin with `sk-`.
    """
    own = known().get(names.provider_of(key))
    if own is None or len(own.prefix) < 3:
        return ""
    fits = len(own.prefix) if value.startswith(own.prefix) else 2
    owners = [name for name, each in likely_first() if len(each.prefix) > fits and value.startswith(each.prefix)]
    return max(owners, key=lambda name: len(known()[name].prefix), default="")


def holds_a_key(variable: str, value: str) -> bool:
    """True when an environment variable looks like a provider's key, by its name or by how its value begins."""
    if providers_of(variable) or variable.endswith(("_API_KEY", "_API_TOKEN")):
        return True
    prefixes = tuple(each.prefix for each in known().values() if len(each.prefix) > 2)
    return len(value) >= 16 and value.startswith(prefixes)
