"""What changes keys loses none, replaces none unasked, and lets none do more than a person said on a terminal."""

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pexpect
import pytest
from conftest import BIN, OTHER, VALUE, User

A, B = "OPENAI_API_KEY", "ANTHROPIC_API_KEY"
NEW = "sk-rotated-12345678"
VAULT = ".local/share/lkr/vault/keys"


def value(user: User, name: str, code: int = 0) -> str:
    done = user.run("exec", "-k", f"V_KEY={name}", "--", "sh", "-c", 'printf %s "$V_KEY"')
    assert done.returncode == code, done
    return done.stdout


def policy(user: User, name: str) -> dict[str, object]:
    row: dict[str, object] = json.loads(user.lkr("policy", name, "--json"))
    return row


def row(user: User, name: str) -> dict[str, object]:
    return next(each for each in json.loads(user.lkr("list", "--all", "--json")) if each["name"] == name)


def before_0_2(user: User, name: str = "openai:prod", old: str = "sk-from-010-12345678") -> None:
    """An old value as 0.1.0 kept it: a key like others, with an entry of its own."""
    folder, label = name.split(":")
    user.lkr("set", f"{folder}:tmp", "--stdin", stdin=old.encode())
    for top in (user.home / VAULT / folder, user.home / ".local/share/lkr/index/vault" / folder):
        end = ".age" if "keys" in str(top) else ""
        (top / f"tmp{end}").rename(top / f"{label}--old{end}")


# -- set


def test_set_over_a_key_asks_and_names_rotate(user: User) -> None:
    said = user.lkr("set", "openai:prod", "--stdin", stdin=NEW.encode(), code=2)
    assert "already stored" in said and "lkr rotate openai:prod" in said and "--force" in said
    assert value(user, "openai:prod") == VALUE
    said = user.typed("set", "openai:prod", answer="n", code=130)
    assert "which lkr rotate would keep" in said
    assert value(user, "openai:prod") == VALUE
    user.lkr("set", "openai:prod", "--stdin", "--force", stdin=NEW.encode())
    assert value(user, "openai:prod") == NEW


def test_set_over_an_admin_key_leaves_it_one(user: User) -> None:
    user.lkr("set", "openai:admin", "--kind", "admin", "--stdin", stdin=b"sk-admin-1234567890")
    user.lkr("set", "openai:admin", "--stdin", "--force", stdin=b"sk-admin-0987654321")
    assert policy(user, "openai:admin")["kind"] == "admin"


# -- rotate


@pytest.mark.parametrize("name", ["openai:prod--old", "openai:prod~old"])
def test_an_old_value_can_be_named_nowhere(user: User, name: str) -> None:
    before_0_2(user, old=NEW)
    user.lkr("rotate", "anthropic:main", "--stdin", stdin=b"sk-ant-rotated-12345678")
    folder = user.project("p", f'{A} = "{name}"', allow=False)
    (folder / "t.example").write_text(f"{{{{lkr:{name}}}}}")
    for words in (
        ["exec", "-k", name, "--", "env"], ["exec", "-k", f"{A}={name}", "--", "env"], ["get", name, "--force-plain"],
        ["gen", "t.example", "--force"], ["allow", "--yes"], ["add", name], ["add", f"{A}={name}"], ["policy", name],
        ["rename", name, "openai:mine"], ["rm", name, "--yes"], ["set", name, "--stdin"],
    ):  # fmt: skip
        said = user.run(*words, cwd=folder, stdin=b"x")
        assert said.returncode in (64, 78), said
        assert NEW not in said.stdout + said.stderr
    assert "old" not in user.lkr("list", "--all")
    assert NEW not in user.lkr("exec", "--all", "--", "env")


def test_rotating_gives_an_agent_no_value_that_policy_denies_it(user: User) -> None:
    user.lkr("policy", "openai:prod", "--agents", "deny")
    user.lkr("rotate", "openai:prod", "--stdin", stdin=NEW.encode())
    user.project("p")
    user.by_agent()
    for name in ("openai:prod", "openai:prod--old", "openai:prod~old"):
        done = user.run("exec", "-k", name, "--", "env", cwd=user.home / "p")
        assert done.returncode in (2, 64)
        assert VALUE not in done.stdout and NEW not in done.stdout


