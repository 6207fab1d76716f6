"""What somebody who tries lkr for the first time types, and what it tells them."""

import json
import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

import forked
import pexpect
import pytest
from conftest import BIN, OTHER, VALUE, User

from lkrshell.cli import declare, main, rights

A = "OPENAI_API_KEY"


def shown(user: User, *words: str, cwd: Path | None = None, columns: int = 100) -> list[str]:
    child = user.on_terminal(*words, cwd=cwd, columns=columns, env={"TERM": "xterm", "NO_COLOR": "1"})
    child.expect(pexpect.EOF)
    return str(child.before).replace("\r", "").splitlines()


@pytest.mark.parametrize(
    ("typed", "meant"), [("lst", "lkr list"), ("polcy", "lkr policy"), ("sttus", "lkr status"), ("unlok", "lkr unlock")]
)
def test_a_slip_in_a_command_names_the_one_that_is_meant(user: User, typed: str, meant: str) -> None:
    assert f"did you mean {meant}?" in user.lkr(typed, code=64)


def test_a_slip_in_the_name_of_a_key_names_the_one_that_is_meant(user: User) -> None:
    for words in (["policy", "openai:pord"], ["get", "openai:pord", "--json"], ["rm", "openai:pord", "--yes"]):
        assert "did you mean openai:prod?" in user.lkr(*words, code=1)
    assert "see lkr list" in user.lkr("policy", "zzzz:y", code=1)
    said = user.lkr("exec", "-k", "openai:pord", "--", "true", code=1)
    assert said == "lkr: not stored: openai:pord; did you mean openai:prod?\n"
    assert "see lkr list" in user.lkr("rm", "openai:main", "--yes", code=1), "another provider's main is not meant"


@pytest.mark.parametrize(
    "typed, meant",
    [("mistral", "lkr list mistral, or lkr set mistral:main"), ("openai:prod", "lkr get openai:prod, or lkr set")],
)
def test_a_provider_or_a_key_typed_as_a_command_is_recognized(user: User, typed: str, meant: str) -> None:
    said = user.lkr(typed, code=64)
    assert meant in said and "did you mean" not in said


def test_a_slip_at_a_question_is_asked_again(user: User) -> None:
    folder = user.project("p", allow=False)
    child = user.on_terminal("allow", cwd=folder)
    for said, answer in (("would get:", "yess"), ("lkr: answer y or n", "y")):
        child.expect_exact(said)
        child.expect_exact("Allow? [y/N]: ")
        child.sendline(answer)
    child.expect_exact("lkr: allowed")
    child.expect(pexpect.EOF)


def test_allow_asks_nothing_when_nothing_changed(user: User) -> None:
    folder = user.project("p")
    said = user.lkr("allow", cwd=folder)
    assert f"{A} ← openai:prod" in said and said.endswith("p was already allowed; nothing changed\n")
    (folder / ".lkr.toml").write_text((folder / ".lkr.toml").read_text() + "# a comment\n")
    assert "no terminal to ask on" in user.lkr("allow", cwd=folder, code=2)


def test_two_different_passphrases_are_asked_for_again(user: User) -> None:
    child = user.on_terminal("vault", "export", "backup.age")
    for typed in ("one passphrase", "another one", "one passphrase", "one passphrase"):
        child.expect("(file|confirmation): ")
        child.sendline(typed)
    child.expect_exact("lkr: wrote 2 keys to backup.age")
    child.expect(pexpect.EOF)


def test_a_backup_goes_to_standard_output_but_not_to_a_terminal(user: User) -> None:
    own = user.lkr("vault", "recipient").strip()
    said = forked.lkr(("vault", "export", "-", "--to", own), user.env, user.home)
    assert said.stdout.startswith(b"age-encryption.org/v1\n") and b"wrote 2 keys to standard output" in said.stderr
    child = user.on_terminal("vault", "export", "-", "--to", own)
    child.expect_exact("lkr: a backup is binary data, and this is a terminal; name a file, or redirect the output")
    child.expect(pexpect.EOF)
    assert not (user.home / "-").exists()


def test_what_is_shown_can_be_had_as_json(user: User) -> None:
    folder = user.project("p", 'OPENAI_API_KEY = "openai:prod"\n[profiles.staging.keys]\nHF_TOKEN = "huggingface:x"')

    def printed(*words: str) -> object:
        return json.loads(user.run(*words, cwd=folder).stdout)

    bindings = [
        {"variable": "OPENAI_API_KEY", "key": "openai:prod", "profile": None},
        {"variable": "HF_TOKEN", "key": "huggingface:x", "profile": "staging"},
    ]
    assert printed("allow", "--yes", "--json") == {"folder": str(folder), "worktrees": False, "keys": bindings}
    assert printed("use", "--list", "--json") == {"profiles": ["staging"], "profile": None}
    assert printed("confirm", "--list", "--json") == []
    user.lkr("policy", "openai:prod", "--confirm")
    assert printed("confirm", "--list", "--json") == [{"variable": "OPENAI_API_KEY", "key": "openai:prod"}]
    assert user.lkr("confirm", "--list", cwd=folder) == "OPENAI_API_KEY openai:prod\n"


