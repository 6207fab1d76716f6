"""Key management: get and its guard, gen, import, rotate, exec, as a person or a program meets them."""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import displays
import jsonschema
import pexpect
import pytest
from conftest import BIN, OTHER, VALUE, User
from forms import form, rows
from shells import Shell, wait_until

from lkrshell.cli.cmd_get import mask
from lkrshell.vendors import providers

A, B = "OPENAI_API_KEY", "ANTHROPIC_API_KEY"


def terminal(user: User, *words: str, **more: str) -> tuple[int, str]:
    """Runs lkr with a terminal on all three; exit code and what was on the screen."""
    child = user.on_terminal(*words, env=more)
    child.expect(pexpect.EOF)
    child.close()
    return int(child.exitstatus or 0), str(child.before)


@pytest.mark.parametrize(
    ("options", "on_terminal", "in_pipe"),
    [
        ([], 0, 2), (["--show"], 0, 2), (["--plain"], 0, 2), (["--force-plain"], 0, 0),
        (["--json"], 0, 0), (["--json", "--show"], 0, 2), (["--plain", "--show"], 64, 64),
        (["--json", "--plain"], 64, 64),
    ],
)  # fmt: skip
def test_the_terminal_guards_whole_matrix(
    user: User, x11: dict[str, str], options: list[str], on_terminal: int, in_pipe: int
) -> None:
    clear = any(option in options for option in ("--show", "--plain", "--force-plain"))
    code, screen = terminal(user, "get", "openai:prod", *options, **x11)
    assert code == on_terminal, screen
    assert (VALUE in screen) == (clear and on_terminal == 0)
    user.env |= x11
    out = user.lkr("get", "openai:prod", *options, code=in_pipe)
    assert (VALUE in out) == (clear and in_pipe == 0)
    user.by_agent()
    code, screen = terminal(user, "get", "openai:prod", *options, **x11)
    assert VALUE not in screen, "an agent gets no value, with or without a terminal"
    assert code == 2


@pytest.mark.parametrize("length", [1, 4, 7, 8, 12, 20, 31, 32, 64, 200])
def test_a_mask_never_shows_more_than_a_quarter(length: int) -> None:
    value = "".join(chr(0x4E00 + number) for number in range(length))
    masked = mask(value)
    shown = [char for char in masked if char in value]
    assert len(shown) <= length / 4
    assert len(shown) <= 8
    assert mask("sk-proj-" + "a" * 60 + "3xYz") == "sk-p...3xYz"


@pytest.fixture(scope="module")
def x11() -> Iterator[dict[str, str]]:
    """A display for xclip."""
    with displays.x_server() as display:
        yield {"DISPLAY": display}


def pasted(x11: dict[str, str]) -> str:
    done = subprocess.run(
        ["xclip", "-selection", "clipboard", "-o"], env={**os.environ, **x11}, capture_output=True, text=True
    )
    return done.stdout


def nobody_clears(user: User) -> bool:
    """No process of `lkr get` waits any more to clear the user's clipboard."""
    for folder in Path("/proc").iterdir():
        try:
            ours = b"lkrshell.system.clipboard" in (folder / "cmdline").read_bytes()
            if ours and f"HOME={user.home}\0".encode() in (folder / "environ").read_bytes():
                return False
        except OSError:
            continue
    return True


def test_the_clipboard_is_cleared_after_a_while_even_when_the_terminal_is_gone(user: User, x11: dict[str, str]) -> None:
    code, screen = terminal(user, "get", "openai:prod", "--clear-after", "2", **x11)
    assert code == 0, screen
    assert "sk-...nai" in screen
    assert pasted(x11) == VALUE
    wait_until(lambda: pasted(x11) == "")