def test_a_removed_key_takes_its_old_value_along(user: User) -> None:
    user.lkr("rotate", "openai:prod", "--stdin", stdin=NEW.encode())
    user.lkr("rm", "openai:prod", "--yes")
    assert not list((user.home / VAULT / "openai").glob("*.age"))
    user.lkr("set", "openai:prod", "--stdin", stdin=b"sk-third-12345678")
    assert "not being rotated" in user.lkr("rotate", "openai:prod", "--undo", code=1)


def test_a_renamed_key_takes_its_old_value_along(user: User) -> None:
    user.lkr("rotate", "openai:prod", "--stdin", stdin=NEW.encode())
    user.lkr("rename", "openai:prod", "openai:moved")
    user.lkr("rotate", "openai:moved", "--undo")
    assert value(user, "openai:moved") == VALUE
    user.lkr("set", "openai:prod", "--stdin", stdin=b"sk-third-12345678")
    assert "not being rotated" in user.lkr("rotate", "openai:prod", "--undo", code=1)


def test_undoing_a_rotation_makes_no_runtime_key_of_an_admin_one_and_keeps_the_date(user: User) -> None:
    created = row(user, "openai:prod")["created"]
    user.lkr("rotate", "openai:prod", "--stdin", stdin=NEW.encode())
    assert row(user, "openai:prod")["rotated"]
    user.lkr("policy", "openai:prod", "--kind", "admin")
    user.lkr("rotate", "openai:prod", "--undo")
    assert row(user, "openai:prod") | {"last_use": None} == {
        "name": "openai:prod", "kind": "admin", "variable": A, "created": created, "rotated": None, "last_use": None,
        "ttl": None, "projects": [],
    }  # fmt: skip
    value(user, "openai:prod", code=2)


def test_an_old_value_of_0_1_0_is_taken_over_or_goes_with_its_key(user: User) -> None:
    user.lkr("install", "bash", "zsh", "fish", "--yes")  # or doctor says that something is wrong
    before_0_2(user)
    before_0_2(user, "groq:gone", "gsk_orphan_12345678")
    said = user.lkr("doctor", code=1)
    assert "an old value of openai:prod, as lkr 0.1.0 stored it" in said
    assert "an old value of groq:gone, but no groq:gone" in said
    user.lkr("doctor", "--fix")
    assert "wrong:" not in user.lkr("doctor")
    stored = {str(path.relative_to(user.home / VAULT)) for path in (user.home / VAULT).rglob("*.age")}
    assert stored == {"openai/prod.age", "openai/prod~old.age", "anthropic/main.age"}
    user.lkr("rotate", "openai:prod", "--undo")
    assert value(user, "openai:prod") == "sk-from-010-12345678"


@pytest.mark.parametrize("words", ["rm openai:prod --yes", "rename openai:prod openai:moved"])
def test_an_old_value_of_0_1_0_does_not_stay_behind(user: User, words: str) -> None:
    before_0_2(user)
    user.lkr(*words.split())
    assert not list(user.home.glob(".local/share/lkr/*/**/prod*"))


def test_an_old_value_outlives_rekey_backup_and_doctor(user: User) -> None:
    user.lkr("install", "bash", "zsh", "fish", "--yes")
    user.lkr("unlock", "--stdin", stdin=b"a passphrase")
    user.lkr("rotate", "openai:prod", "--stdin", stdin=NEW.encode())
    user.lkr("vault", "rekey", "--stdin", stdin=b"a passphrase")
    assert "wrong:" not in user.lkr("doctor", "--fix")
    user.lkr("vault", "export", "all.age", "--stdin", stdin=b"for the file")
    user.lkr("rm", "openai:prod", "--yes")
    user.lkr("vault", "import", "all.age", "--stdin", stdin=b"for the file")
    assert value(user, "openai:prod") == NEW
    user.lkr("rotate", "openai:prod", "--undo")
    assert value(user, "openai:prod") == VALUE