@pytest.mark.parametrize("words", [("exec", "-k", "opnai:prod", "--", "true"), ("add", "opnai:prod")])
def test_a_slip_in_a_provider_without_a_variable_names_the_one_that_is_meant(
    user: User, words: tuple[str, ...]
) -> None:
    said = user.lkr(*words, code=64)
    assert "did you mean openai? Otherwise, write" in said and "VARIABLE=opnai:prod" in said


def test_a_slip_that_is_like_nothing_leads_to_the_help(user: User) -> None:
    assert user.lkr("zzzz", code=64) == "lkr: there is no command 'zzzz'; see lkr --help\n"


def test_lkr_alone_shows_the_project_or_the_grouped_help(user: User) -> None:
    text = user.lkr()
    for title in ("Start:", "Keys:", "Projects:", "Agents:", "Security:", "Shell:"):
        assert f"\n{title}\n" in text
    folder = user.project("p", f'{A} = "openai:prod"\nGROQ_API_KEY = "groq:team"')
    said = user.lkr(cwd=folder)
    assert re.search(r"GROQ_API_KEY +groq:team +not stored", said)
    assert said.endswith("\nNext: lkr set groq:team. If the stored keys do not load at the next prompt: lkr install\n")
    user.env |= {"LKR_STATE": f"{A}=openai:prod", A: VALUE}
    assert user.lkr(cwd=folder).endswith("\nNext: lkr set groq:team\n")
    user.lkr("lock")
    assert user.lkr(cwd=folder).endswith("\nNext: lkr unlock\n")


def test_status_says_why_a_stored_key_is_not_loaded_when_all_are_required(user: User) -> None:
    folder = user.project("p", f'{A} = "openai:prod"\nGROQ_API_KEY = "groq:team"', top='require = "all"')
    said = user.lkr("status", cwd=folder)
    assert re.search(r"openai:prod +not loaded, needs all keys\n", said)
    assert said.endswith("\nNext: lkr set groq:team\n")


def test_the_next_step_in_an_empty_project_adds_a_key(user: User) -> None:
    shutil.rmtree(user.home / ".local/share/lkr")  # no vault yet
    folder = user.project("p", "")
    assert "Next: lkr add openai:prod" in user.lkr("status", cwd=folder)


def test_a_slip_in_the_name_of_a_key_or_a_profile_is_recognized(user: User) -> None:
    folder = user.project("p", f'{A} = "opeani:prod"\n[profiles.prod.keys]\nX_KEY = "openai:prod"', allow=False)
    said = user.lkr("allow", "--yes", cwd=folder)
    assert "opeani:prod is not stored; did you mean openai:prod? Otherwise: lkr set opeani:prod\n" in said
    user.env["LKR_PROFILE"] = "prd"
    assert "no profile 'prd' here; did you mean prod?" in user.lkr("exec", "--", "true", cwd=folder, code=78)
    assert "in lower case: openai:prod" in user.lkr("get", "OpenAI:prod", code=64)
    assert user.lkr("list", "openai:prod", code=64).endswith("; lkr list openai\n")


def test_exec_says_how_to_allow_an_unusual_variable(user: User) -> None:
    said = user.lkr("exec", "-k", "FOO=openai:prod", "--", "true", code=64)
    how = 'write FOO = "openai:prod" into .lkr.toml, then allow it: lkr allow --variable FOO\n'
    assert said.endswith(f"; run lkr init, {how}")
    assert user.lkr("add", "FOO=openai:prod", cwd=user.project("p"), code=64).endswith(f"; {how}")


def test_ls_and_help_are_what_everybody_types(user: User) -> None:
    assert user.lkr("ls") == user.lkr("list")
    assert user.lkr("help", "set") == user.lkr("set", "--help")
    assert user.lkr("help") == user.lkr("--help")


def test_a_slip_in_an_option_or_a_subcommand_names_the_one_that_is_meant(user: User) -> None:
    assert user.lkr("list", "--jsn", code=64) == "lkr: there is no option '--jsn'; did you mean --json?\n"
    assert user.lkr("source", "remove", code=64) == "lkr: there is no command 'remove'; see lkr source --help\n"
    assert user.lkr("vault", "xport", code=64) == "lkr: there is no command 'xport'; did you mean lkr vault export?\n"


@pytest.mark.parametrize("command", list(rights.commands()), ids=lambda command: command.path)
def test_every_command_shows_two_examples_that_are_calls_of_lkr(command: declare.Command) -> None:
    assert len(command.examples) == 2
    for example in command.examples:
        called = re.search(r"\blkr ([a-z-]+)", example)
        assert called and called[1] in main.COMMANDS, example


