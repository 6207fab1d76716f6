"""What a request costs: as the package that has the prices reckons, rounded up, and the user's own prices over it."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from pathlib import Path

import genai_prices
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lkrshell.broker import price_table
from lkrshell.broker.prices import Prices
from lkrshell.broker.usage import Usage

MODELS = [
    ("openai", "gpt-4o"), ("openai", "gpt-4o-2024-08-06"), ("openai", "o3"), ("openai", "gpt-4o-audio-preview"),
    ("openai", "text-embedding-3-small"), ("anthropic", "claude-opus-4-5-20251101"), ("anthropic", "claude-sonnet-4-5"),
    ("gemini", "gemini-2.5-pro"), ("gemini", "gemini-2.0-flash"), ("deepseek", "deepseek-chat"),
    ("azure-openai", "gpt-4o"), ("groq", "llama-3.3-70b-versatile"), ("mistral", "mistral-large-latest"),
    ("openrouter", "anthropic/claude-sonnet-4.5"), ("xai", "grok-4"),
]  # fmt: skip


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prices]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        found = Prices()
        assert found.problem
        found.load()
        assert not found.problem
        yield found


COUNT = st.integers(0, 400_000)


@settings(max_examples=200, deadline=None)
@given(model=st.sampled_from(MODELS), text=COUNT, read=COUNT, written=COUNT, hour=COUNT, out=COUNT,
       when=st.sampled_from([1_780_000_000, 1_700_000_000, 1_767_000_000 + 40_000]),
       tier=st.sampled_from(["", "default", "priority", "flex"]))  # fmt: skip
def test_a_cost_is_what_the_package_reckons(
    prices: Prices, model: tuple[str, str], text: int, read: int, written: int, hour: int, out: int, when: int,
    tier: str,
) -> None:  # fmt: skip
    vendor, name = model
    used = Usage(text + read + written, out, read, written)
    used.cache_write_1h, used.tier = min(hour, written), tier
    theirs = genai_prices.Usage(
        input_tokens=used.input, output_tokens=out, cache_read_tokens=read, cache_write_tokens=written,
        **({"cache_write_1h_tokens": used.cache_write_1h} if used.cache_write_1h else {}),
    )  # fmt: skip
    expected = genai_prices.calc_price(
        theirs, name, provider_id=price_table.PROVIDERS[vendor],
        genai_request_timestamp=datetime.fromtimestamp(when, UTC),
        price_context={"service_tier": tier} if tier else None,
    ).total_price  # fmt: skip
    found = prices.find(vendor, name)
    assert found
    assert found.cost(used, when) == int((expected * 1_000_000).to_integral_value(ROUND_CEILING))


def test_the_worst_case_is_never_under_what_it_costs(prices: Prices) -> None:
    for vendor, name in MODELS:
        found = prices.find(vendor, name)
        assert found
        used = Usage(250_000, 1000)
        worst = found.worst(used, 1_780_000_000)
        for read, written in ((0, 0), (250_000, 0), (0, 250_000), (100_000, 100_000)):
            cost = found.cost(Usage(250_000, 1000, read, written), 1_780_000_000)
            assert worst is not None and cost is not None and cost <= worst, name


def test_own_prices_go_over_the_packages_and_serve_unknown_models(prices: Prices) -> None:
    own = Prices([("gpt-4o", "1", "2.5", "0.5", "1"), ("house/*", "0.000001", "0", "0", "0")])
    model = own.find("openai", "gpt-4o")
    assert model and model.cost(Usage(1_000_000, 100_000, 200_000), 0) == 800_000 + 100_000 + 250_000
    small = own.find("mistral", "house/one")
    assert small and small.cost(Usage(1, 5), 0) == 1, "rounded up"
    assert own.find("openai", "gpt-4o-mini") is None
    assert prices.find("openai", "no-such-model") is None
    assert prices.find("tavily", "gpt-4o") is None
    assert prices.find("openai", "") is None


def test_an_answer_is_bounded_by_the_models_limit(prices: Prices) -> None:
    for (vendor, name), most in {
        ("openai", "gpt-4o"): 16_384, ("openai", "o3"): 100_000, ("gemini", "gemini-2.5-pro"): 65_536,
        ("groq", "llama-3.3-70b-versatile"): 128_000,
    }.items():  # fmt: skip
        found = prices.find(vendor, name)
        assert found and found.longest == most, name


def test_the_prices_are_kept_in_a_private_file_and_read_anew_for_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    Prices().load()
    path = tmp_path / "lkr/prices.json"
    assert path.stat().st_mode & 0o777 == 0o600
    before = path.stat().st_ino
    again = Prices()
    again.load()
    assert path.stat().st_ino == before and again.find("openai", "gpt-4o")
    for text in (path.read_text().replace('"version":"', '"version":"0.'), "", "[1", '{"form": 1}', "null"):
        path.write_text(text)
        again = Prices()
        again.load()
        assert not again.problem and again.find("openai", "gpt-4o")
        assert path.read_text() != text


def test_a_process_without_the_package_in_it_reads_the_prices() -> None:
    import subprocess
    import sys

    code = (
        "import sys, lkrshell.broker.prices as p; f = p.Prices(); f.load(); print(f.problem, 'pydantic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env={**os.environ})
    assert done.stdout.split() == ["False"]


def test_money_is_never_a_float(prices: Prices) -> None:
    model = prices.find("openai", "gpt-4o")
    assert model
    assert type(model.cost(Usage(3, 3), 0)) is int
    assert Decimal("0.1") * 3 == Decimal("0.3")