def test_a_restored_key_has_the_date_that_it_had(user: User) -> None:
    entry = user.home / ".local/share/lkr/index/vault/openai/prod"
    for text in ("created\t2001-02-03T04:05:06Z", "rotated\t2002-02-03T04:05:06Z"):
        field = text.partition("\t")[0]
        lines = entry.read_text().splitlines()
        entry.write_text("".join(f"{text if line.startswith(field) else line}\n" for line in lines))
    user.lkr("vault", "export", "all.age", "--stdin", stdin=b"for the file")
    user.lkr("rm", "openai:prod", "--yes")
    user.lkr("vault", "import", "all.age", "--stdin", stdin=b"for the file")
    found = row(user, "openai:prod")
    assert (found["created"], found["rotated"]) == ("2001-02-03T04:05:06Z", "2002-02-03T04:05:06Z")


# -- policy


WIDER = [
    (["--agents", "deny"], ["--agents", "exec"]), ([], ["--agents", "allow"]), (["--confirm"], ["--no-confirm"]),
    (["--ttl", "1h"], ["--ttl", "2h"]), (["--ttl", "1h"], ["--ttl", "off"]),
    (["--kind", "admin"], ["--kind", "runtime"]),
    (["--only", "work"], ["--only", "work", "--only", "play"]), (["--only", "work"], ["--anywhere"]),
    (["--only", "work/in"], ["--only", "work"]),
    (["--via", "broker"], ["--via", "environment"]),
    (["--models", "gpt-*"], ["--models", "off"]), (["--models", "gpt-?"], ["--models", "gpt-*"]),
    (["--budget", "20/day"], ["--budget", "20.000001/day"]), (["--budget", "20/day"], ["--budget", "off"]),
    (["--budget", "20/month"], ["--budget", "20/day"]),
    (["--rate", "60/min"], ["--rate", "61/min"]), (["--rate", "60/min"], ["--rate", "off"]),
    (["--tokens", "2M/day"], ["--tokens", "2.001M/day"]), (["--tokens", "2M/day"], ["--tokens", "off"]),
]  # fmt: skip


@pytest.mark.parametrize(("first", "wider"), WIDER, ids=lambda words: " ".join(words) or "-")
def test_a_policy_is_widened_only_by_a_yes_typed_on_a_terminal(user: User, first: list[str], wider: list[str]) -> None:
    for name in ("work/in", "play"):
        (user.home / name).mkdir(parents=True)
    if first:
        user.lkr("policy", "openai:prod", *first)
    before = policy(user, "openai:prod")
    said = user.lkr("policy", "openai:prod", *wider, stdin=b"y\ny\n", code=2)
    assert "type yes on a terminal" in said
    user.typed("policy", "openai:prod", *wider, answer="n", code=2)
    assert policy(user, "openai:prod") == before
    assert "From now on, openai:prod may " in user.typed("policy", "openai:prod", *wider)
    assert policy(user, "openai:prod") != before
    if first:
        user.lkr("policy", "openai:prod", *first)  # back needs no answer
        assert policy(user, "openai:prod") == before


def test_a_policy_with_a_mistake_in_it_changes_nothing(user: User) -> None:
    before = policy(user, "openai:prod")
    user.lkr("policy", "openai:prod", "--kind", "admin", "--ttl", "bad", code=64)
    user.lkr("policy", "openai:prod", "--kind", "admin", "--only", "/no/such", code=64)
    user.lkr("policy", "openai:prod", "--kind", "admin", "--only", ".", "--anywhere", code=64)
    assert policy(user, "openai:prod") == before
    assert value(user, "openai:prod") == VALUE


# -- import, migrate, edit


def importing(user: User, text: str) -> "pexpect.spawn[str]":
    folder = user.home / "p"
    folder.mkdir(exist_ok=True)
    (folder / ".env").write_text(text)
    return user.on_terminal("import", ".env", cwd=folder)