def test_a_value_that_reaches_the_clipboard_late_is_waited_for_and_cleared(user: User, x11: dict[str, str]) -> None:
    """xclip ends before it owns the clipboard. This one makes that time long."""
    slow, arrived = user.home / "bin/xclip", user.home / "arrived"
    slow.parent.mkdir()
    slow.write_text(f"""#!/bin/sh
case "$*" in *-o*) exec /usr/bin/xclip "$@" ;; esac
value=$(cat)
(until [ -e {arrived} ]; do sleep 0.02; done; sleep 0.5; printf %s "$value" | /usr/bin/xclip "$@") >/dev/null 2>&1 &
""")
    slow.chmod(0o755)
    path = {"PATH": f"{slow.parent}:{user.env['PATH']}"}
    subprocess.run(["xclip", "-selection", "clipboard"], input=b"mine", env={**os.environ, **x11}, check=True)
    wait_until(lambda: pasted(x11) == "mine")
    code, screen = terminal(user, "get", "openai:prod", "--clear-after", "4", **x11, **path)
    assert code == 1 and "nothing reached the clipboard" in screen
    assert pasted(x11) == "mine"
    arrived.touch()
    wait_until(lambda: pasted(x11) == VALUE)
    wait_until(lambda: pasted(x11) == "")
    code, screen = terminal(user, "get", "openai:prod", "--clear-after", "1", **x11, **path)
    assert code == 0 and "it is in the clipboard for 1 s" in screen
    wait_until(lambda: pasted(x11) == "")


def test_a_clipboard_with_something_else_in_it_is_left_alone(user: User, x11: dict[str, str]) -> None:
    terminal(user, "get", "openai:prod", "--clear-after", "2", **x11)
    subprocess.run(["xclip", "-selection", "clipboard"], input=b"mine", env={**os.environ, **x11}, check=True)
    wait_until(lambda: nobody_clears(user))
    assert pasted(x11) == "mine"


def test_over_ssh_the_terminal_takes_it(user: User) -> None:
    code, screen = terminal(user, "get", "openai:prod", SSH_TTY="/dev/pts/0")
    assert code == 0
    assert "\x1b]52;c;" in screen
    assert "cannot clear" in screen


def test_without_a_clipboard_it_says_so(user: User) -> None:
    code, screen = terminal(user, "get", "openai:prod", PATH=BIN)
    assert code == 1
    assert "no clipboard here" in screen
    assert VALUE not in screen


def test_exec_gives_what_is_asked_and_never_an_admin_key(user: User) -> None:
    user.lkr("set", "groq:admin", "--stdin", "--kind", "admin", stdin=b"gsk_admin_12345678")
    show = "import os,json; print(json.dumps(dict(os.environ)))"
    env = json.loads(user.lkr("exec", "--all", "--", "python3", "-c", show))
    assert (env[A], env[B]) == (VALUE, OTHER)
    assert "GROQ_API_KEY" not in env
    user.lkr("exec", "-k", "groq:admin", "--", "true", code=2)
    user.env |= {"MISTRAL_API_KEY": "left", "SOMETHING": "hf_abcdefghijklmnop", "PLAIN": "stays"}
    out = user.lkr("exec", "-k", "openai:prod", "--clean", "--", "env")
    assert f"{A}={VALUE}" in out
    assert "MISTRAL" not in out
    assert "SOMETHING" not in out
    assert "PLAIN=stays" in out
    user.lkr("set", "openai:two", "--stdin", stdin=b"sk-second-12345678")
    assert "openai:prod or openai:two" in user.lkr("exec", "--all", "--", "true", code=64)


def test_exec_is_the_command_signals_and_exit_code_and_all(user: User) -> None:
    folder = user.project("p")
    user.lkr("exec", "--", "sh", "-c", "exit 41", cwd=folder, code=41)
    user.lkr("exec", "--", "no-such-command", cwd=folder, code=127)
    user.lkr("exec", "--", str(folder), cwd=folder, code=126)
    child = subprocess.Popen(
        [f"{BIN}/lkr", "exec", "--", "sleep", "60"], env=user.env, cwd=folder, stderr=subprocess.PIPE
    )
    assert child.stderr
    assert b"no terminal here" in child.stderr.readline()
    command = Path(f"/proc/{child.pid}/cmdline")
    wait_until(lambda: command.read_bytes() == b"sleep\x0060\x00")  # the same process
    child.send_signal(signal.SIGTERM)
    assert child.wait(10) == -signal.SIGTERM


ENV = f"""# head
export {A}="sk-imported-'1'-12345678"   # the key
{B}='sk-ant-line1
line2'
BASE=x
MISTRAL_API_KEY=${{BASE}}-interpolated # note
EMPTY_API_KEY=
PORT=80 # stays
"""


