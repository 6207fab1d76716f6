"""`lkr scan` in git's objects, at a commit, at a push, and in a person's home. Real git."""

import json
import os
import random
import string
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import OTHER, VALUE, User

ALPHABET = string.ascii_letters + string.digits


def key(prefix: str, length: int = 40) -> str:
    return prefix + "".join(random.choices(ALPHABET, k=length))


def commit(user: User, folder: Path, message: str = "x") -> None:
    user.git("add", "-A", cwd=folder)
    user.git("commit", "-qm", message, cwd=folder)


@pytest.fixture
def folder(user: User) -> Path:
    """A repository with one commit."""
    folder = user.repository()
    (folder / "a.py").write_text("import os\n")
    commit(user, folder)
    return folder


def found(user: User, folder: Path, *words: str, stdin: bytes = b"") -> list[dict[str, object]]:
    done = user.run("scan", "--json", *words, stdin=stdin, cwd=folder)
    said = done.stdout
    assert VALUE not in said and OTHER not in said and "Traceback" not in done.stderr, done.stderr
    rows: list[dict[str, object]] = json.loads(said)["findings"]
    assert done.returncode == bool(rows)
    return rows


def test_a_key_that_was_deleted_again_is_in_the_history(user: User, folder: Path) -> None:
    (folder / "old.py").write_text(f"\n\nx = '{VALUE}'\n")
    commit(user, folder)
    (folder / "old.py").unlink()
    commit(user, folder)
    assert found(user, folder) == []
    (row,) = found(user, folder, "--history")
    assert (row["key"], row["path"], row["line"], row["state"]) == ("openai:prod", "old.py", 3, "history")
    assert str(row["commit"]) == user.git("rev-parse", "HEAD~1", cwd=folder)[:10]
    assert "revoke" in str(row["advice"])


def test_messages_notes_stashes_and_the_reflog_are_searched(user: User, folder: Path) -> None:
    user.git("commit", "-q", "--allow-empty", "-m", f"with {key('gsk_')}", cwd=folder)
    user.git("notes", "add", "-m", key("hf_"), cwd=folder)
    (folder / "a.py").write_text(key("xai-"))
    user.git("stash", "-q", cwd=folder)
    (folder / "b").write_text(VALUE)
    commit(user, folder)
    user.git("reset", "-q", "--hard", "HEAD~1", cwd=folder)
    rows = found(user, folder, "--history")
    assert {row["provider"] for row in rows} == {"groq", "huggingface", "xai", "openai"}


def test_a_key_on_a_remote_is_reported_to_be_there(user: User, folder: Path) -> None:
    user.git("init", "-q", "--bare", "../remote.git", cwd=folder)
    user.git("remote", "add", "origin", "../remote.git", cwd=folder)
    (folder / "x").write_text(VALUE)
    commit(user, folder)
    user.git("push", "-q", "origin", "main", cwd=folder)
    (folder / "y").write_text(OTHER)
    commit(user, folder)
    rows = found(user, folder, "--history")
    assert {row["key"]: row["state"] for row in rows} == {"openai:prod": "pushed", "anthropic:main": "history"}


def test_since_searches_what_came_after(user: User, folder: Path) -> None:
    (folder / "x").write_text(VALUE)
    commit(user, folder)
    (folder / "y").write_text(OTHER)
    commit(user, folder)
    assert [row["key"] for row in found(user, folder, "--since", "HEAD~1")] == ["anthropic:main"]
    assert len(found(user, folder, "--since", "HEAD~2..HEAD")) == 2
    assert "knows no revision" in user.lkr("scan", "--since", "no-such", cwd=folder, code=64)
    assert "knows no revision" in user.lkr("scan", "--since=--output=x", cwd=folder, code=64)


def test_a_large_object_is_searched_in_parts(user: User, folder: Path) -> None:
    (folder / "large").write_bytes(b"line\n" * (1 << 20) + VALUE.encode() + b"\n" + b"line\n" * 1000)
    commit(user, folder)
    (row,) = found(user, folder, "--history")
    assert (row["path"], row["line"]) == ("large", (1 << 20) + 1)