def test_another_label_that_is_taken_is_asked_about_too(user: User) -> None:
    user.lkr("set", "anthropic:adm", "--kind", "admin", "--stdin", stdin=b"sk-ant-admin-12345678")
    child = importing(user, f"{B}=sk-ant-second-12345678\n")
    child.expect("Store these")
    child.sendline("y")
    child.expect("anthropic:main has another value. Replace it")
    child.sendline("n")
    child.expect("Another label")
    child.sendline("adm")
    child.expect("anthropic:adm is already stored with another value")
    child.expect("Another label")
    child.sendline("")
    child.expect("skipped")
    child.sendline("n")
    child.expect(pexpect.EOF)
    assert policy(user, "anthropic:adm")["kind"] == "admin"
    assert value(user, "anthropic:main") == OTHER


def test_an_admin_key_that_import_replaces_stays_one(user: User) -> None:
    user.lkr("policy", "anthropic:main", "--kind", "admin")
    (user.home / ".env").write_text(f"{B}=sk-ant-second-12345678\n")
    user.lkr("import", ".env", "--yes", "--replace")
    assert policy(user, "anthropic:main")["kind"] == "admin"
    value(user, "anthropic:main", code=2)


def test_two_variables_get_no_one_label_for_two_values(user: User) -> None:
    child = importing(user, f"{B}=sk-ant-second-12345678\nCLAUDE_API_KEY=sk-ant-third-12345678\n")
    child.expect("CLAUDE_API_KEY → anthropic:claude-api-key")
    child.sendline("y")
    child.expect("Replace it")
    child.sendline("n")
    child.expect("Another label")
    child.sendline("claude-api-key")
    child.expect("anthropic:claude-api-key already belongs to another variable in this plan")
    child.expect("Another label")
    child.sendcontrol("c")
    child.expect("nothing was changed")
    child.expect(pexpect.EOF)
    assert "claude-api-key" not in user.lkr("list")


def test_import_names_keys_in_a_manifest_of_the_short_form_too(user: User) -> None:
    folder = user.home / "p"
    folder.mkdir()
    (folder / ".lkr.toml").write_text('version = 1\nkeys = ["openai:prod"]\n')
    user.lkr("allow", "--yes", cwd=folder)
    (folder / ".env").write_text("GROQ_API_KEY=gsk_12345678901234\n")
    user.lkr("import", ".env", "--yes", cwd=folder)
    assert user.lkr("exec", "--", "printenv", "GROQ_API_KEY", A, cwd=folder) == f"gsk_12345678901234\n{VALUE}\n"


@pytest.mark.parametrize("pairs", [("n:a=one", "n:a=two"), ("n:a=one", "n:b=one")])
def test_migrate_takes_no_name_twice(user: User, pairs: tuple[str, str]) -> None:
    said = user.lkr("migrate", "keyring:other", "-k", pairs[0], "-k", pairs[1], "--move", "--yes", code=64)
    assert "one name appears twice" in said


def test_edit_overwrites_nothing_that_changed_meanwhile_and_keeps_what_i_wrote(user: User) -> None:
    folder = user.project("p")
    editor = user.home / "editor"
    editor.write_text(f'#!/bin/sh\necho "# mine" >>"$1"\necho "# theirs" >>{folder}/.lkr.toml\n')
    editor.chmod(0o755)
    user.env |= {"EDITOR": str(editor), "TMPDIR": str(user.home)}
    said = user.lkr("edit", cwd=folder, code=78)
    assert "changed in the meantime" in said
    text = (folder / ".lkr.toml").read_text()
    assert "# theirs" in text and "# mine" not in text
    kept = Path(said.strip().rpartition(" ")[2])
    assert "# mine" in kept.read_text()
    assert kept.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("words", [["add", f"{B}=anthropic:main"], ["use", "staging"]])
def test_what_is_not_valid_is_not_written(user: User, words: list[str]) -> None:
    keys = "\n".join(f'A{number}_API_KEY = "openai:prod"' for number in range(256))
    folder = user.project("p", f"{keys}\n[profiles.staging.keys]\n" if words[0] == "use" else keys)
    before = (folder / ".lkr.toml").read_bytes()
    user.lkr(*words, cwd=folder, code=78 if words[0] == "add" else 1)
    assert (folder / ".lkr.toml").read_bytes() == before
    user.lkr("export", "bash", cwd=folder)