def test_a_new_member_gets_what_is_stored_and_one_line_about_the_rest(user: User) -> None:
    keys = {f"{name}_API_KEY": f"{name.lower()}:team" for name in ("GROQ", "MISTRAL", "XAI")}
    both = {A: "openai:prod", "ANTHROPIC_API_KEY": "anthropic:main"}
    folder = user.project("p", "\n".join(f'{name} = "{key}"' for name, key in (both | keys).items()))
    said = user.lkr("export", "bash", cwd=folder)
    assert VALUE in said and OTHER in said
    assert "lkr: not stored: groq:team, mistral:team, xai:team; lkr set groq:team\n" in said
    assert VALUE in user.lkr("exec", "--", "env", cwd=folder)
    assert "not stored" in user.lkr("exec", "-k", "groq:team", "--", "env", cwd=folder, code=1)


def test_a_locked_vault_is_opened_on_the_way(user: User) -> None:
    folder = user.project("p")
    user.lkr("lock")
    for words in (
        ["exec", "--", "printenv", A],
        ["exec", "--clean", "--", "printenv", A],
        ["get", "openai:prod", "--show"],
    ):
        child = user.on_terminal(*words, cwd=folder)
        child.expect_exact("Passphrase of the vault")
        child.sendline("not this one")
        child.expect_exact("not the vault's passphrase")
        child.expect_exact("Passphrase of the vault")
        child.sendline("a passphrase")
        child.expect_exact("locks after 15 minutes without use")
        child.expect_exact(VALUE)
        child.expect(pexpect.EOF)
        user.lkr("lock")
    assert "locked" in user.lkr("exec", "--", "env", cwd=folder, code=77), "nobody is asked without a terminal"


def test_a_weak_passphrase_is_warned_of(tmp_path: Path) -> None:
    user = User(tmp_path)
    child = user.on_terminal("unlock")
    for _ in range(2):
        child.expect("passphrase|confirmation")
        child.sendline("password1")
    child.expect(r"could be guessed in [^\r\n]+ Use it anyway")
    child.sendline("n")
    for _ in range(2):
        child.expect("passphrase|confirmation")
        child.sendline("marmot-anvil-ferry-quilt")
    child.expect_exact("unlocked")
    child.expect(pexpect.EOF)
    assert "could be guessed" in user.lkr("passwd", "--stdin", stdin=b"marmot-anvil-ferry-quilt\nqwerty\n")


@pytest.mark.parametrize(
    ("words", "asked", "then"),
    [
        (("passwd",), "Current passphrase", "New passphrase"),
        (("unlock",), "Passphrase of the vault", "locks after 15 minutes without use"),
        (("vault", "rekey"), "Passphrase of the vault", "2 keys are encrypted to a new identity"),
    ],
)
@pytest.mark.parametrize("locked", [False, True])
def test_a_wrong_passphrase_is_called_wrong_and_asked_for_again(
    user: User, words: tuple[str, ...], asked: str, then: str, locked: bool
) -> None:
    if locked:
        user.lkr("lock")
    child = user.on_terminal(*words)
    for typed, said in (("not this one", "passphrase, or identity.age is damaged; try again"), ("a passphrase", then)):
        child.expect(r"([a-zA-Z ]+): $")
        assert str(child.match[1]).strip() == asked
        child.sendline(typed)
        child.expect_exact(said)
    child.sendintr()
    child.expect(pexpect.EOF)


def test_three_wrong_passphrases_are_enough(user: User) -> None:
    user.lkr("lock")
    child = user.on_terminal("unlock")
    for _ in range(3):
        child.expect_exact("Passphrase of the vault: ")
        child.sendline("not this one")
    child.expect_exact("is damaged; if it is lost: lkr vault reset --help")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 77


def test_enter_at_the_question_for_a_passphrase_is_answered(user: User) -> None:
    child = user.on_terminal("vault", "export", "backup.age")
    child.expect_exact("for this file: ")
    child.sendline("")
    child.expect_exact("lkr: nothing was typed; Ctrl-C stops")
    child.expect_exact("for this file: ")
    for question in ("Repeat for confirmation: ", "Use it anyway?"):
        child.sendline("a")
        child.expect_exact(question)
    child.sendintr()
    child.expect(pexpect.EOF)
    assert not (user.home / "backup.age").exists()


