"""lkr: LLM API keys from the keychain, in the environment only inside the project that needs them.

`__all__` names the public Python API (docs/python.md). Each name is loaded on first use: `lkr export` imports this
module, and `import lkrshell` must cost next to nothing.
"""

__version__ = "0.2.0"

__all__ = (
    "KeyNotStored",
    "Keys",
    "LkrError",
    "Loaded",
    "ManifestError",
    "Refused",
    "Secret",
    "StoreLocked",
    "StoreUnreachable",
    "UsageError",
    "get",
    "keys",
    "load",
    "load_ipython_extension",
)  # fmt: skip

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lkrshell.api.keys import Keys as Keys
    from lkrshell.api.keys import Loaded as Loaded
    from lkrshell.api.keys import get as get
    from lkrshell.api.keys import keys as keys
    from lkrshell.api.keys import load as load
    from lkrshell.core.errors import KeyNotStored as KeyNotStored
    from lkrshell.core.errors import LkrError as LkrError
    from lkrshell.core.errors import ManifestError as ManifestError
    from lkrshell.core.errors import Refused as Refused
    from lkrshell.core.errors import StoreLocked as StoreLocked
    from lkrshell.core.errors import StoreUnreachable as StoreUnreachable
    from lkrshell.core.errors import UsageError as UsageError
    from lkrshell.core.secret import Secret as Secret
    from lkrshell.integrations.notebook import load_ipython_extension as load_ipython_extension

_MODULES = {"Secret": "core.secret", "load_ipython_extension": "integrations.notebook"}
_MODULES |= dict.fromkeys(("Keys", "Loaded", "get", "keys", "load"), "api.keys")


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'lkrshell' has no attribute {name!r}")
    module = __import__(f"lkrshell.{_MODULES.get(name, 'core.errors')}", fromlist=[name])
    found: object = getattr(module, name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