def test_one_name_is_not_for_several_keys(user: User) -> None:
    (user.home / ".env").write_text("GROQ_API_KEY=gsk_one\nMISTRAL_API_KEY=two\n")
    said = user.lkr("import", ".env", "--yes", "--as", "groq:main", code=64)
    assert said == "lkr: --as names one key, but there are 2; leave --as out\n"
    assert not (user.home / ".lkr.toml").exists() and "groq" not in user.lkr("list")


def test_the_name_for_an_imported_key_must_be_one(user: User) -> None:
    (user.home / ".env").write_text("GROQ_API_KEY=gsk_0123456789\n")
    said = user.lkr("import", ".env", "--yes", "--as", "prod", code=64)
    assert "'prod' is not a valid key name" in said


def test_import_stores_no_placeholder_and_follows_a_reference(user: User) -> None:
    folder = user.home / "p"
    folder.mkdir()
    (folder / ".env").write_text(
        "OPENAI_API_KEY=your-key-here\nANTHROPIC_API_KEY=sk-ant-...\nGROQ_API_KEY=<key>\nXAI_API_KEY=$NOWHERE\n"
        "OURS=sk-0123456789abcdef\nDEEPSEEK_API_KEY=$OURS\nTOGETHER_API_KEY=EMPTY\nCOHERE_API_KEY=changeme\n"
    )
    said = user.lkr("import", ".env", "--yes", cwd=folder)
    for variable in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GROQ_API_KEY", "COHERE_API_KEY"):
        assert f"skipped {variable}: its value is a placeholder, not a key" in said
    assert "skipped XAI_API_KEY: it uses NOWHERE" in said
    text = (folder / ".lkr.toml").read_text()
    assert text.split("[keys]")[1].split() == [
        *("DEEPSEEK_API_KEY", "=", '"deepseek:main"'),
        *("TOGETHER_API_KEY", "=", '"together:main"'),
    ]
    assert user.lkr("exec", "--", "printenv", "DEEPSEEK_API_KEY", cwd=folder) == "sk-0123456789abcdef\n"


def test_import_leaves_references_to_other_stores_in_the_file(user: User) -> None:
    folder = user.home / "p"
    folder.mkdir()
    references = (
        "MISTRAL_API_KEY=$(op read op://dev/mistral/key)\nXAI_API_KEY=op://dev/xai/key\nCOHERE_API_KEY=`pass cohere`\n"
        "TOGETHER_API_KEY=vault:secret/data/ai#together\nFIREWORKS_API_KEY=ref+awssecrets://ai/fireworks\n"
        'DEEPSEEK_API_KEY="encrypted:BDqDBibm4wsYqMpCjTQ6BsDHmMadg9K3dAt+Z9HPMfLEIRVz50hmLXPXRuDBXaJi"\n'
    )
    (folder / ".env").write_text(f"{references}GROQ_API_KEY=gsk_0123456789abcdef\n")
    said = user.lkr("import", ".env", "--yes", "--blank", cwd=folder)
    for line in references.splitlines():
        assert f"skipped {line.partition('=')[0]}: its value is a command or a reference to a key, not a key" in said
    assert (folder / ".lkr.toml").read_text().split("[keys]")[1].split() == ["GROQ_API_KEY", "=", '"groq:main"']
    assert (folder / ".env").read_text() == f"{references}# GROQ_API_KEY= moved to lkr: groq:main\n"
    user.lkr("add", "MISTRAL_API_KEY=openai:prod", cwd=folder)
    user.lkr("import", ".env", "--yes", "--blank", cwd=folder, code=1)
    assert (folder / ".env").read_text().startswith(references), "nor does the manifest's own variable lose it"


def test_init_leaves_references_to_other_stores_in_the_file(user: User) -> None:
    folder = user.home / "p"
    folder.mkdir()
    (folder / ".env").write_text("MISTRAL_API_KEY=op://dev/mistral/key\n")
    user.lkr("init", "--yes", "--import", cwd=folder)
    assert "mistral" not in user.lkr("list")
    assert (folder / ".env").read_text() == "MISTRAL_API_KEY=op://dev/mistral/key\n"


def test_import_takes_no_name_of_a_key_for_its_value(user: User) -> None:
    folder = user.project("p")
    said = user.lkr("import", ".lkr.toml", "--yes", "--replace", cwd=folder, code=1)
    assert f"skipped {A}: its value is a placeholder" in said and "no keys found there" in said
    assert VALUE in user.lkr("exec", "--", "env", cwd=folder)