def test_a_broken_manifest_can_be_repaired_with_edit_and_gets_nothing_by_that(user: User) -> None:
    folder = user.project("p")
    broken = 'version = 1\n[keys\nANTHROPIC_API_KEY = "anthropic:main"\n'
    (folder / ".lkr.toml").write_text(broken)
    assert "edit it: lkr edit" in user.lkr("exec", "--", "true", cwd=folder, code=78)
    user.env["EDITOR"] = "sed -i s/keys$/keys]/"
    assert user.lkr("edit", cwd=folder) == "lkr: wrote .lkr.toml; review and allow it: lkr allow\n"
    assert (folder / ".lkr.toml").read_text() == broken.replace("[keys", "[keys]")
    assert "changed since you allowed it" in user.lkr("exec", "--", "true", cwd=folder, code=78)
    assert "review it first" in user.lkr("edit", cwd=folder, code=78), "a valid one that nobody allowed"


def test_a_broken_local_file_is_not_what_edit_edits(user: User) -> None:
    folder = user.project("p")
    (folder / ".lkr.local.toml").write_text("[")
    user.env["EDITOR"] = "false"
    assert user.lkr("edit", cwd=folder, code=78).endswith("; correct that file\n")


def test_edit_opens_no_editor_where_nobody_sees_it(user: User) -> None:
    user.env.pop("EDITOR", None)
    assert "there is no terminal for an editor; set EDITOR" in user.lkr("edit", cwd=user.project("p"), code=2)


def test_edit_does_not_send_me_to_itself(user: User) -> None:
    user.env["EDITOR"] = "sed -i s/keys]/keys/"
    said = user.lkr("edit", cwd=user.project("p"), code=1)
    assert "not TOML" in said and "lkr edit" not in said


@pytest.mark.parametrize("editor", ["false", "no-such-editor"])
def test_an_editor_that_fails_changes_nothing_and_is_named(user: User, editor: str) -> None:
    user.env["EDITOR"] = editor
    said = user.lkr("edit", cwd=user.project("p"), code=1)
    assert said.startswith(f"lkr: the editor {editor} cannot be started, or failed; choose another one in $EDITOR")


def test_an_editor_that_removes_its_file_changes_nothing(user: User) -> None:
    user.env["EDITOR"] = "rm"
    said = user.lkr("edit", cwd=user.project("p"), code=1)
    assert said == "lkr: cannot read what the editor left: No such file or directory; nothing was changed\n"


def test_add_names_the_key_that_is_stored_and_the_file_that_it_changed(user: User) -> None:
    folder = user.project("p", "HF_TOKEN = 'huggingface:x'")
    (folder / "sub").mkdir()
    said = user.lkr("add", A, cwd=folder / "sub")
    assert said == f"lkr: added {A} ← openai:prod in {folder}/.lkr.toml, and allowed it\n"
    said = user.lkr("add", "groq:main", cwd=folder)
    assert said.splitlines()[1:] == ["lkr: groq:main is not stored; lkr set groq:main"]


def test_a_narrow_list_leaves_out_projects_that_it_cannot_name(user: User) -> None:
    user.project("a-project-with-a-long-name")
    assert shown(user, "list")[0].split()[-1] == "PROJECTS"
    narrow = shown(user, "list", columns=50)
    assert narrow[0].split() == ["NAME", "SET", "LAST", "USE", "VARIABLE"] and max(map(len, narrow)) <= 50


@pytest.mark.parametrize("columns", [60, 80, 90, 100])
def test_a_list_with_a_very_long_name_leaves_out_what_does_not_fit(user: User, columns: int) -> None:
    name = f"openai:{'a-long-name-'.ljust(56, 'x')}"
    user.lkr("set", name, "--stdin", stdin=OTHER.encode())
    lines = shown(user, "list", "openai", columns=columns)
    assert name in {line.split()[0] for line in lines}
    assert lines[0].split() == {60: ["NAME"], 80: ["NAME", "SET"], 90: ["NAME", "SET", "LAST", "USE"]}.get(
        columns, ["NAME", "SET", "LAST", "USE", "VARIABLE"]
    )
    assert not any("…" in line.partition("OPENAI")[0] for line in lines)
    assert max(map(len, lines)) <= max(columns, len(name))


def test_a_name_is_not_renamed_to_itself(user: User) -> None:
    assert "already has that name; nothing" in user.lkr("rename", "openai:prod", "openai:prod", code=1)


def test_status_knows_that_there_is_no_vault_yet(tmp_path: Path) -> None:
    assert "Store    vault, not created yet\n" in User(tmp_path).lkr("status")


def test_a_backup_that_finds_no_vault_leaves_no_names_behind(user: User, tmp_path: Path) -> None:
    user.lkr("vault", "export", "all.age", "--stdin", stdin=b"for the file")
    new = User(tmp_path / "new")
    new.home.mkdir()
    shutil.copy(user.home / "all.age", new.home)
    assert "there is no vault yet" in new.lkr("vault", "import", "all.age", "--stdin", stdin=b"for the file", code=77)
    assert "no keys stored yet" in new.lkr("list")


