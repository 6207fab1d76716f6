"""lkr: LLM API keys from the keychain, in the environment only inside the project that needs them."""

__version__ = "0.2.0"