def test_import_says_that_a_value_does_not_look_like_a_key_of_its_provider(user: User) -> None:
    (user.home / ".env").write_text("GROQ_API_KEY=0123456789abcdef\n")
    assert "keys of groq begin with gsk_, this one does not" in user.lkr("import", ".env", "--dry-run")


def test_a_key_of_another_vendor_is_noticed_though_its_beginning_fits(user: User) -> None:
    said = user.lkr("set", "openai:x", "--stdin", stdin=OTHER.encode())
    assert (
        "lkr: this looks like a key of anthropic, not of openai; if that is a mistake, run this again\n" in said
        and OTHER not in said
    )
    assert "looks like" not in user.lkr("set", "anthropic:x", "--stdin", stdin=OTHER.encode())
    assert "looks like" not in user.lkr("set", "deepseek:x", "--stdin", stdin=b"sk-0123456789")


@pytest.mark.parametrize("blanks", ["{}\n{}\n", "{} {}", "{}\r\n\r\n{}"])
def test_set_takes_one_key_and_not_two(user: User, blanks: str) -> None:
    value = blanks.format("sk-0123456789", "sk-9876543210").encode()
    said = user.lkr("set", "openai:x", "--stdin", stdin=value, code=64)
    assert said.startswith("lkr: the value looks like 2 keys of openai; pass only one; lkr set openai:x --force ")
    assert user.lkr("rotate", "openai:prod", "--stdin", stdin=value, code=64)
    user.lkr("set", "openai:x", "--stdin", "--force", stdin=value)
    assert user.lkr("get", "openai:x", "--force-plain").startswith(value.decode().removesuffix("\n"))


def test_set_leaves_out_the_spaces_around_a_key_but_not_around_what_may_need_them(user: User) -> None:
    said = user.lkr("set", "openai:x", "--stdin", stdin=b"  sk-0123456789 \r\n\n")
    assert said.startswith("lkr: left out the spaces or line breaks around the value\nlkr: stored")
    assert user.lkr("get", "openai:x", "--force-plain").startswith("sk-0123456789\n")
    said = user.lkr("set", "openai:y", "--stdin", stdin=b"sk-0123456789\nno key")
    assert "line breaks in it; if that is a mistake, run this again" in said
    assert "spaces around it" in user.lkr("set", "openai:z", "--stdin", stdin=b"  ")
    account = b'{\n  "private_key": "x"\n} '
    assert "line breaks in it; if that" in user.lkr("set", "google:account", "--stdin", stdin=account)
    assert user.lkr("get", "google:account", "--force-plain").startswith(account.decode())


def test_rename_to_another_provider_says_what_that_changes(user: User) -> None:
    said = user.lkr("rename", "openai:prod", "anthropic:x")
    assert "lkr: its variable is now ANTHROPIC_API_KEY\nlkr: keys of anthropic begin with sk-ant-" in said
    assert said.endswith("; to undo this: lkr rename anthropic:x openai:prod\n") and VALUE not in said
    assert user.lkr("rename", "anthropic:x", "mine:x").endswith("lkr: lkr knows no variable for mine\n")
    assert user.lkr("rename", "mine:x", "mine:y") == "lkr: mine:x is now mine:y\n"


def test_blank_takes_out_an_empty_line_of_a_variable_in_the_manifest(user: User) -> None:
    folder = user.project("p")
    env = folder / ".env"
    env.write_text("OPENAI_API_KEY=\nEMPTY_API_KEY=\nGROQ_API_KEY=gsk_0123456789\n")
    assert "commented OPENAI_API_KEY out in .env" in user.lkr("import", ".env", "--yes", "--blank", cwd=folder)
    assert env.read_text() == (
        "# OPENAI_API_KEY= moved to lkr: openai:prod\nEMPTY_API_KEY=\n# GROQ_API_KEY= moved to lkr: groq:main\n"
    )


def test_blank_keeps_the_line_ends_of_an_old_mac(user: User) -> None:
    folder = user.project("p")
    (folder / ".env").write_bytes(b"GROQ_API_KEY=gsk_0123456789\rPORT=80\r")
    user.lkr("import", ".env", "--yes", "--blank", cwd=folder)
    assert (folder / ".env").read_bytes() == b"# GROQ_API_KEY= moved to lkr: groq:main\rPORT=80\r"