# -- a store that says no, a last use, interruptions


REFUSING = """
import keyrings.alt.file, keyring.errors

class Backend(keyrings.alt.file.PlaintextKeyring):
    priority = 5

    def delete_password(self, service, username):
        raise keyring.errors.PasswordDeleteError("Operation cancelled")
"""


def test_a_deletion_that_the_keychain_refuses_is_not_reported_as_done(user: User) -> None:
    (user.home / "refusing.py").write_text(REFUSING)
    user.env |= {
        "LKR_BACKEND": "keyring", "PYTHON_KEYRING_BACKEND": "refusing.Backend", "PYTHONPATH": str(user.home)
    }  # fmt: skip
    user.lkr("set", "openai:prod", "--stdin", stdin=b"sk-plain-12345678")
    for words in (["rm", "openai:prod", "--yes"], ["rename", "openai:prod", "openai:moved"]):
        said = user.lkr(*words, code=1)
        assert "the keychain still has openai:prod" in said
        assert "openai:prod" in user.lkr("list")
        assert value(user, "openai:prod") == "sk-plain-12345678"


def test_a_key_that_was_not_loaded_does_not_count_as_used(user: User) -> None:
    folder = user.project("p", f'{A} = "openai:prod"\nGROQ_API_KEY = "groq:none"', top='require = "all"')
    for words in (["export", "bash"], ["exec", "--", "true"]):
        said = user.lkr(*words, cwd=folder, code=1)
        assert "lkr: not stored: groq:none, and the manifest requires all keys; lkr set groq:none\n" in said
    assert row(user, "openai:prod")["last_use"] is None
    user.lkr("policy", "openai:prod", "--ttl", "1s")
    folder = user.project("q")
    user.env |= {"LKR_OVER": A, "PWD": str(folder)}
    assert VALUE not in user.lkr("export", "bash", cwd=folder)
    assert row(user, "openai:prod")["last_use"] is None


def test_the_hook_is_printed_or_a_line_says_why_not(user: User) -> None:
    user.env["HOME"] = "relative"
    said = user.lkr("hook", "bash", code=1)
    assert said == "lkr: there is no home folder; set HOME to an absolute path\n"
    user.env["HOME"] = str(user.home)
    for words in ("hook bash", "hook direnv", "status --short", "list", "schema"):
        script = f"trap '' PIPE; {BIN}/lkr {words} 2>err | true; cat err"
        folder = user.project("p")
        for _ in range(3):
            done = subprocess.run(["bash", "-c", script], env=user.env, cwd=folder, capture_output=True, text=True)
            assert done.stdout == "", (words, done)


def test_ctrl_c_at_the_question_of_exec_is_a_line(user: User) -> None:
    folder = user.project("p")
    user.lkr("policy", "openai:prod", "--confirm")
    for words in (["exec", "--", "env"], ["exec", "-k", "openai:prod", "--", "env"]):
        child = user.on_terminal(*words, cwd=folder)
        child.expect(r"\[y/N\]")
        child.sendintr()
        child.expect(pexpect.EOF)
        child.close()
        said = str(child.before)
        assert child.exitstatus == 130, said
        assert "lkr: stopped" in said and "Traceback" not in said


def test_a_display_that_answers_nothing_does_not_hang_get(user: User) -> None:
    number = next(each for each in range(400, 500) if not os.path.exists(f"/tmp/.X11-unix/X{each}"))
    os.makedirs("/tmp/.X11-unix", exist_ok=True)
    path = f"/tmp/.X11-unix/X{number}"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
        dead.listen(8)
        try:
            child = user.on_terminal("get", "openai:prod", timeout=40, env={"DISPLAY": f":{number}"})
            child.expect("the clipboard does not answer")
            child.expect(pexpect.EOF)
            child.close()
            assert child.exitstatus == 1
        finally:
            os.unlink(path)
    waiting = subprocess.run(["pgrep", "-f", f"xclip.*:{number}"], capture_output=True, text=True).stdout.split()
    for pid in waiting:
        os.kill(int(pid), signal.SIGKILL)
    assert not waiting
