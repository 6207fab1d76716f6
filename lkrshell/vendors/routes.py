"""What the broker knows about each vendor: where its API is, what may be called, and how its key is sent. Only data.

Entering a project with `via = "broker"` needs `bases`, so this module imports nothing. A vendor without a row is not
served, and a call without a row is refused. That keeps out administration, keys and tokens, what cannot be metered
(batches, fine-tuning, stored files), and what follows absolute addresses (uploads, realtime).

Sources: each vendor's API reference and Python SDK, read in November 2026. tests/test_vendor_sdks.py runs the SDKs.
"""

BEARER = "authorization"  # as `Bearer KEY`

# A call is (method, path, family, header). In a path, `*` is a segment without a colon, since some vendors put a verb
# after a colon; `+` is a segment that may contain colons; `{a,b}` is one of these words. The family says how the meter
# reads request and answer: "" costs nothing, "other" costs something but is not understood. The header is the one that
# carries the vendor's key, if it is not the first one of the route.
TYPE_CHECKING = False
if TYPE_CHECKING:
    Calls = tuple[tuple[str, str, str, str], ...]


class Route:
    """One vendor's row.

    upstream: scheme and host, empty where the person must name their own in config.toml.
    bases: (variable, path) of base-URL variables. The value is the broker's address and the path.
    headers: header names that may carry the virtual key. The first one carries the real key to the vendor.
    errors: the form of the vendor's errors, see broker/vendor_errors.py.
    roots: what may be missing at the start of a path, since clients disagree about where a base URL ends.
    calls: what may be called, with the vendor's full paths.
    note: what `lkr allow` adds, for example that the vendor's SDK reads no base-URL variable.
    """

    __slots__ = ("bases", "calls", "errors", "headers", "note", "roots", "upstream")

    def __init__(
        self,
        upstream: str,
        bases: "tuple[tuple[str, str], ...]",
        calls: "Calls",
        roots: "tuple[str, ...]" = ("/v1",),
        headers: "tuple[str, ...]" = (BEARER,),
        errors: str = "openai",
        note: str = "",
    ) -> None:
        self.upstream, self.bases, self.calls, self.roots = upstream, bases, calls, roots
        self.headers, self.errors, self.note = headers, errors, note


def _calls(root: str, families: "dict[str, str]", method: str = "POST", header: str = "") -> "Calls":
    """Calls below `root`: {family: paths, separated by spaces}."""
    return tuple(
        (method, f"{root}/{path}", family, header) for family, paths in families.items() for path in paths.split()
    )


def _models(root: str, one: str = "+") -> "Calls":
    return _calls(root, {"": f"models models/{one}"}, "GET")


_OPENAI = {
    "chat": "chat/completions completions",
    "embeddings": "embeddings",
    "responses": "responses responses/compact",
    "other": "images/{generations,edits,variations} audio/{speech,transcriptions,translations}",
    "": "moderations responses/input_tokens responses/*/cancel",
}
_CHAT = {"chat": "chat/completions completions"}


def _own(variable: str) -> str:
    return f"{variable} is read by no SDK of this vendor: pass it on as the base URL in your code"


_GEMINI = {
    "gemini": "models/*:{generateContent,streamGenerateContent}",
    "embeddings": "models/*:{embedContent,batchEmbedContents}",
    "other": "models/*:predict",
    "": "models/*:countTokens",
}
_GEMINI_AS_OPENAI = {"chat": "chat/completions", "embeddings": "embeddings"}

