"""`lkr report`: what the page says, what it does not, and how it looks in a real browser."""

import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import OTHER, VALUE, User


@pytest.fixture
def page(user: User) -> Path:
    """The report of a person with two keys, one of them old, some uses and a refusal."""
    folder = user.project("shop <b>&")
    user.lkr("exec", "--", "true", cwd=folder)
    user.lkr("policy", "anthropic:main", "--agents", "deny")
    (user.home / ".bash_history").write_text(f"export OPENAI_API_KEY={VALUE}\n")
    entry = user.home / ".local/share/lkr/index/vault/anthropic/main"
    text = entry.read_text()
    entry.write_text(re.sub(r"created\t\S+", "created\t2024-01-01T00:00:00Z", text))
    os.utime(entry, (1704067200, 1704067200))
    user.env["CLAUDECODE"] = "1"
    user.at_home()
    user.lkr("get", "openai:prod", cwd=folder, code=2)
    del user.env["CLAUDECODE"]
    user.lkr("report", "-o", "report.html")
    return user.home / "report.html"


def test_the_page_names_keys_and_holds_no_value(user: User, page: Path) -> None:
    text = page.read_text()
    assert VALUE not in text and OTHER not in text
    for said in (
        "openai:prod",
        "anthropic:main",
        "older than 90 days",
        "intact",
        ".bash_history",
        "shop &lt;b&gt;&amp;",
        "claude",
    ):
        assert said in text, said
    assert page.stat().st_mode & 0o777 == 0o600


def test_the_page_loads_nothing(page: Path) -> None:
    found = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append(tag)
            assert not {name for name, _ in attrs} & {"src", "href", "onload"}, (tag, attrs)

    Reader().feed(page.read_text())
    assert not {"script", "link", "img", "iframe", "b"} & set(found) - {"b"}
    assert "url(" not in page.read_text() and "@import" not in page.read_text()


def test_the_page_goes_to_standard_output(user: User) -> None:
    assert user.lkr("report", "-o", "-").startswith("<!doctype html>")
    assert not (user.home / "-").exists()


def test_an_anonymous_page_has_no_names(user: User, page: Path) -> None:
    user.lkr("report", "-o", "other.html", "--anonymous")
    text = (user.home / "other.html").read_text()
    for hidden in ("openai:prod", "anthropic:main", "shop", "claude", str(user.home), "bash_history"):
        assert hidden not in text, hidden
    assert "openai 2" in text or "openai 1" in text


def test_an_anonymous_page_and_check_name_no_client(user: User, page: Path) -> None:
    """Everything that a person named may be the name of a client: providers, sources, folders, the store's files."""
    folder = user.project("initech-site", 'BOT_KEY = "initech:bot"')
    user.lkr("set", "initech:bot", "--stdin", stdin=b"kY7-" + VALUE[8:].encode())
    (user.home / "initech-2").mkdir()
    user.lkr("policy", "initech:bot", "--only", str(folder), "--only", str(user.home / "initech-2"))
    user.lkr("exec", "--", "true", cwd=folder)
    (user.home / ".zsh_history").write_text(f"export X=kY7-{VALUE[8:]}\n")
    for state in ("open", "locked"):
        user.lkr("report", "-o", f"{state}.html", "--anonymous")
        text = (user.home / f"{state}.html").read_text()
        for hidden in ("initech", user.home.name + "/", str(user.home), ".local", "_history", "BOT_KEY"):
            assert hidden not in text, (state, hidden)
        assert re.search(r">key \d<", text) and "only some folders<" in text
        assert ("stored keys were not searched for<" in text) == (state == "locked")
        said = user.lkr("report", "--check", "--anonymous", "--max-age", "1d", "--unused", "60d", code=1)
        assert re.search(r"^anthropic 1: older than 1 day", said, re.M) and "main" not in said
        said = user.lkr("report", "--check", "--anonymous", "--json", "--unused", "60d", code=1)
        assert '"anthropic 1"' in said and "main" not in said
        user.lkr("lock")