def test_without_a_vault_nothing_is_backed_up_and_no_key_is_behind_a_lock(tmp_path: Path) -> None:
    new = User(tmp_path)
    said = new.lkr("vault", "export", "all.age", "--stdin", stdin=b"for the file", code=1)
    assert said == "lkr: there is no vault yet; nothing was written; lkr unlock creates it\n"
    assert not (tmp_path / "all.age").exists()
    said = new.lkr("token", "openai:prod", code=1)
    assert said == "lkr: there is no key openai:prod in the vault; see lkr list\n"


def test_the_first_key_says_what_a_vault_is_and_two_terminals_create_only_one(tmp_path: Path) -> None:
    new = User(tmp_path)
    new.env["LKR_BACKEND"] = "auto"
    child = new.on_terminal("set", "openai:prod")
    child.expect_exact("Value of openai:prod: ")
    child.sendline(VALUE)
    child.expect_exact("lkr: there is no keychain here, so your keys go into a vault: encrypted files in ~/.local/")
    child.expect_exact("only the passphrase that you choose now opens it, and nobody can recover it")
    child.expect_exact("A passphrase for the new vault: ")
    new.lkr("unlock", "--stdin", stdin=b"the other terminal's passphrase")
    child.sendline("this terminal's passphrase")
    child.expect_exact("Repeat for confirmation: ")
    child.sendline("this terminal's passphrase")
    child.expect_exact("lkr: another lkr has just created the vault, with another passphrase; run this again")
    child.expect(pexpect.EOF)
    assert "no keys stored yet" in new.lkr("list")


def test_starting_over_after_a_lost_passphrase(user: User) -> None:
    user.lkr("lock")
    user.lkr("vault", "reset", code=2)
    assert "the old vault is now" in user.lkr("vault", "reset", "--yes")
    assert "the vault is missing, but the index lists" in user.lkr("doctor", code=1)
    user.lkr("unlock", "--stdin", stdin=b"another passphrase\n")
    user.lkr("set", "openai:prod", "--stdin", stdin=VALUE.encode())
    assert VALUE in user.lkr("exec", "--", "env", cwd=user.project("p"))
    said = user.lkr("exec", "-k", "anthropic:main", "--", "true", code=1)
    assert said == "lkr: not stored: anthropic:main; lkr set anthropic:main\n"
    (old,) = (user.home / ".local/share/lkr").glob("vault-*")
    assert (old / "keys/anthropic/main.age").exists(), "kept, in case the passphrase comes back"


def test_a_backup_makes_the_vault_of_a_new_machine(user: User, tmp_path: Path) -> None:
    user.lkr("vault", "export", "all.age", "--stdin", stdin=b"for the file")
    new = User(tmp_path / "new")
    new.home.mkdir()
    shutil.copy(user.home / "all.age", new.home)
    child = new.on_terminal("vault", "import", "all.age")
    child.expect_exact("Passphrase of the file")
    child.sendline("for the file")
    for _ in range(2):
        child.expect("new vault|confirmation")
        child.sendline("marmot-anvil-ferry-quilt")
    child.expect_exact("stored 2 keys")
    child.expect(pexpect.EOF)


def test_removing_or_renaming_a_key_names_the_projects_that_use_it(user: User) -> None:
    user.project("p")
    assert "openai:prod is in the manifest of ~/p" in user.lkr("rename", "openai:prod", "openai:blog")
    user.project("q", f'{A} = "openai:blog"')
    shutil.rmtree(user.project("gone", f'{A} = "openai:blog"'))
    assert "openai:blog is in the manifest of ~/q\n" in user.lkr("rm", "openai:blog", "--yes")


def test_a_provider_one_letter_off_is_asked_about(user: User) -> None:
    child = user.on_terminal("set", "opnai:prod")
    child.expect_exact("lkr knows openai, but not opnai. Store opnai:prod anyway?")
    child.sendline("n")
    child.expect(pexpect.EOF)
    assert "opnai" not in user.lkr("list")


def test_a_slip_in_a_provider_is_reported_where_nobody_can_be_asked(user: User) -> None:
    assert "did you mean openai?" in user.lkr("set", "opnai:prod", "--stdin", stdin=b"a-value-of-opnai")
    user.lkr("set", "acme:prod", "--stdin", stdin=b"a-value-of-acme")


def test_a_copied_project_is_recognized(user: User) -> None:
    folder = user.project("p")
    shutil.copytree(folder, user.home / "copy")
    assert "The same content is allowed at ~/p." in user.lkr("allow", "--yes", "copy")
    assert "The same content" not in user.lkr("allow", "--yes", "copy")


def test_status_says_how_to_get_a_key_back_whose_time_is_over(user: User) -> None:
    folder = user.project("p")
    assert "Next: press Enter" in user.lkr("status", cwd=folder)
    user.lkr("policy", "openai:prod", "--ttl", "5s")
    said = user.lkr("status", cwd=folder)
    assert "Next: leave the project with cd / and, at the next prompt, come back with cd -" in said
    assert "openai:prod has a time limit" in said