def test_what_is_staged_is_searched_and_what_the_file_had_before_is_not(user: User, folder: Path) -> None:
    (folder / "known.py").write_text(f"x = '{OTHER}'\n")
    commit(user, folder)
    (folder / "known.py").write_text(f"x = '{OTHER}'\ny = 1\n")
    (folder / "new.py").write_text(f"x = '{VALUE}'\n")
    user.git("add", "-A", cwd=folder)
    (folder / "new.py").write_text("nothing any more\n")
    (row,) = found(user, folder, "--staged")
    assert (row["key"], row["path"], row["state"]) == ("openai:prod", "new.py", "staged")


def test_the_hooks_stop_a_commit_and_a_push(user: User, folder: Path) -> None:
    user.git("init", "-q", "--bare", "../remote.git", cwd=folder)
    user.git("remote", "add", "origin", "../remote.git", cwd=folder)
    said = user.lkr("scan", "--install-hook", cwd=folder)
    assert "pre-commit" in said and "pre-push" in said
    user.lkr("scan", "--install-hook", cwd=folder)  # once more changes nothing
    (folder / "a.py").write_text(f"x = '{VALUE}'\n")
    said = user.git("commit", "-qam", "x", cwd=folder, code=1)  # by the index that git makes for `-a`
    assert "openai:prod" in said and VALUE not in said
    user.git("commit", "-qam", "x", "--no-verify", cwd=folder)
    assert "openai:prod" in user.git("push", "-q", "origin", "main", cwd=folder, code=1)
    (folder / "a.py").write_text("x = 1\n")
    user.git("commit", "-qa", "--amend", "-m", "x", cwd=folder)
    user.git("push", "-q", "origin", "main", cwd=folder)


def test_the_pre_commit_framework_can_say_what_a_push_sends(user: User, folder: Path) -> None:
    """It keeps git's words to itself, and sets variables. When a whole branch is new, they name no revision."""
    assert found(user, folder, "--push") == []
    (folder / "a.py").write_text(f"x = '{VALUE}'\n")
    commit(user, folder)
    user.env["PRE_COMMIT_LOCAL_BRANCH"] = "refs/heads/main"
    assert [row["key"] for row in found(user, folder, "--push")] == ["openai:prod"]
    first, second = user.git("log", "--reverse", "--format=%H", cwd=folder).split()
    user.env |= {"PRE_COMMIT_FROM_REF": first, "PRE_COMMIT_TO_REF": second}
    assert [row["key"] for row in found(user, folder, "--push")] == ["openai:prod"]
    user.env["PRE_COMMIT_FROM_REF"] = second
    assert found(user, folder, "--push") == []
    user.env["PRE_COMMIT_FROM_REF"] = "--all"
    user.lkr("scan", "--push", cwd=folder, code=64)


def test_a_hook_of_somebody_else_stays(user: User, folder: Path) -> None:
    hook = folder / ".git/hooks/pre-commit"
    hook.write_text("#!/bin/sh\nexit 0\n")
    said = user.lkr("scan", "--install-hook", cwd=folder, code=2)
    assert "there is a pre-commit hook already; add a line to it: lkr scan --staged" in said
    assert hook.read_text() == "#!/bin/sh\nexit 0\n" and not (folder / ".git/hooks/pre-push").exists()
    hook.unlink()
    user.git("config", "core.hooksPath", "../elsewhere", cwd=folder)
    assert "git's settings keep its hooks in" in user.lkr("scan", "--install-hook", cwd=folder, code=2)


def test_no_program_of_a_repository_runs(user: User, folder: Path) -> None:
    trap = user.home / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {user.home}/pwned\ncat\n")
    trap.chmod(0o755)
    (folder / ".gitattributes").write_text("* filter=x diff=x\n")
    (folder / "b").write_text(VALUE)
    commit(user, folder)
    for name in ("diff.x.textconv", "diff.x.command", "diff.external", "filter.x.smudge", "filter.x.clean"):
        user.git("config", name, str(trap), cwd=folder)
    user.git("config", "core.fsmonitor", str(trap), cwd=folder)
    user.git("config", "log.showSignature", "true", cwd=folder)
    user.git("config", "gpg.program", str(trap), cwd=folder)
    (folder / "c").write_text(OTHER)
    (user.home / "pwned").unlink(missing_ok=True)
    for words in ([], ["--history"], ["--staged"], ["--since", "HEAD~1"]):
        user.run("scan", *words, cwd=folder)
    assert not (user.home / "pwned").exists()


