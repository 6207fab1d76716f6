"""Known LLM vendors: the name, its conventional variable, and what its keys begin with.

Sources: each vendor's API reference, "authentication" page. A prefix is given only where the vendor's keys
always carry it.
"""

PROVIDERS: dict[str, tuple[str, str]] = {
    # name: (variable, prefix)
    "anthropic": ("ANTHROPIC_API_KEY", "sk-ant-"),
    "openai": ("OPENAI_API_KEY", "sk-"),
    "openrouter": ("OPENROUTER_API_KEY", "sk-or-"),
    "google": ("GEMINI_API_KEY", "AIza"),
    "gemini": ("GEMINI_API_KEY", "AIza"),
    "groq": ("GROQ_API_KEY", "gsk_"),
    "huggingface": ("HF_TOKEN", "hf_"),
    "mistral": ("MISTRAL_API_KEY", ""),
    "cohere": ("COHERE_API_KEY", ""),
    "deepseek": ("DEEPSEEK_API_KEY", "sk-"),
    "xai": ("XAI_API_KEY", "xai-"),
    "perplexity": ("PERPLEXITY_API_KEY", "pplx-"),
    "together": ("TOGETHER_API_KEY", ""),
    "fireworks": ("FIREWORKS_API_KEY", ""),
    "replicate": ("REPLICATE_API_TOKEN", "r8_"),
    "nvidia": ("NVIDIA_API_KEY", "nvapi-"),
    "cerebras": ("CEREBRAS_API_KEY", "csk-"),
    "azure-openai": ("AZURE_OPENAI_API_KEY", ""),
    "voyage": ("VOYAGE_API_KEY", "pa-"),
    "elevenlabs": ("ELEVENLABS_API_KEY", ""),
}


def variable_of(key: str) -> str | None:
    """The variable that programs expect `key` (`provider:label`) in; None for an unknown provider."""
    known = PROVIDERS.get(key.partition(":")[0])
    return known[0] if known else None


def key_for(variable: str) -> str | None:
    """A key name to propose for a variable that an `.env.example` lists."""
    for provider, (conventional, _) in PROVIDERS.items():
        if variable == conventional:
            return f"{provider}:main"
    for suffix in ("_API_KEY", "_API_TOKEN", "_TOKEN", "_KEY"):
        stem = variable.removesuffix(suffix)
        if stem not in (variable, ""):
            return stem.lower().replace("_", "-") + ":main"
    return None


def shape_warning(key: str, value: str) -> str | None:
    """What is odd about `value` for this provider, without a word of the value; None when nothing is."""
    provider = key.partition(":")[0]
    if value != value.strip() or "\n" in value:
        return "the value has white space around or line breaks in it"
    _, prefix = PROVIDERS.get(provider, ("", ""))
    if prefix and not value.startswith(prefix):
        return f"keys of {provider} begin with {prefix}, this one does not"
    if prefix and len(value) < len(prefix) + 8:
        return f"this is short for a key of {provider}"
    return None