ROUTES: "dict[str, Route]" = {
    "openai": Route(
        "https://api.openai.com",
        (("OPENAI_BASE_URL", "/openai/v1"), ("OPENAI_API_BASE", "/openai/v1")),
        _calls("/v1", _OPENAI)
        + _models("/v1")
        + _calls("/v1", {"": "responses/* responses/*/input_items"}, "GET")
        + _calls("/v1", {"": "responses/*"}, "DELETE"),
    ),
    "anthropic": Route(
        "https://api.anthropic.com",
        (("ANTHROPIC_BASE_URL", "/anthropic"), ("ANTHROPIC_API_BASE", "/anthropic")),
        _calls("/v1", {"messages": "messages", "": "messages/count_tokens"}) + _models("/v1"),
        headers=("x-api-key", BEARER),
        errors="anthropic",
    ),
    "gemini": Route(
        "https://generativelanguage.googleapis.com",
        (("GOOGLE_GEMINI_BASE_URL", "/gemini"), ("GEMINI_API_BASE", "/gemini")),
        _calls("/v1beta", _GEMINI)
        + _calls("/v1", _GEMINI)
        + _calls("/v1alpha", _GEMINI)
        + _models("/v1beta", "*")
        + _models("/v1", "*")
        + _calls("/v1beta/openai", _GEMINI_AS_OPENAI, header=BEARER),
        roots=("/v1beta",),
        headers=("x-goog-api-key", BEARER),
        errors="google",
    ),
    "groq": Route(
        "https://api.groq.com",
        (("GROQ_BASE_URL", "/groq"), ("GROQ_API_BASE", "/groq/openai/v1")),
        _calls("/openai/v1", {**_CHAT, "responses": "responses", "embeddings": "embeddings"})
        + _calls("/openai/v1", {"other": "audio/{speech,transcriptions,translations}"})
        + _models("/openai/v1"),
        roots=("/openai/v1", "/openai"),
    ),
    "cerebras": Route(
        "https://api.cerebras.ai",
        (("CEREBRAS_BASE_URL", "/cerebras"), ("CEREBRAS_API_BASE", "/cerebras/v1")),
        _calls("/v1", _CHAT) + _models("/v1"),
    ),
    "together": Route(
        "https://api.together.ai",
        (("TOGETHER_BASE_URL", "/together"), ("TOGETHER_AI_API_BASE", "/together/v1")),
        _calls("/v1", {**_CHAT, "embeddings": "embeddings", "other": "images/generations rerank audio/speech"})
        + _models("/v1"),
    ),
    "fireworks": Route(
        "https://api.fireworks.ai",
        (("FIREWORKS_BASE_URL", "/fireworks/inference"), ("FIREWORKS_AI_API_BASE", "/fireworks/inference/v1")),
        _calls("/inference/v1", {**_CHAT, "embeddings": "embeddings", "responses": "responses", "other": "rerank"})
        + _calls("/inference/v1", {"messages": "messages"})
        + _models("/inference/v1"),
        roots=("/inference/v1", "/inference"),
    ),
    "perplexity": Route(
        "https://api.perplexity.ai",
        (("PERPLEXITY_BASE_URL", "/perplexity"), ("PERPLEXITYAI_API_BASE", "/perplexity")),
        _calls("", {"chat": "chat/completions", "other": "search"})
        + _calls("/v1", {"responses": "responses", "embeddings": "embeddings contextualizedembeddings"})
        + _calls("/v1", {"": "models responses/*"}, "GET")
        + _calls("/v1", {"": "responses/*/cancel"}),
    ),
    "cohere": Route(
        "https://api.cohere.com",
        (("CO_API_URL", "/cohere"), ("COHERE_API_BASE", "/cohere/v2/chat")),  # the second is the one that LiteLLM reads
        _calls("/v1", {"cohere": "chat embed rerank classify", "": "tokenize detokenize"})
        + _calls("/v2", {"cohere": "chat embed rerank"})
        + _calls("/compatibility/v1", {"chat": "chat/completions", "embeddings": "embeddings"})
        + _models("/v1"),
        roots=(),
        errors="message",
    ),
    "replicate": Route(
        "https://api.replicate.com",
        (("REPLICATE_BASE_URL", "/replicate"),),
        _calls("/v1", {"other": "predictions models/*/*/predictions deployments/*/*/predictions"})
        + _calls("/v1", {"": "predictions/*/cancel"})
        + _calls("/v1", {"": "predictions predictions/* models models/*/* models/*/*/versions"}, "GET"),
        errors="detail",
        note="streams of this vendor follow an absolute address and do not pass the broker",
    ),
    "azure-openai": Route(
        "",
        (("AZURE_OPENAI_ENDPOINT", "/azure-openai"), ("AZURE_API_BASE", "/azure-openai")),
        _calls("/openai/deployments/*", _OPENAI | {"responses": "responses", "": "moderations"})
        + _calls("/openai", {"responses": "responses"})
        + _calls("/openai", {"": "responses/*"}, "GET")
        + _calls("/openai/v1", _OPENAI)
        + _models("/openai/v1")
        + _calls("/openai/v1", {"": "responses/*"}, "GET"),
        roots=(),
        headers=("api-key", BEARER),
    ),
    "mistral": Route(
        "https://api.mistral.ai",
        # LiteLLM reads the second for embeddings and the third for the rest.
        (
            ("MISTRAL_BASE_URL", "/mistral"),
            ("MISTRAL_API_BASE", "/mistral/v1"),
            ("MISTRAL_AZURE_API_BASE", "/mistral/v1"),
        ),
        _calls("/v1", {"chat": "chat/completions fim/completions agents/completions", "embeddings": "embeddings"})
        + _calls("/v1", {"responses": "responses", "": "responses/input_tokens"})
        + _calls("/v1", {"other": "audio/speech ocr moderations chat/moderations classifications audio/transcriptions"})
        + _models("/v1"),
        note=_own("MISTRAL_BASE_URL"),
    ),
    "openrouter": Route(
        "https://openrouter.ai",
        (("OPENROUTER_BASE_URL", "/openrouter/api/v1"), ("OPENROUTER_API_BASE", "/openrouter/api/v1")),
        _calls("/api/v1", {**_CHAT, "responses": "responses", "messages": "messages", "embeddings": "embeddings"})
        + _calls("/api/v1", {"": "models models/*/*/endpoints providers generation"}, "GET"),
        roots=("/api/v1", "/api"),
        note=_own("OPENROUTER_BASE_URL"),
    ),
    "xai": Route(
        "https://api.x.ai",
        (("XAI_BASE_URL", "/xai/v1"), ("XAI_API_BASE", "/xai/v1")),
        _calls("/v1", {**_CHAT, "responses": "responses", "messages": "messages", "embeddings": "embeddings"})
        + _calls("/v1", {"other": "images/generations"})
        + _calls("/v1", {"": "responses/* language-models language-models/*"}, "GET")
        + _models("/v1"),
        note=_own("XAI_BASE_URL"),
    ),
    "deepseek": Route(
        "https://api.deepseek.com",
        (("DEEPSEEK_BASE_URL", "/deepseek"), ("DEEPSEEK_API_BASE", "/deepseek")),
        _calls("", {"chat": "chat/completions"})
        + _calls("/v1", {"chat": "chat/completions"})
        + _calls("/beta", {"chat": "chat/completions completions"})
        + _calls("/anthropic/v1", {"messages": "messages"})
        + _models("")
        + _models("/v1"),
        roots=(),
        note=_own("DEEPSEEK_BASE_URL"),
    ),
    "voyage": Route(
        "https://api.voyageai.com",
        (("VOYAGE_BASE_URL", "/voyage/v1"), ("VOYAGE_API_BASE", "/voyage/v1")),
        _calls("/v1", {"embeddings": "embeddings multimodalembeddings contextualizedembeddings", "other": "rerank"}),
        errors="detail",
        note=_own("VOYAGE_BASE_URL"),
    ),
    "tavily": Route(
        "https://api.tavily.com",
        (("TAVILY_BASE_URL", "/tavily"),),
        _calls("", {"other": "search extract crawl map"}),
        roots=(),
        errors="detail",
        note=_own("TAVILY_BASE_URL"),
    ),
    "elevenlabs": Route(
        "https://api.elevenlabs.io",
        (("ELEVENLABS_BASE_URL", "/elevenlabs"),),
        _calls("/v1", {"other": "text-to-speech/* text-to-speech/*/{stream,with-timestamps} speech-to-text"})
        + _calls("/v1", {"other": "text-to-speech/*/stream/with-timestamps sound-generation"})
        + _calls("/v1", {"": "voices voices/* models"}, "GET")
        + _calls("/v2", {"": "voices"}, "GET"),
        headers=("xi-api-key",),
        errors="detail",
        note=_own("ELEVENLABS_BASE_URL"),
    ),
}
ALIASES = {"google": "gemini"}  # two providers' keys, one API

# Vendors whose keys are not a plain header: refused with this explanation.
LATER = {
    "bedrock": "Bedrock signs each request (SigV4)",
    "vertex": "Vertex AI takes OAuth tokens that are renewed",
}


def find(vendor: str) -> "Route | None":
    """The row of a provider; None if the broker does not serve it."""
    return ROUTES.get(ALIASES.get(vendor, vendor))


def bases(vendor: str, port: int) -> "dict[str, str]":
    """The base-URL variables of a provider, and their values for a broker on `port` of 127.0.0.1."""
    route = find(vendor)
    return {variable: f"http://127.0.0.1:{port}{path}" for variable, path in route.bases} if route else {}