def test_the_page_shows_no_key_that_is_part_of_a_file_name(user: User, page: Path) -> None:
    (user.home / ".claude").mkdir()
    (user.home / ".claude" / f"{VALUE}.json").write_text("x\n")
    user.lkr("report", "-o", "report.html")
    text = page.read_text()
    assert VALUE not in text and "~/.claude/" in text and "~/.bash_history:1<" in text


def test_a_report_replaces_an_older_report_and_no_other_file(user: User, page: Path) -> None:
    user.lkr("report", "-o", "report.html")
    other, link = user.home / "notes.txt", user.home / "link.html"
    other.write_text("my notes\n")
    link.symlink_to(page)
    for path in (other, link):
        assert "already exists, and is not a report" in user.lkr("report", "-o", path.name, code=1)
    assert (other.read_text(), link.is_symlink()) == ("my notes\n", True)


def test_the_check_is_an_exit_code(user: User, page: Path) -> None:
    said = user.lkr("report", "--check", "--max-age", "90d", "--unused", "60d", code=1)
    assert "anthropic:main: older than 90 days" in said and "anthropic:main: never used" in said
    assert "openai:prod" not in said
    rows = json.loads(user.lkr("report", "--check", "--json", code=1).partition("\nlkr: ")[0])
    assert {"name": "anthropic:main", "problem": "older than 90 days"} in rows
    user.lkr("report", "--check", "--max-age", "20000d", "--unused", "20000d")
    assert "an age is a number of days" in user.lkr("report", "--check", "--max-age", "soon", code=64)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_page_is_drawn_by_a_browser(page: Path, tmp_path: Path, dark: bool) -> None:
    browser = shutil.which("chromium")
    assert browser, "make tools installs it"
    picture = tmp_path / "page.png"
    words = [
        browser, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1200,1400",
        f"--user-data-dir={tmp_path}/profile", f"--screenshot={picture}", *["--force-dark-mode"] * dark,
        *["--blink-settings=preferredColorScheme=0"] * dark, page.as_uri(),
    ]  # fmt: skip
    subprocess.run(words, check=True, capture_output=True, timeout=200)
    assert picture.stat().st_size > 20000, "more than an empty page"


def test_keys_of_a_team_and_sealed_keys_are_rows_with_their_projects_and_agents(user: User) -> None:
    for name in ("one", "two"):
        folder = user.home / name
        folder.mkdir()
        user.git("init", "-q", cwd=folder)
        (folder / ".lkr.toml").write_text('version = 1\n[keys]\nOPENAI_API_KEY = "sealed/openai:prod"\n')
        user.lkr("team", "init", "alice", "--yes", cwd=folder)
        user.lkr("seal", "openai:prod", "--yes", cwd=folder)
        user.lkr("allow", "--yes", cwd=folder)
    user.at_home()
    user.env["CLAUDECODE"] = "1"
    user.lkr("exec", "--", "true", cwd=folder)
    del user.env["CLAUDECODE"]
    text = user.lkr("report", "-o", "-")
    rows = [[re.sub("<[^>]+>", "", cell) for cell in re.findall(r"<td.*?</td>", row)] for row in text.split("<tr>")]
    sealed = {row[3]: row for row in rows if row and row[0] == "sealed/openai:prod"}
    assert sealed["~/two"] == ["sealed/openai:prod", "-", "today", "~/two", "claude", "agents: exec", "-"]
    assert sealed["~/one"][2:5] == ["never", "~/one", "-"]
    text = user.lkr("report", "-o", "-", "--anonymous")
    assert "sealed" not in text and "claude" not in text and "~/two" not in text


def test_the_page_says_what_could_not_be_searched(user: User, page: Path) -> None:
    (user.home / ".claude/node_modules").mkdir(parents=True)
    with (user.home / ".python_history").open("wb") as file:
        file.truncate(10 << 30)
    user.lkr("report", "-o", "report.html")
    assert "1 place searched only in the first 64 MiB: ~/.python_history<" in page.read_text()
    assert "1 place not searched, because others wrote what is in it: ~/.claude/node_modules<" in page.read_text()
    user.lkr("report", "-o", "report.html", "--anonymous")
    assert "1 place searched only in the first 64 MiB<" in page.read_text()