def test_exec_refuses_two_keys_for_one_variable(user: User) -> None:
    user.lkr("set", "openai:stg", "--stdin", stdin=OTHER.encode())
    said = user.lkr("exec", "-k", "openai:prod", "-k", "openai:stg", "--", "env", code=64)
    assert f"{A} could be openai:prod or openai:stg; give one of them another variable: -k VARIABLE=openai:stg" in said
    assert user.lkr("exec", "-k", "openai:prod", "-k", "openai:prod", "--", "sh", "-c", f"echo ${A}") == f"{VALUE}\n"
    both = user.lkr(
        "exec", "-k", "openai:prod", "-k", "X_API_KEY=openai:stg", "--", "sh", "-c", f"echo ${A} $X_API_KEY"
    )
    assert both == f"{VALUE} {OTHER}\n"


def test_use_says_that_a_variable_overrides_the_choice(user: User) -> None:
    keys = "\n".join(f'[profiles.{name}.keys]\n{A} = "openai:prod"' for name in ("prod", "staging"))
    folder = user.project("p", keys)
    assert "LKR_PROFILE" not in user.lkr("use", "prod", cwd=folder)
    user.env["LKR_PROFILE"] = "staging"
    still = "lkr: LKR_PROFILE=staging still overrides this in this shell; unset LKR_PROFILE\n"
    assert still in user.lkr("use", "prod", cwd=folder)
    assert still in user.lkr("use", "--default", cwd=folder)
    assert "LKR_PROFILE" not in user.lkr("use", "staging", cwd=folder)


def test_use_knows_the_profiles_that_a_project_inherits(user: User) -> None:
    user.project("p", f'{A} = "openai:prod"\n[profiles.staging.keys]\n{A} = "openai:prod"')
    folder = user.project("p/q", 'ANTHROPIC_API_KEY = "anthropic:main"', top="inherit = true")
    assert "did you mean staging?" in user.lkr("use", "stagin", cwd=folder, code=1)
    assert not (folder / ".lkr.local.toml").exists()
    assert "now uses the profile staging" in user.lkr("use", "staging", cwd=folder)
    assert user.lkr("use", cwd=folder) == "  (plain [keys])\n* staging\n"
    assert user.lkr("exec", "--", "sh", "-c", f"echo ${A}", cwd=folder) == f"{VALUE}\n"


def test_use_says_when_git_would_take_the_personal_file(user: User) -> None:
    folder = user.repository()
    user.project("p", f"[profiles.dev.keys]\n{A} = 'openai:prod'")
    said = "lkr: git does not ignore .lkr.local.toml, which is only for you; add it to .gitignore\n"
    assert said in user.lkr("use", "dev", cwd=folder)
    (folder / ".gitignore").write_text(".lkr.local.toml\n")
    assert said not in user.lkr("use", "dev", cwd=folder)


@pytest.mark.parametrize(
    ("policy", "state", "reason", "fix"),
    [
        (["--only", "~"], "for other folders", "openai:prod is for other folders", "lkr policy openai:prod --only "),
        (["--kind", "admin"], "admin key", "openai:prod is an admin key", "lkr policy openai:prod --kind runtime"),
        (["--confirm"], "awaits your confirmation", f"{A} awaits your confirmation", "lkr confirm"),
    ],
)
def test_status_and_doctor_say_why_the_hook_loads_no_key(
    user: User, policy: list[str], state: str, reason: str, fix: str
) -> None:
    folder = user.project("p", f'{A} = "openai:prod"\nANTHROPIC_API_KEY = "anthropic:main"')
    (user.home / "other").mkdir()
    user.lkr("policy", "openai:prod", *(str(user.home / "other") if word == "~" else word for word in policy))
    blocks = "--confirm" not in policy
    said = user.lkr("status", cwd=folder)
    assert re.search(rf"{A} +openai:prod +{state}\n", said)
    assert re.search(rf"Next: {re.escape(fix)}.*  \({re.escape(reason)}", said)
    assert ("keeps the other keys out too" in said) == blocks
    assert "press Enter" not in said
    in_shell = subprocess.run(
        ["bash", "-c", "lkr doctor --json; :"], env=user.env, cwd=folder, capture_output=True, text=True
    )
    rows = [row for row in json.loads(in_shell.stdout) if row["check"] == "project"]
    (row,) = [row for row in rows if row["text"].startswith(reason)]
    assert row["fix"].startswith(fix)
    assert row["level"] == ("wrong" if blocks else "fact")
    assert not any(A in row["text"] and "hook is not active" in row["text"] for row in rows)
    if blocks:
        assert not any("hook is not active" in row["text"] for row in rows)