def test_blank_leaves_a_variable_that_the_file_gives_several_values(user: User) -> None:
    folder = user.project("p", allow=False)
    (folder / ".lkr.toml").unlink()
    env = folder / ".env"
    env.write_text("GROQ_API_KEY=gsk_first\nMISTRAL_API_KEY=same\nMISTRAL_API_KEY=same\nGROQ_API_KEY=gsk_last\n")
    said = user.lkr("import", ".env", "--yes", "--blank", cwd=folder)
    assert "left GROQ_API_KEY in .env, which gives it several values; lkr stored the last one" in said
    assert "gsk_" not in said
    moved = "# MISTRAL_API_KEY= moved to lkr: mistral:main\n"
    assert env.read_text() == f"GROQ_API_KEY=gsk_first\n{moved}{moved}GROQ_API_KEY=gsk_last\n"


def test_import_stores_names_and_blanks(user: User) -> None:
    folder = user.home / "p"
    folder.mkdir()
    env = folder / ".env"
    env.write_text(ENV)
    assert "openai:main (new)" in user.lkr("import", ".env", "--dry-run", cwd=folder)
    assert not (folder / ".lkr.toml").exists()
    user.lkr("import", ".env", cwd=folder, code=2)
    said = user.lkr("import", ".env", "--yes", "--blank", cwd=folder)
    assert "anthropic:main (differs)" in said
    assert "sk-" not in said
    show = f'printf "%s|%s" "${A}" "$MISTRAL_API_KEY"'
    assert user.lkr("exec", "--", "sh", "-c", show, cwd=folder).endswith("sk-imported-'1'-12345678|x-interpolated")
    assert env.read_text() == (
        f"# head\n# {A}= moved to lkr: openai:main   # the key\n{B}='sk-ant-line1\nline2'\nBASE=x\n"
        "# MISTRAL_API_KEY= moved to lkr: mistral:main # note\n"
        "EMPTY_API_KEY=\nPORT=80 # stays\n"
    )
    user.lkr("import", ".env", "--yes", "--replace", "--blank", cwd=folder)
    assert "sk-ant" not in env.read_text()
    assert user.lkr("exec", "-k", "anthropic:main", "--", "sh", "-c", f'printf %s "${B}"').endswith(
        "sk-ant-line1\nline2"
    )


def test_import_from_the_environment(user: User) -> None:
    user.env |= {"TAVILY_API_KEY": "tvly-12345678901234", "PATHLIKE": "/x"}
    assert "tavily:main (new)" in user.lkr("import", "--environment", "--yes")
    del user.env["TAVILY_API_KEY"]
    assert "tvly-12345678901234" in user.lkr("exec", "--", "env")


def test_rotate_reaches_live_values_and_can_be_undone(user: User) -> None:
    folder = user.project("p")

    def value() -> str:
        return user.lkr("exec", "--", "sh", "-c", f'printf %s "${A}"', cwd=folder).splitlines()[-1]

    user.lkr("rotate", "openai:prod", "--stdin", stdin=b"sk-rotated-12345678")
    assert value() == "sk-rotated-12345678"
    assert "already being rotated" in user.lkr("rotate", "openai:prod", "--stdin", stdin=b"sk-third-12345678", code=1)
    assert "--old" not in user.lkr("list")
    user.lkr("rotate", "openai:prod", "--undo")
    assert value() == VALUE
    user.lkr("rotate", "openai:prod", "--stdin", stdin=b"sk-rotated-12345678")
    user.lkr("rotate", "openai:prod", "--confirm")
    assert value() == "sk-rotated-12345678"
    assert "not being rotated" in user.lkr("rotate", "openai:prod", "--undo", code=1)
    user.lkr("set", "openai:x--old", "--stdin", stdin=b"x", code=64)


def test_there_are_many_providers_and_users_add_their_own(user: User) -> None:
    assert len(providers.known()) >= 30
    user.config('[providers.acme]\nvariable = "ACME_API_KEY"\nprefix = "acme-"\n')
    assert "begin with acme-" in user.lkr("set", "acme:main", "--stdin", stdin=b"other-12345678")
    assert "other-12345678" in user.lkr("exec", "-k", "acme:main", "--", "env")
    user.config('[providers.acme]\nvariable = "PATH"\n')
    assert "the provider 'acme' is not valid" in user.lkr("exec", "-k", "acme:main", "--", "env", code=1)


