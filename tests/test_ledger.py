"""`lkr usage`: what went through the broker, for a person, for a program, and for an agent of one project."""

import csv
import io
import json
import subprocess
import time
from pathlib import Path

import pexpect
import pytest
from conftest import User

from lkrshell.broker.ledger import Ledger

DAY = 86400


@pytest.fixture
def spender(user: User) -> User:
    """A user whose projects p and q used the broker today and, once, 40 days ago."""
    ledger = Ledger(str(user.home / ".local/share/lkr/ledger.db"))
    p, q = str(user.home / "p"), str(user.home / "q")
    for folder in (p, q):
        Path(folder).mkdir()
    for ago, project, key, agent, model, cost, input, output, complete in (
        (0, p, "openai:prod", "", "gpt-4o", 1_500_000, 1000, 200, 1),
        (0, p, "openai:prod", "claude", "gpt-4o", 2_500_000, 5_000_000, 300, 0),
        (0, q, "anthropic:main", "claude", "claude-sonnet-4-5", 700, 50, 5, 1),
        (0, q, "mistral:x", "", "=odd\x1b[31m", None, 10, 10, 1),
        (40, q, "openai:prod", "", "gpt-4o", 9_000_000, 1, 1, 1),
    ):
        vendor = key.partition(":")[0]
        fields = {"project": project, "key": key, "vendor": vendor, "agent": agent, "model": model}
        row = ledger.begin(time.time() - ago * DAY, fields)
        after = {"duration": 1200, "status": 200, "complete": complete, "cost": cost}
        ledger.end(row, {**after, "input": input, "output": output, "cache_read": 0, "cache_write": 0})
    ledger.begin(time.time(), {"project": p, "key": "openai:prod", "vendor": "openai", "reserved": 100_000_000})
    ledger.close()
    return user


def test_what_was_spent_by_project_key_agent_model_and_day(spender: User) -> None:
    said = spender.lkr("usage", "--since", "1d")
    assert "$4.00, 4 requests, 5.0M tokens in (0 from caches), 515 out" in said
    assert "1 broke off" in said and "1 have no known price" in said
    rows = [line.split() for line in said.splitlines()]
    assert ["~/p", "$4.00", "2", "5.0M", "500"] in rows
    assert ["anthropic:main", "$0.0007", "1", "50", "5"] in rows
    assert ["claude", "$2.50", "2", "5.0M", "305"] in rows
    assert [time.strftime("%Y-%m-%d"), "$4.00", "4", "5.0M", "515"] in rows
    assert "\x1b" not in said
    assert said.index("openai:prod") < said.index("anthropic:main"), "the dearest first"
    only = spender.lkr("usage", "--since", "1d", "--by", "agent")
    assert "~/p" not in only and "claude" in only
    assert "$13.00" in spender.lkr("usage", "--days", "60")
    assert "$13.00" in spender.lkr("usage", "--since", "2020-01-01")
    assert "$0.0007" in spender.lkr("usage", "anthropic", "--since", "2h").splitlines()[0]


def test_a_small_amount_is_not_rounded_up_tenfold(user: User) -> None:
    ledger = Ledger(str(user.home / ".local/share/lkr/ledger.db"))
    row = ledger.begin(time.time(), {"key": "openai:prod", "vendor": "openai"})
    ledger.end(row, {"duration": 5, "status": 200, "complete": 1, "cost": 6, "input": 1, "output": 1})
    ledger.close()
    assert ": <$0.0001, 1 request," in user.lkr("usage")


def test_bars_on_a_terminal(spender: User) -> None:
    child = spender.on_terminal("usage", "--since", "1d", "--by", "project")
    child.expect(pexpect.EOF)
    lines = [line.strip() for line in str(child.before).splitlines()]
    assert any(line.startswith("PROJECT") and "COST" in line for line in lines)
    (p,), (q,) = ([line for line in lines if line.startswith(name)] for name in ("~/p", "~/q"))
    assert p.count("█") == 20 and q.count("█") == 1


def test_for_programs(spender: User) -> None:
    rows = json.loads(spender.lkr("usage", "--since", "1d", "--json"))
    assert len(rows) == 4
    assert rows[0] == {
        "day": time.strftime("%Y-%m-%d"), "project": str(spender.home / "p"), "key": "openai:prod", "agent": "",
        "model": "gpt-4o", "requests": 1, "broken": 0, "unpriced": 0, "input": 1000, "output": 200, "cache_read": 0,
        "cache_write": 0, "cost": "1.5",
    }  # fmt: skip
    (total,) = json.loads(spender.lkr("usage", "--since", "1d", "--json", "--by", "day"))
    assert (total["requests"], total["cost"], total["unpriced"]) == (4, "4.0007", 1)
    table = list(csv.DictReader(io.StringIO(spender.lkr("usage", "--since", "1d", "--csv"))))
    assert [row["cost"] for row in table] == ["1.5", "2.5", "0.0007", "0"]
    assert table[3]["model"] == "'=odd\\x1b[31m", "no formula for a spreadsheet"


def test_follow_shows_each_request_as_it_ends(spender: User) -> None:
    ledger = Ledger(str(spender.home / ".local/share/lkr/ledger.db"))
    child = spender.on_terminal("usage", "--follow", "--json")
    time.sleep(2)
    row = ledger.begin(time.time(), {"key": "openai:new", "vendor": "openai", "model": "m"})
    ledger.end(row, {"duration": 5, "status": 200, "complete": 1, "cost": 1, "input": 1, "output": 1})
    child.expect('"openai:new"')
    child.sendintr()
    child.expect(pexpect.EOF)
    assert "openai:prod" not in str(child.before)


def test_an_agent_sees_its_own_project_alone_and_asks_no_vendor(spender: User) -> None:
    spender.project("p")

    def usage(*words: str, folder: str = "p") -> "subprocess.CompletedProcess[str]":
        return spender.run("usage", *words, cwd=spender.home / folder, CLAUDECODE="1")

    done = usage("--since", "1d", "--json")
    assert {row["project"] for row in json.loads(done.stdout)} == {str(spender.home / "p")}
    assert "~/q" not in usage("--days", "60").stdout
    assert usage("--json", folder="q").returncode == 78, "in no project there is nothing to see"
    for words in (["--vendor"], ["--vendor", "openai"], ["--follow"]):
        assert usage(*words).returncode == 2


def test_without_a_ledger_and_with_wrong_words(user: User) -> None:
    assert "no requests through the broker since" in user.lkr("usage")
    assert json.loads(user.lkr("usage", "--json")) == []
    for words in (["--since", "x"], ["--since", "7d", "--days", "3"], ["--vendor", "--csv"],
                  ["--follow", "--csv"], ["--csv", "--json"],
                  ["--since", "2026-13-01"], ["--since", "0d"]):  # fmt: skip
        user.lkr("usage", *words, code=64)