def test_a_key_only_for_exec_that_is_for_other_folders_keeps_no_key_out_of_the_shell(user: User) -> None:
    scoped = 'GROQ_API_KEY = { key = "groq:ci", scope = "exec" }'
    folder = user.project("p", f'{A} = "openai:prod"\n{scoped}')
    (user.home / "other").mkdir()
    user.lkr("set", "groq:ci", "--stdin", stdin=b"gsk_0123456789abcdef")
    user.lkr("policy", "groq:ci", "--only", str(user.home / "other"))
    said = user.lkr("status", cwd=folder)
    assert "Next: lkr policy groq:ci --only " in said
    assert "groq:ci is for other folders, and keeps the other keys out of lkr exec)" in said
    assert VALUE in user.lkr("export", "bash", cwd=folder)
    assert "is for other folders" in user.lkr("exec", "--", "true", cwd=folder, code=2)


def test_a_moved_project_is_not_said_to_be_allowed_where_it_no_longer_is(user: User) -> None:
    user.project("p").rename(user.home / "moved")
    assert "The same content was allowed at ~/p, which no longer exists." in user.lkr("allow", "--yes", "moved")


def test_add_asks_before_another_key_takes_a_variable(user: User) -> None:
    folder = user.project("p")
    user.lkr("set", "openai:blog", "--stdin", stdin=OTHER.encode())
    assert "add --replace" in user.lkr("add", "openai:blog", cwd=folder, code=2)
    assert '"openai:prod"' in (folder / ".lkr.toml").read_text()
    assert f"{A} is now openai:blog instead of openai:prod" in user.lkr("add", "openai:blog", "--replace", cwd=folder)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["add", "MISTRAL"], "did you mean lkr add MISTRAL_API_KEY?"),
        (["add", "mistral"], "mistral is a provider; name one of its keys: lkr add mistral:main"),
        (["gen", "settings"], "cannot read settings: No such file"),
        (["gen", ".lkr.toml"], "name it: -o FILE"),
        (["use", "staging"], "its manifest has no profiles"),
        (["add", "WHATEVER_X"], "write WHATEVER_X=provider:label"),
        (["allow", "../nonexist"], "there is no folder ../nonexist"),
        (["set", "openai"], "'openai' is not a valid key name"),
        (["install", "tcsh"], "lkr: 'tcsh' is not one of 'bash', 'zsh', 'fish'; see lkr install --help"),
        (["audit", "--days", "x"], "lkr: --days must be a whole number from 1 to 36500; see lkr audit --help"),
        (["set"], "lkr: missing argument 'NAME'; see lkr set --help"),
        (["list", "opnai"], "did you mean openai?"),
    ],
)
def test_a_mistake_is_named_with_what_to_write_instead(user: User, words: list[str], says: str) -> None:
    done = user.run(*words, cwd=user.project("p"))
    assert done.returncode and says in done.stderr


def test_a_toml_error_keeps_its_brackets(user: User) -> None:
    folder = user.project("p", allow=False)
    (folder / ".lkr.toml").write_text("version = 1\n[keys\n")
    assert "Expected ']'" in user.lkr("allow", "--yes", cwd=folder, code=78)


def test_what_i_denied_is_called_denied(user: User) -> None:
    folder = user.project("p")
    user.lkr("deny", cwd=folder)
    assert f"{folder} is not allowed: you denied it" in user.lkr("export", "bash", cwd=folder, code=78)
    user.lkr("allow", "--yes", cwd=folder)
    assert VALUE in user.lkr("export", "bash", cwd=folder)


def test_a_bad_setting_hides_no_manifest(user: User) -> None:
    folder = user.project("p")
    user.config("color = 1\n")
    said = user.lkr("status", cwd=folder)
    assert "Project  ~/p" in said and "unknown setting" in said


def test_a_use_within_the_second_of_set_counts(user: User) -> None:
    folder = user.project("p")
    user.lkr("set", "openai:prod", "--stdin", "--force", stdin=VALUE.encode())
    user.lkr("exec", "--", "true", cwd=folder)
    row = next(row for row in json.loads(user.lkr("list", "--json")) if row["name"] == "openai:prod")
    assert row["last_use"]


def test_the_policy_of_every_key_is_one_table(user: User) -> None:
    user.lkr("policy", "openai:prod", "--agents", "deny", "--ttl", "8h", "--only", str(user.home))
    lines = shown(user, "policy")
    assert lines[0].split() == ["NAME", "AGENTS", "TTL", "PROJECTS"], "no column that is the same for all"
    assert ["openai:prod", "deny", "8h", "~"] in [line.split() for line in lines]
    assert [row["name"] for row in json.loads(user.lkr("policy", "--json"))] == ["anthropic:main", "openai:prod"]
    user.lkr("policy", "--ttl", "8h", code=64)