def test_a_home_is_searched_where_keys_come_to_lie(user: User) -> None:
    spots = [
        ".bash_history",
        ".claude/projects/p/1.jsonl",
        ".codex/config.toml",
        ".npmrc",
        ".config/Code/User/settings.json",
        ".config/Code - Insiders/User/settings.json",
        ".pi/agent/auth.json",
        ".xonshrc",
        "docker-compose.yml",
        "notebook.ipynb",
    ]
    for spot in spots:
        path = user.home / spot
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"something {VALUE}\n")
    (user.home / "photos").mkdir()
    (user.home / "photos/1").write_text(VALUE)
    rows = found(user, user.home, "--home")
    assert {row["path"] for row in rows if row["state"] == "file"} == set(spots)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux shows environments in /proc")
def test_a_process_that_has_a_key_is_named(user: User) -> None:
    process = subprocess.Popen(["sleep", "60"], env={**user.env, "MY_VARIABLE": VALUE})
    try:
        rows = found(user, user.home, "--home")
    finally:
        process.kill()
        process.wait()
    assert f"process {process.pid} (sleep)" in {row["path"] for row in rows if row["key"] == "openai:prod"}


def test_sarif_names_the_place_and_no_value(user: User, folder: Path) -> None:
    (folder / "new file.py").write_text(f"\nx = '{VALUE}'\ny = '{key('gsk_')}'\n")
    said = user.lkr("scan", "--sarif", cwd=folder, code=1)
    log = json.loads(said[: said.rindex("}") + 1])
    assert VALUE not in said and log["version"] == "2.1.0"
    results = log["runs"][0]["results"]
    places = [each["locations"][0]["physicalLocation"] for each in results]
    assert [(each["ruleId"], each["level"]) for each in results] == [("stored-key", "error"), ("key-shape", "warning")]
    assert [place["region"]["startLine"] for place in places] == [2, 3]
    assert {place["artifactLocation"]["uri"] for place in places} == {"new%20file.py"}


def test_an_agents_commit_is_searched_and_its_home_is_not(user: User, folder: Path) -> None:
    (folder / "b").write_text(VALUE)
    user.git("add", "-A", cwd=folder)
    user.by_agent()
    assert "openai:prod" in user.lkr("scan", "--staged", cwd=folder, code=1)
    for option in ("--home", "--install-hook"):
        assert "may not do this" in user.lkr("scan", option, cwd=folder, code=2)
    assert not os.path.exists(folder / ".git/hooks/pre-commit")


# Three ways to read the history: patches for betterleaks, whole objects with RE2, patches with neither.
WAYS = {"betterleaks": "", "RE2": "betterleaks", "Python": "betterleaks re2"}
WITHOUT = """
import sys
sys.modules |= dict.fromkeys(sys.argv.pop(1).split())
from lkrshell.__main__ import main
main()
"""


def in_history(user: User, folder: Path, missing: str) -> list[dict[str, object]]:
    """The findings of `lkr scan --history` where these modules are not installed."""
    words = [sys.executable, "-c", WITHOUT, missing, "scan", "--history", "--json"]
    done = subprocess.run(words, env=user.env, cwd=folder, capture_output=True, text=True)
    assert VALUE not in done.stdout + done.stderr and OTHER not in done.stdout + done.stderr
    rows: list[dict[str, object]] = json.loads(done.stdout)["findings"]
    return rows


@pytest.mark.parametrize("missing", WAYS.values(), ids=WAYS)
def test_nothing_in_history_is_missed_and_each_line_counts_once(user: User, folder: Path, missing: str) -> None:
    """A line that two commits split, one that lay between, a file that came back, a binary one, odd names, long lines,
    and many versions."""
    secrets = {name: key("gsk_") for name in ("removed", "odd", "long")}
    (folder / "b").write_text(f"-- {secrets['removed']}\n++ x\n")
    (folder / 'tab\t"quote" ü').write_text(f"\n\n{secrets['odd']}\n")
    (folder / "c").write_text(f"{VALUE[:10]}\nsomething\n")
    (folder / "d").write_text(f"{VALUE[:10]}\nsomething\n{VALUE[10:]}\n")
    (folder / "binary").write_bytes(b"\0\1" + OTHER.encode())
    (folder / "long").write_text("x" * (5 << 20) + f" {secrets['long']}\n")
    commit(user, folder)
    (folder / "b").unlink()
    (folder / "c").write_text(f"{VALUE[:10]}\n{VALUE[10:]}\n")
    (folder / "d").write_text(f"{VALUE[:10]}\n{VALUE[10:]}\n")
    commit(user, folder)
    for number in range(3):
        (folder / 'tab\t"quote" ü').write_text(f"\n\n{secrets['odd']}\n{number}\n")
        commit(user, folder)
    rows = in_history(user, folder, missing)
    places = sorted((str(row["path"]), row["line"], row["key"] or "") for row in rows)
    assert places == [
        ("b", 1, ""), ("binary", 1, "anthropic:main"), ("c", 1, "openai:prod"), ("d", 1, "openai:prod"),
        ("long", 1, ""), ('tab\t"quote" ü', 3, ""),
    ]  # fmt: skip