TEXTS = {"type": "array", "items": {"type": "string"}}
# as in the manifest
SCOPE = {"oneOf": [{"enum": ["shell", "exec"]}, form(commands={"type": "array", "items": {"type": "string"}})]}
SCHEMAS: dict[tuple[str, ...], dict[str, object]] = {
    ("list",): rows(
        name="string", kind={"enum": ["runtime", "admin"]}, variable="string|null", created="string",
        rotated="string|null", last_use="string|null", ttl="integer|null", projects=TEXTS,
    ),
    ("get", "openai:prod"): form(name="string", kind="string", value={"pattern": r"^sk-\.\.\.nai$"}),
    ("policy", "openai:prod"): form(
        name="string", kind="string", only=TEXTS, agents="string", ttl="integer|null", confirm="boolean",
        via={"enum": ["environment", "broker"]}, models=TEXTS, budget="string|null", rate="string|null",
        tokens="string|null",
    ),
    ("doctor",): rows(
        check="string", level={"enum": ["fact", "warning", "wrong"]}, text="string", fix="string", fixed="boolean"
    ),
    ("import", ".env", "--dry-run"): rows(
        variable="string", name="string", state={"enum": ["new", "same", "differs"]}
    ),
    ("gen", ".env.example", "--force"): form(
        file="string", git_sees="boolean", keys=rows(place="string", name="string")
    ),
    ("status",): form(
        manifest="string|null", grant="string|null", worktree_of="string|null", problem="string|null",
        store="string", locked="boolean", left="integer|null",
        loaded="object", changed="object", broker=TEXTS, profile="string|null", profile_by="string|null",
        profiles="array", direnv="array",
        wants=rows(
            variable="string", key="string", scope=SCOPE, stored="boolean", optional="boolean", copy="object|null",
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("words", SCHEMAS, ids=" ".join)
def test_json_has_its_form_and_no_color(user: User, words: tuple[str, ...]) -> None:
    own = '{ key = "anthropic:main", scope = { commands = ["python", "claude"] } }'
    folder = user.project("p", f'{A} = "openai:prod"\nANTHROPIC_API_KEY = {own}')
    (folder / ".env").write_text("GROQ_API_KEY=gsk_12345678901234\n")
    (folder / ".env.example").write_text(f"{A}=\n")
    user.lkr("install", "bash", "zsh", "fish", "--yes")  # or something is wrong, for doctor
    done = user.run(*words, "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    out = done.stdout
    jsonschema.Draft202012Validator(SCHEMAS[words]).validate(json.loads(out))
    assert "\x1b" not in out
    assert VALUE not in out
    assert "gsk_" not in out


def test_status_says_a_scope_as_the_manifest_does(user: User) -> None:
    own = '{ key = "openai:prod", scope = { commands = ["python", "claude"] } }'
    folder = user.project("p", f"{A} = {own}")
    (want,) = json.loads(user.lkr("status", "--json", cwd=folder))["wants"]
    assert want["scope"] == {"commands": ["python", "claude"]}
    said = user.lkr("status", cwd=folder)
    assert "Project  ~/p, allowed " in said
    assert "OPENAI_API_KEY  openai:prod  only for python claude\n" in said
    assert "Store    vault, unlocked for " in said
    assert "Problem" not in said
    (folder / ".lkr.toml").write_text("version = 1\nkeys = 3\n")
    assert "Problem  " in user.lkr("status", cwd=folder)
    assert "Project  none: no .lkr.toml here or above\n" in user.lkr("status", cwd=user.home)


def test_the_audit_log_as_json_is_a_line_a_use_of_one_form(user: User) -> None:
    folder = user.project("p")
    user.lkr("exec", "--", "true", cwd=folder)
    fields = "time event project keys variables process ancestors terminal agent".split()
    lines = user.lkr("audit", "--json").splitlines()
    assert len(lines) > 3
    for line in lines:
        jsonschema.Draft202012Validator(form(**dict.fromkeys(fields, "string"))).validate(json.loads(line))
        assert VALUE not in line


def test_nobody_waits_while_rotate_asks_for_the_new_value(user: User) -> None:
    child = user.on_terminal("rotate", "openai:prod")
    child.expect("New value of openai:prod")
    child.expect(":")
    done = subprocess.run(
        [f"{BIN}/lkr", "set", "groq:other", "--stdin"], input=b"gsk_12345678901234", env=user.env, timeout=30
    )
    assert done.returncode == 0
    child.sendline("sk-rotated-12345678")
    child.expect("has a new value")
    child.close()


def test_no_hash_of_a_value_is_in_any_file(user: User) -> None:
    user.lkr("exec", "-k", "openai:prod", "--", "true")
    hashes = [hashlib.new(name, VALUE.encode()).hexdigest().encode() for name in ("sha256", "sha1", "md5", "blake2b")]
    for path in user.home.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert VALUE.encode() not in data
            assert not any(each in data for each in hashes)


def test_import_from_pass(user: User, tmp_path: Path) -> None:
    home = tmp_path / "gnupg"
    home.mkdir(mode=0o700)
    user.env["GNUPGHOME"] = str(home)
    folder = user.home / "p"
    folder.mkdir()
    run = {"env": user.env, "check": True, "capture_output": True}
    subprocess.run(["gpg", "--batch", "--passphrase", "", "--quick-gen-key", "me@example.org"], **run)  # type: ignore[call-overload]
    subprocess.run(["pass", "init", "me@example.org"], **run)  # type: ignore[call-overload]
    subprocess.run(["pass", "insert", "-m", "llm/groq"], input=b"gsk_frompass12345\nuser: me\n", **run)  # type: ignore[call-overload]
    assert "groq:main (new)" in user.lkr("import", "--from", "pass:llm/groq", "--as", "groq:main", "--yes", cwd=folder)
    assert "gsk_frompass12345" in user.lkr("exec", "--", "env", cwd=folder)
    user.lkr("import", "--from", "pass:llm/none", "--as", "groq:main", "--yes", cwd=folder, code=1)
    user.lkr("import", "--from", "1password:x", "--as", "groq:main", "--yes", cwd=folder, code=64)
    subprocess.run(["gpgconf", "--kill", "all"], **run)  # type: ignore[call-overload]


def test_list_says_which_projects_have_a_key_and_when_it_was_used(user: User) -> None:
    for name in ("a", "b", "c"):
        user.project(name)
    assert f"{A}     ~/a, ~/b and 1 more" in user.lkr("list")
    user.lkr("deny", str(user.home / "a"))
    listed = {row["name"]: row["projects"] for row in json.loads(user.lkr("list", "--json"))}
    assert listed == {"openai:prod": [str(user.home / "b"), str(user.home / "c")], "anthropic:main": []}
    assert "never used" in user.lkr("list")
    shutil.rmtree(user.home / "b")
    assert f"{A}     ~/c\n" in user.lkr("list"), "a project that is gone does not count"


def test_colors_are_for_terminals_and_not_with_no_color(user: User) -> None:
    assert "\x1b[" in terminal(user, "list", TERM="xterm")[1]
    assert "\x1b[" not in terminal(user, "list", TERM="xterm", NO_COLOR="1")[1]
    assert "\x1b[" not in user.lkr("list")


def test_a_piped_value_needs_no_option(user: User) -> None:
    user.lkr("set", "groq:piped", stdin=b"gsk_12345678901234\n")
    assert "GROQ_API_KEY=gsk_12345678901234\n" in user.lkr("exec", "-k", "groq:piped", "--", "env")


def test_exec_in_a_bare_environment_as_cron_gives_it(user: User) -> None:
    folder = user.project("p")
    bare = {"HOME": str(user.home), "PATH": "/usr/bin:/bin", "LKR_BACKEND": "vault"}
    run = [f"{BIN}/lkr", "exec", "--", "sh", "-c", f'printf %s "${A}"']
    done = subprocess.run(run, env=bare, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
    assert done.stdout == VALUE.encode()
    assert done.stderr == f"lkr: no terminal here; 'sh' gets {A}\n".encode()
    out = user.lkr("exec", "--all", "--clean", "--", "true")
    assert "no keys" not in out
    user.lkr("rm", "openai:prod", "--force")
    user.lkr("rm", "anthropic:main", "--force")
    assert "no keys for it" in user.lkr("exec", "--all", "--", "true")


def test_exec_is_quiet_when_my_settings_say_so(user: User) -> None:
    folder = user.project("p")
    user.config("quiet = true\n")
    for words in (["exec", "--", "true"], ["exec", "--all", "--", "true"]):
        done = user.run(*words, cwd=folder)
        assert (done.returncode, done.stderr) == (0, ""), words


def test_a_rotated_key_is_in_live_shells_at_the_next_prompt(user: User, open_shell: Callable[..., Shell]) -> None:
    shell = open_shell(folder=user.project("p"))
    assert shell.value(A) == VALUE
    user.lkr("rotate", "openai:prod", "--stdin", stdin=b"sk-rotated-12345678")
    shell.run(":")
    assert shell.value(A) == "sk-rotated-12345678"
    user.lkr("rotate", "openai:prod", "--undo")
    shell.run(":")
    assert shell.value(A) == VALUE


def test_import_asks_about_conflicts_and_keeps_what_was_set_for_the_key(user: User) -> None:
    folder = user.home / "p"
    folder.mkdir()
    user.lkr("policy", "anthropic:main", "--ttl", "8h")
    (folder / ".env").write_text(f"{B}=sk-ant-second-12345678\nCLAUDE_API_KEY=sk-ant-third-12345678\n")
    child = user.on_terminal("import", ".env", cwd=folder)
    child.expect("CLAUDE_API_KEY → anthropic:claude-api-key")
    assert not (folder / ".lkr.toml").exists(), "the plan comes first"
    child.expect("Store these")
    child.sendline("y")
    child.expect("Replace it")
    child.sendline("n")
    child.expect("Another label")
    child.sendline("second")
    child.expect("Take the values out")
    child.sendline("y")
    child.expect(pexpect.EOF)
    assert (folder / ".env").read_text() == (
        f"# {B}= moved to lkr: anthropic:second\n# CLAUDE_API_KEY= moved to lkr: anthropic:claude-api-key\n"
    )
    out = user.lkr("exec", "--", "env", cwd=folder)
    assert f"{B}=sk-ant-second-12345678\n" in out
    assert "CLAUDE_API_KEY=sk-ant-third-12345678\n" in out
    assert OTHER in user.lkr("exec", "-k", "anthropic:main", "--", "env")
    (folder / ".env").write_text(f"{B}=sk-ant-fourth-12345678\n")
    user.lkr("import", ".env", "--yes", "--replace", cwd=folder)
    assert json.loads(user.lkr("policy", "anthropic:main", "--json"))["ttl"] == 8 * 3600
    user.by_agent()
    user.lkr("import", ".env", "--yes", cwd=folder, code=2)


@pytest.fixture
def wayland() -> Iterator[dict[str, str]]:
    """A compositor without a screen, for wl-clipboard. sway refuses to be root."""
    runtime = tempfile.mkdtemp(prefix="lkr-wayland-")
    Path(runtime, "config").write_text("xwayland disable\n")
    other: list[str] = []
    if os.getuid() == 0:
        other = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        os.chown(runtime, 65534, 65534)
    headless = {"WLR_BACKENDS": "headless", "WLR_RENDERER": "pixman", "WLR_LIBINPUT_NO_DEVICES": "1"}
    server = subprocess.Popen(
        [*other, "sway", "-c", f"{runtime}/config"],
        env={"XDG_RUNTIME_DIR": runtime, "PATH": "/usr/bin:/bin", "HOME": runtime, **headless},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        sockets = Path(runtime)
        wait_until(lambda: list(sockets.glob("wayland-?")))
        (display,) = sockets.glob("wayland-?")
        yield {"XDG_RUNTIME_DIR": runtime, "WAYLAND_DISPLAY": display.name}
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(runtime)


def test_the_clipboard_under_wayland_is_cleared_only_if_it_is_still_ours(user: User, wayland: dict[str, str]) -> None:
    def wl_paste() -> str:
        env = {**os.environ, **wayland}
        return subprocess.run(["wl-paste", "-n"], env=env, capture_output=True, text=True, timeout=60).stdout

    code, screen = terminal(user, "get", "openai:prod", "--clear-after", "2", **wayland)
    assert code == 0, screen
    assert wl_paste() == VALUE
    wait_until(lambda: wl_paste() == "")
    wait_until(lambda: nobody_clears(user))
    terminal(user, "get", "openai:prod", "--clear-after", "2", **wayland)
    subprocess.run(["wl-copy"], input=b"mine", env={**os.environ, **wayland}, check=True, timeout=60)
    wait_until(lambda: nobody_clears(user))
    assert wl_paste() == "mine"