def test_three_hundred_keys_and_forty_projects_stay_readable(user: User) -> None:
    index = user.home / ".local/share/lkr/index/vault"
    entry = (index / "openai/prod").read_text()
    for provider in ("openai", "groq", "mistral"):
        (index / provider).mkdir(exist_ok=True)
        for number in range(100):
            (index / provider / f"customer-support-bot-{number}").write_text(entry)
            (index / provider / f"customer-support-bot-{number}").chmod(0o600)
    for number in range(40):
        user.project(f"research-and-development/project-{number}")
    lines = shown(user, "list", columns=80)
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["NAME", "SET", "LAST", "USE", "PROJECTS"]
    assert "groq  GROQ_API_KEY" in lines and "mistral  MISTRAL_API_KEY" in lines, "a group for each provider"
    assert "mistral:customer-support-bot-99" in {line.split()[0] for line in lines if line}, "names stay whole"
    (prod,) = [line for line in lines if line.startswith("openai:prod ")]
    assert prod.endswith("/project-0 +39"), "which project, and how many more"
    only = shown(user, "list", "groq", columns=80)
    assert [line for line in only if line and not line.startswith(("groq", "NAME"))] == []
    numbers = [int(line.split()[0].rpartition("-")[2]) for line in only if line.startswith("groq:")]
    assert numbers == list(range(100))
    assert max(map(len, shown(user, "policy", columns=80))) <= 80


def test_many_providers_with_one_key_each_need_one_line_each(user: User) -> None:
    index = user.home / ".local/share/lkr/index/vault"
    entry = (index / "openai/prod").read_text()
    for number in range(20):
        (index / f"vendor-{number}").mkdir()
        (index / f"vendor-{number}/main").write_text(entry)
        (index / f"vendor-{number}/main").chmod(0o600)
    for words in ("list", "policy"):
        assert len(shown(user, words)) == 1 + 22
    for number in range(20):
        (index / f"vendor-0/{number}").write_text(entry)
        (index / f"vendor-0/{number}").chmod(0o600)
        (index / f"vendor-1/{number}").write_text(entry)
        (index / f"vendor-1/{number}").chmod(0o600)
    assert "vendor-0" in shown(user, "list"), "lkr claims nothing about the variable of a vendor that it does not know"


def test_the_log_on_a_narrow_terminal_tells_projects_apart(user: User) -> None:
    for name in ("shop", "blog"):
        folder = user.project(f"clients/a-very-long-name-of-a-client-and-more/{name}")
        user.lkr("exec", "--", "true", cwd=folder)
    lines = shown(user, "audit", "--event", "exec", columns=80)
    assert lines[0].split() == ["WHEN", "EVENT", "KEYS", "PROJECT", "PROGRAM"]
    assert max(map(len, lines)) <= 80
    assert "/shop " in lines[1] and "/blog " in lines[2]
    assert "ago" in lines[1] or "just now" in lines[1]


def test_a_key_s_policy_is_in_words_on_a_terminal(user: User) -> None:
    user.lkr("policy", "openai:prod", "--agents", "deny", "--ttl", "8h")
    said = [re.split("  +", line) for line in shown(user, "policy", "openai:prod")]
    assert ["Agents", "deny: never"] in said
    assert ["Time limit", "8h after loading"] in said


def test_a_project_with_many_missing_keys_says_so_in_one_line(user: User) -> None:
    keys = "\n".join(f'K{number}_API_KEY = "groq:k{number}"' for number in range(30))
    folder = user.project("p", f'OPENAI_API_KEY = "openai:prod"\n{keys}', allow=False)
    child = user.on_terminal("allow", cwd=folder, columns=100)
    child.expect_exact("Allow?")
    said = child.before or ""
    child.close(force=True)
    assert "+ K5_API_KEY     ← groq:k5" in said, "the arrows are aligned"
    assert said.count("not stored") == 1
    assert "groq:k4 and 25 more keys are not stored; lkr init asks for them" in said


def test_doctor_has_headings_on_a_terminal(user: User) -> None:
    said = shown(user, "doctor", columns=80)
    assert said[0] == "Setup"
    (problems,) = [line for line in said if line.startswith("Problems (")]
    assert int(problems.split("(")[1].rstrip(")")) == len([line for line in said if line.startswith("wrong: ")])
    assert "Setup" not in user.lkr("doctor", code=1)


def test_a_display_that_is_gone_is_not_called_a_clipboard(user: User) -> None:
    controller, terminal = pty.openpty()
    env = {**user.env, "DISPLAY": ":77"}
    done = subprocess.run(
        [f"{BIN}/lkr", "get", "openai:prod"], env=env, stdout=terminal, stderr=subprocess.PIPE, text=True, timeout=60
    )
    os.close(terminal)
    os.close(controller)
    assert done.returncode == 1
    assert "is there a display :77?" in done.stderr
    assert "for 30 s" not in done.stderr