@pytest.mark.parametrize("missing", WAYS.values(), ids=WAYS)
def test_what_only_a_merge_made_is_found(user: User, folder: Path, missing: str) -> None:
    """The result of a conflict, a file that no side had, an octopus, another root, a subtree, and a merge that a later
    commit changed and a third one restored."""
    secrets = [key("gsk_") for _ in range(6)]

    def git(*words: str, code: int = 0) -> None:
        user.git(*words, cwd=folder, code=code)

    def side(name: str, path: str, text: str, base: str = "main") -> None:
        git("checkout", "-qb", name, base)
        (folder / path).write_text(text)
        commit(user, folder)
        git("checkout", "-q", "main")

    (folder / "a.py").write_text("1\n2\n3\n")
    commit(user, folder)
    side("one", "a.py", "1\none\n3\n")
    (folder / "a.py").write_text("1\nmain\n3\n")
    commit(user, folder)
    git("merge", "-q", "one", code=1)
    (folder / "a.py").write_text(f"1\n{secrets[0]}\n3\n")
    git("commit", "-qam", "the conflict")
    for number, name in enumerate(("two", "three", "four")):
        side(name, f"{name}.txt", f"{number}\n")
    git("merge", "-q", "--no-ff", "--no-commit", "two")
    (folder / "evil.py").write_text(f"{secrets[1]}\n")
    commit(user, folder, "an evil merge")
    (folder / "evil.py").write_text("nothing\n")
    commit(user, folder)
    git("revert", "--no-edit", "HEAD")
    git("merge", "-q", "--no-ff", "three", "four")
    (folder / "octopus.py").write_text(f"{secrets[2]}\n")
    git("add", "-A")
    git("commit", "-q", "--amend", "--no-edit")
    git("checkout", "-q", "--orphan", "root")
    git("rm", "-rqf", ".")
    (folder / "root.py").write_text(f"{secrets[3]}\n")
    commit(user, folder, "another root")
    git("checkout", "-q", "main")
    git("merge", "-q", "-s", "ours", "--no-commit", "--allow-unrelated-histories", "root")
    git("read-tree", "--prefix=below/", "-u", "root")
    (folder / "below/added.py").write_text(f"{secrets[4]}\n")
    commit(user, folder, "a subtree")
    (folder / "replaced.py").write_text(f"{secrets[5]}\n")
    commit(user, folder)
    git("replace", "HEAD:replaced.py", "HEAD:two.txt")
    rows = in_history(user, folder, missing)
    assert len({row["fingerprint"] for row in rows}) == len(secrets)
    paths = {"a.py", "evil.py", "octopus.py", "root.py", "below/added.py", "replaced.py"}
    assert {row["path"] for row in rows} - {"below/root.py"} == paths
    assert {row["provider"] for row in rows} == {"groq"}


def test_a_key_in_a_name_is_found_and_not_shown(user: User, folder: Path) -> None:
    (folder / f"{VALUE}.txt").write_text(f"{VALUE}\n")
    shape = key("gsk_")
    (folder / f"{shape}.txt").write_text(f"{OTHER}\n")
    commit(user, folder)
    user.git("branch", f"fix-{VALUE}", cwd=folder)
    for words in ([], ["--history"], ["--since", "HEAD~1"]):
        done = user.run("scan", *words, cwd=folder)
        said = done.stdout + done.stderr
        assert done.returncode == 1 and VALUE not in said and shape not in said and "[lkr].txt:1  openai:prod" in said
    said = user.run("scan", "--history", cwd=folder).stdout
    assert "the name of a branch or tag" in said and "the name of a file" in said
    rows = found(user, folder)
    assert ("[lkr].txt", "file name") in {(row["path"], row["encoding"]) for row in rows}
