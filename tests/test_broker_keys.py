"""Virtual keys as their users see them, in shells, commands and agents. The broker is real, the vendor is ours."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyrage
import pytest
from brokered_users import CALL, FOR_ALL, Brokered, Inside
from conftest import OTHER, VALUE, User
from shells import Shell, account
from vendor import Standin

import lkrshell


@pytest.fixture
def brokered(user: User, standin: Standin, tmp_path: Path) -> Brokered:
    return Brokered(user, standin, tmp_path)


def shell_env(shell: Shell, *names: str) -> dict[str, str]:
    """Exported variables of a shell."""
    return {name: str(shell.value(name)) for name in names}


def test_a_command_calls_the_vendor_with_a_virtual_key_and_the_vendor_sees_the_real_one(brokered: Brokered) -> None:
    out = brokered.exec(sys.executable, str(brokered.call))
    assert out.startswith("200 "), out
    assert [seen.header("authorization") for seen in brokered.vendor.seen] == [f"Bearer {VALUE}"]
    env = brokered.exec("env")
    assert VALUE not in env and OTHER not in env
    assert "OPENAI_API_KEY=lkr-vk-" in env and "OPENAI_BASE_URL=http://127.0.0.1:" in env
    assert "ANTHROPIC_API_KEY=lkr-vk-" in env and "ANTHROPIC_BASE_URL=http://127.0.0.1:" in env


# In a shell.


def test_entering_gives_virtual_keys_and_leaving_restores_what_i_had(
    brokered: Brokered, open_shell: Callable[..., Shell]
) -> None:
    shell = open_shell(OPENAI_BASE_URL="https://mine.example/v1", http_proxy="http://proxy.example", no_proxy="intra")
    entered = shell.run("cd p")
    line = "lkr: +OPENAI_API_KEY (openai:prod by the broker) +ANTHROPIC_API_KEY (anthropic:main by the broker)"
    assert line in entered
    assert str(shell.value("OPENAI_API_KEY")).startswith("lkr-vk-")
    assert str(shell.value("OPENAI_BASE_URL")).startswith("http://127.0.0.1:")
    assert str(shell.value("OPENAI_BASE_URL")).endswith("/openai/v1")
    assert shell.value("no_proxy") == "intra,127.0.0.1"
    assert "200 None" in shell.run(f"{sys.executable} {brokered.call}")
    assert VALUE not in shell.log and OTHER not in shell.log
    assert "loaded, by the broker" in (status := shell.run("lkr status")) and "changed since" not in status
    assert "(openai:prod)" not in shell.run("cd p; cd .")
    shell.run("cd ..")
    assert shell.value("OPENAI_API_KEY") is None
    assert shell.value("OPENAI_BASE_URL") == "https://mine.example/v1"
    assert shell.value("OPENAI_API_BASE") is None
    assert shell.value("no_proxy") == "intra"


def test_a_shell_gets_the_same_virtual_key_again_and_another_shell_another(
    brokered: Brokered, open_shell: Callable[..., Shell]
) -> None:
    brokered.user.lkr("broker", "start")
    shell, other = open_shell(), open_shell()
    shell.run("cd p")
    first = shell.value("OPENAI_API_KEY")
    shell.run("cd ..")
    assert shell.value("OPENAI_API_KEY") is None
    shell.run("cd p")
    assert shell.value("OPENAI_API_KEY") == first
    other.run("cd p")
    assert other.value("OPENAI_API_KEY") != first


def test_the_first_need_starts_the_broker_and_no_request_is_lost(
    brokered: Brokered, open_shell: Callable[..., Shell]
) -> None:
    shell = open_shell()
    shell.run("cd p")
    assert "200 None" in shell.run(f"{sys.executable} {brokered.call}")


def test_direnv_gives_virtual_keys_too(brokered: Brokered) -> None:
    (brokered.project / ".envrc").write_text("use lkr\n")
    library = brokered.user.home / ".config/direnv/lib/lkr.sh"
    library.parent.mkdir(parents=True, exist_ok=True)
    library.write_text(brokered.user.lkr("hook", "direnv"))
    script = f'cd {brokered.project}; direnv allow; eval "$(direnv export bash)"; env; {sys.executable} {brokered.call}'
    done = subprocess.run(["bash", "-c", script], env=brokered.user.env, capture_output=True, text=True, timeout=100)
    assert "OPENAI_API_KEY=lkr-vk-" in done.stdout and "OPENAI_BASE_URL=http://127.0.0.1:" in done.stdout
    assert VALUE not in done.stdout
    assert "\n200 " in done.stdout, done.stdout + done.stderr


def test_policy_via_broker_keeps_the_key_out_of_every_environment_and_file(brokered: Brokered) -> None:
    user = brokered.user
    folder = user.project("plain")
    user.lkr("policy", "openai:prod", "--via", "broker")
    user.lkr("broker", "start")
    for words in (("exec", "--", "env"), ("exec", "-k", "openai:prod", "--", "env"), ("export", "bash")):
        out = user.lkr(*words, cwd=folder)
        assert VALUE not in out and "lkr-vk-" in out, words
    (folder / ".env.example").write_text("OPENAI_API_KEY=\n")
    out = user.lkr("gen", ".env.example", "--force", cwd=folder, code=2)
    assert VALUE not in out and "only through the broker" in out and not (folder / ".env").exists()
    (folder / "t.template").write_text("{{lkr:openai:prod}}")
    assert "only through the broker" in user.lkr("gen", "t.template", "--force", cwd=folder, code=2)
    out = user.lkr("get", "openai:prod", "--force-plain", code=2)
    assert VALUE not in out and "lkr token" in out
    with user.on_terminal("get", "openai:prod", "--show") as child:
        child.expect_exact(VALUE)


def test_an_agent_gets_by_name_no_real_key_that_the_manifest_gives_by_the_broker(brokered: Brokered) -> None:
    plain = brokered.user.project("plain")
    brokered.user.by_agent()
    show = ("sh", "-c", "echo $OPENAI_API_KEY | rev")  # so that lkr does not recognize the real key and hide it
    for options in (("-k", "openai:prod"), ("-k", "OPENAI_API_KEY=openai:prod", "-k", "OTHER_API_KEY=openai:prod")):
        assert brokered.exec(*show, options=options).strip().endswith("lkr-vk-"[::-1])
    assert VALUE[::-1] in brokered.exec(*show, options=("-k", "openai:prod"), cwd=plain)


def test_a_key_of_a_vendor_that_the_broker_does_not_know_is_refused(brokered: Brokered) -> None:
    user = brokered.user
    user.lkr("set", "huggingface:read", "--stdin", stdin=b"hf_0123456789abcdefghijklmnopqrstuvwx")
    folder = brokered.make("h", 'version = 1\nvia = "broker"\n[keys]\nHF_TOKEN = "huggingface:read"\n')
    for words in (("exec", "--", "env"), ("export", "bash")):
        out = user.lkr(*words, cwd=folder, code=2)
        assert "the broker does not serve huggingface:read" in out and "hf_" not in out
    assert "the broker does not serve huggingface:read" in user.lkr("policy", "huggingface:read", "--via", "broker")
    user.lkr("set", "bedrock:main", "--stdin", stdin=b"0123456789abcdef0123456789abcdef")
    assert "Bedrock signs each request" in user.lkr("policy", "bedrock:main", "--via", "broker")


def test_the_same_key_in_two_variables_stays_virtual_in_one_and_is_never_mixed_up(brokered: Brokered) -> None:
    text = 'version = 1\n[keys]\nOPENAI_API_KEY = { key = "openai:prod", via = "broker" }\nMY_KEY = "openai:prod"\n'
    out = brokered.user.lkr("exec", "--", "env", cwd=brokered.make("two", text))
    assert "OPENAI_API_KEY=lkr-vk-" in out and f"MY_KEY={VALUE}" in out


def test_allow_shows_what_leads_programs_to_the_broker(brokered: Brokered) -> None:
    out = brokered.user.lkr("allow", "--yes", str(brokered.project))
    assert "OPENAI_BASE_URL" in out and "ANTHROPIC_BASE_URL" in out


# Who may use a virtual key.


def test_a_stolen_virtual_key_is_worth_nothing_outside_of_its_processes(
    brokered: Brokered, open_shell: Callable[..., Shell]
) -> None:
    shell = open_shell()
    shell.run("cd p")
    env = shell_env(shell, "OPENAI_API_KEY", "OPENAI_BASE_URL")
    assert "200 None" in shell.run(f"sh -c 'sh -c \"{sys.executable} {brokered.call}\"'")
    out = brokered.called(env)
    assert out.startswith("403 process"), out
    daemon = shell.run(f"setsid -f sh -c '{sys.executable} {brokered.call} >{brokered.user.home}/daemon'; sleep 3")
    assert (brokered.user.home / "daemon").read_text().startswith("403 process"), daemon
    assert len(brokered.vendor.seen) == 1


@pytest.mark.skipif(os.getuid() != 0, reason="to become another user takes root")
def test_another_user_gets_nothing_from_either_socket(brokered: Brokered) -> None:
    other = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    brokered.user.lkr("broker", "start")
    out = brokered.exec(*other, sys.executable, "-I", "-S", "-c", CALL)  # below the very process that the key is for
    assert "403 process" in out, out
    control = brokered.run_folder() / "control"
    ask = f"import os; os.stat({str(control)!r})"
    done = subprocess.run([*other, sys.executable, "-IS", "-c", ask], capture_output=True, text=True)
    assert "PermissionError" in done.stderr
    # The folders above forbid it. Where they do not, the broker itself refuses: it answers nothing.
    code = (
        "import os, socket, sys; s = socket.socket(socket.AF_UNIX); fd = os.open(sys.argv[1], os.O_RDONLY)\n"
        "os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 0)\n"
        "s.connect(f'/proc/self/fd/{fd}/control'); s.send(b'lkr\\t1\\nstate\\nend\\n'); print(s.recv(99))"
    )
    brokered.run_folder().chmod(0o711)
    control.chmod(0o666)
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", code, str(brokered.run_folder())], capture_output=True, text=True
        )
    finally:
        brokered.run_folder().chmod(0o700)
    assert "ConnectionReset" in done.stderr or "BrokenPipe" in done.stderr or done.stdout == "b''\n", (
        done.stdout,
        done.stderr,
    )
    assert "user 65534 was refused" in brokered.user.lkr("broker", "log")


def test_a_program_cannot_have_a_key_for_a_process_that_is_not_above_it(brokered: Brokered) -> None:
    brokered.user.lkr("broker", "start")
    victim = subprocess.Popen(["sleep", "100"])
    try:
        for pid, what in ((victim.pid, "not an ancestor"), (1, ""), (2**22 + 1, "has ended")):
            minted = ask_broker(brokered, pid=pid)
            if pid == 1:
                assert "session" in minted or "another user" in minted, minted
            else:
                assert what in minted, minted
    finally:
        victim.kill()
        victim.wait()
    assert "has ended" in ask_broker(brokered, start="1"), "a process of that id, and of another start"
    assert "lkr-vk-" in ask_broker(brokered)


def test_a_program_cannot_have_keys_that_its_manifest_does_not_name(brokered: Brokered) -> None:
    user = brokered.user
    user.lkr("broker", "start")
    other = user.home / "other"
    other.mkdir()
    (other / ".lkr.toml").write_text(FOR_ALL)  # not allowed
    assert "not allowed" in ask_broker(brokered, folder=str(other))
    assert "no allowed manifest" in ask_broker(brokered, variable="OTHER_KEY")
    assert "no allowed manifest" in ask_broker(brokered, folder=str(user.home))
    user.lkr("set", "openai:admin", "--kind", "admin", "--stdin", stdin=b"sk-admin-0123456789")
    assert "admin" in ask_broker(brokered, key="openai:admin", event="named")
    assert "not stored" in ask_broker(brokered, key="openai:none", event="named")
    assert "is not valid" in ask_broker(brokered, key="../x", event="named")
    assert "is not valid" in ask_broker(brokered, event="other")


def test_an_agent_is_seen_by_the_broker_whatever_its_client_says(brokered: Brokered) -> None:
    user = brokered.user
    user.lkr("broker", "start")
    user.lkr("policy", "openai:prod", "--agents", "deny")
    env = {"CLAUDECODE": "1"}
    for event in ("shell", "exec", "named", "token", "agent"):
        assert "coding agent (claude)" in ask_broker(brokered, event=event, env=env), event
    user.typed("policy", "openai:prod", "--agents", "exec")
    assert "coding agent (claude)" in ask_broker(brokered, event="shell", env=env)
    assert "lkr-vk-" in ask_broker(brokered, event="exec", env=env)
    # Of its own folder only, and only what is named there.
    assert "project that it is in" in ask_broker(brokered, event="exec", env=env, cwd=user.home)
    assert "no allowed manifest" in ask_broker(brokered, event="named", folder=str(user.home), env=env, cwd=user.home)
    assert "lkr-vk-" in ask_broker(brokered, event="named", folder=str(user.home), cwd=user.home), "a person may"


def ask_broker(
    brokered: Brokered, pid: int = 0, start: str = "", key: str = "openai:prod", variable: str = "OPENAI_API_KEY",
    folder: str = "", event: str = "shell", env: dict[str, str] | None = None, cwd: Path | None = None,
) -> str:  # fmt: skip
    """What a client of our own making gets from the control socket."""
    code = """
import os, sys
from lkrshell.runtime import broker_client, processes
pid, start, *fields = sys.argv[1:]
pid = int(pid) or os.getpid()
if start:
    processes.start_time = lambda _: start
elif pid != os.getpid() and not processes.start_time(pid):
    processes.start_time = lambda _: "1"
found = broker_client.mint([broker_client.KeyRequest(*fields)], pid, lambda: False, sure=True)
print(*found.keys.values(), *found.refused)
"""
    words = [str(pid), start, key, variable, folder or str(brokered.project), "", event]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], env={**brokered.user.env, **(env or {})}, cwd=cwd or brokered.project,
        capture_output=True, text=True, timeout=60, start_new_session=True,
    )  # fmt: skip
    assert not done.stderr, done.stderr
    return done.stdout


# What ends it.


@pytest.fixture
def inside(brokered: Brokered) -> Iterator[Inside]:
    started = Inside(brokered)
    started.env()  # it has begun
    yield started
    started.close()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("lock",), "401 key"),
        (("deny", "{project}"), "403 denied"),
        (("policy", "openai:prod", "--only", "/nowhere"), "403 denied"),
        (("policy", "openai:prod", "--confirm"), "403 denied"),
        (("rm", "openai:prod", "--yes"), "403 denied"),
    ],
    ids=lambda each: each[0] if isinstance(each, tuple) else "",
)
def test_a_virtual_key_ends_at_once(inside: Inside, words: tuple[str, ...], code: str) -> None:
    brokered = inside.brokered
    assert inside.request().startswith("200 ")
    if words[-1] == "/nowhere":
        words = (*words[:-1], str(brokered.user.home / ".config"))
    brokered.user.lkr(*(word.format(project=brokered.project) for word in words))
    out = inside.request()
    assert out.startswith(code), out
    assert len(brokered.vendor.seen) == 1


def test_after_lock_and_unlock_the_old_virtual_key_stays_over(inside: Inside) -> None:
    inside.brokered.user.lkr("lock")
    inside.brokered.user.lkr("unlock", "--stdin", stdin=b"a passphrase\n")
    assert inside.request().startswith("401 key")


def test_a_lock_that_cannot_reach_the_broker_ends_virtual_keys_all_the_same(inside: Inside) -> None:
    brokered = inside.brokered
    pid = brokered.pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        brokered.user.lkr("lock")
    finally:
        os.kill(pid, signal.SIGCONT)
    brokered.user.lkr("unlock", "--stdin", stdin=b"a passphrase\n")
    assert inside.request()[:3] in ("401", "403")
    time.sleep(0.6)
    assert inside.request()[:3] in ("401", "403")


@pytest.mark.parametrize("runs", [True, False])
def test_a_lock_in_another_session_ends_virtual_keys_too(inside: Inside, tmp_path: Path, runs: bool) -> None:
    """There, the run folder is another one, so the broker is not asked, and its table stays."""
    brokered = inside.brokered
    assert inside.request().startswith("200 ")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    if not runs:
        os.kill(brokered.pid(), signal.SIGKILL)
    assert brokered.user.run("lock", cwd=tmp_path, XDG_RUNTIME_DIR=str(elsewhere)).returncode == 0
    brokered.user.lkr("unlock", "--stdin", stdin=b"a passphrase\n")
    brokered.pid()
    assert inside.request().startswith("401 key")
    later = Inside(brokered)
    assert later.request().startswith("200 ")
    later.close()


def test_a_lock_without_a_broker_and_without_its_mark_ends_virtual_keys_too(inside: Inside) -> None:
    user = inside.brokered.user
    assert inside.request().startswith("200 ")
    os.kill(inside.brokered.pid(), signal.SIGKILL)
    mark = user.home / ".local/state/lkr/broker-locked"
    mark.mkdir()
    assert "may still work: cannot write" in user.lkr("lock", code=1)
    assert "lock" in user.lkr("audit", "--event", "lock")
    mark.rmdir()
    user.lkr("unlock", "--stdin", stdin=b"a passphrase\n")
    inside.brokered.pid()
    assert inside.request().startswith("401 key")


def test_a_lock_that_fails_in_two_ways_reports_both(user: User) -> None:
    state = user.home / ".local/state/lkr"
    (state / "broker-locked").mkdir()
    user.lkr("status")
    shutil.rmtree(state / "generations")
    (state / "generations").touch(0o600)
    said = user.lkr("lock", code=1)
    assert "virtual keys of another session may still work" in said and f"cannot write {state}/generations" in said
    assert '"locked": true' in user.lkr("status", "--json")


def test_a_command_with_a_real_key_does_not_go_to_the_broker(inside: Inside) -> None:
    """A shell or an agent whose keys come from the broker has its address, too."""
    user = inside.brokered.user
    user.lkr("set", "openai:direct", "--stdin", stdin=b"sk-direct-0123456789")

    def base(before: str, **more: str) -> str:
        user.env = {**user.env, **more, "OPENAI_BASE_URL": before}
        show = 'echo "${OPENAI_BASE_URL-unset} ${OPENAI_API_KEY%-*}"'
        return user.lkr("exec", "-k", "openai:direct", "--", "sh", "-c", show)

    by_broker = inside.env()["OPENAI_BASE_URL"]
    assert base(by_broker) == "unset sk-direct\n"
    assert base("http://127.0.0.1:1/v1") == "http://127.0.0.1:1/v1 sk-direct\n", "a server of mine"
    assert base(by_broker, LKR_OLD_OPENAI_BASE_URL="https://mine/v1") == "https://mine/v1 sk-direct\n"
    shown = user.lkr("exec", "--", "sh", "-c", 'echo "$OPENAI_BASE_URL"', cwd=inside.brokered.project)
    assert shown == f"{by_broker}\n"
    user.env |= {"OPENAI_BASE_URL": by_broker, "MINE": str(user.project("direct", 'OPENAI_API_KEY = "openai:direct"'))}
    del user.env["LKR_OLD_OPENAI_BASE_URL"]
    code = 'import os, lkrshell; lkrshell.load(folder=os.environ["MINE"]); print("OPENAI_BASE_URL" in os.environ)'
    assert user.python(code) == "False\n"
    user.config('[broker]\nagents = false\n[agents]\naider = ["openai:direct"]\n')
    user.env |= account(user.home)
    show = 'echo "${OPENAI_BASE_URL-unset} ${OPENAI_API_KEY%-*}"'
    shown = user.lkr("agent-env", "--agent", "aider", "--", "sh", "-c", show, cwd=Path(user.env["MINE"]))
    assert shown.startswith("unset sk-direct\n")


def test_a_new_value_is_sent_from_the_next_request_on(inside: Inside) -> None:
    brokered = inside.brokered
    assert inside.request().startswith("200 ")
    brokered.user.lkr("rotate", "openai:prod", "--stdin", stdin=b"sk-test-9876543210-rotated")
    brokered.vendor.real = "sk-test-9876543210-rotated"
    assert inside.request().startswith("200 ")
    assert brokered.vendor.seen[-1].header("authorization") == "Bearer sk-test-9876543210-rotated"


def test_a_virtual_key_ends_with_the_process_that_it_was_made_for(brokered: Brokered) -> None:
    outer = Inside(brokered)
    env = outer.env()
    child = outer.start_child()  # outlives it, in the same session
    outer.close()
    deadline = time.monotonic() + 20
    while not child.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert child.read_text()[:3] in ("401", "403"), child.read_text()
    assert brokered.called(env)[:3] in ("401", "403")


# The broker's life.


def test_virtual_keys_outlast_a_broker_that_was_killed(inside: Inside) -> None:
    brokered = inside.brokered
    assert inside.request().startswith("200 ")
    before = inside.env()
    for _ in range(3):
        os.kill(brokered.pid(), signal.SIGKILL)
        brokered.user.lkr("broker", "start")
        assert inside.request().startswith("200 ")
    assert inside.env() == before
    table = (brokered.run_folder() / "keys").read_text()
    assert "lkr-vk-" not in table and VALUE not in table


def test_killed_under_load_and_started_again_it_loses_no_virtual_key(brokered: Brokered) -> None:
    users = [Inside(brokered) for _ in range(3)]
    try:
        assert all(each.request().startswith("200 ") for each in users)
        for _ in range(2):
            for each in users:
                assert each.process.stdin
                print("request", file=each.process.stdin, flush=True)
            os.kill(brokered.pid(), signal.SIGKILL)
            brokered.user.lkr("broker", "start")
            for each in users:
                assert each.process.stdout
                each.process.stdout.readline()  # an answer, or a connection that was cut
        assert all(each.request().startswith("200 ") for each in users)
    finally:
        for each in users:
            each.close()


def test_two_first_clients_at_once_start_one_broker(brokered: Brokered) -> None:
    clients = [
        subprocess.Popen(
            [brokered.user.program, "exec", "--", sys.executable, str(brokered.call)], env=brokered.user.env,
            cwd=brokered.project, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for _ in range(6)
    ]  # fmt: skip
    outs = [client.communicate(timeout=100)[0] for client in clients]
    assert all("200 None" in out for out in outs), outs
    assert brokered.user.lkr("broker", "log").count("serves port") == 1


def test_a_broker_that_hangs_gives_one_line_within_a_second(
    brokered: Brokered, open_shell: Callable[..., Shell]
) -> None:
    brokered.user.lkr("broker", "start")
    pid = brokered.pid()
    shell = open_shell()
    os.kill(pid, signal.SIGSTOP)
    try:
        out = shell.run("cd p")
        assert out.count("lkr:") == 1 and "the broker does not answer; lkr broker stop" in out
        assert shell.value("OPENAI_API_KEY") is None
        assert "lkr:" not in shell.run(":"), "said once"
        took = time.monotonic()
        brokered.user.lkr("export", "bash", cwd=brokered.project, code=69)
        assert time.monotonic() - took < 5  # a second, and what starting takes on a busy machine
        assert "was killed" in brokered.user.lkr("broker", "stop")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    shell.run("cd ..")
    assert "by the broker" in shell.run("cd p")


def test_a_port_that_somebody_else_holds_is_left_to_them(brokered: Brokered) -> None:
    port = brokered.user.home / ".local/state/lkr/broker-port"
    with socket.create_server(("127.0.0.1", 0)) as squatter:
        port.write_text(f"{squatter.getsockname()[1]}\n")
        port.chmod(0o600)
        out = brokered.exec(sys.executable, str(brokered.call))
        assert f"port {squatter.getsockname()[1]} is taken" in out and "200 None" in out
    assert int(port.read_text()) == brokered.state()["port"] != squatter


def test_the_port_is_the_brokers_on_ipv6_too(inside: Inside) -> None:
    assert inside.request().startswith("200 None")
    port = inside.brokered.state()["port"]
    assert isinstance(port, int)
    assert inside.request(f"[::1]:{port}").startswith("200 None")
    with pytest.raises(OSError), socket.create_server(("::1", port), family=socket.AF_INET6):
        pass
    inside.brokered.user.lkr("broker", "stop")
    with socket.create_server(("::1", port), family=socket.AF_INET6):
        assert f"port {port} is taken" in inside.brokered.user.lkr("broker", "start")


# What the settings say.


def test_settings_that_change_count_from_the_next_request_on(inside: Inside, tmp_path: Path) -> None:
    brokered = inside.brokered
    assert inside.request().startswith("200 None")
    before, vendor = len(brokered.vendor.seen), brokered.vendor
    brokered.vendor = Standin(tmp_path / "other", real=VALUE)
    try:
        brokered.config("")
        assert inside.request().startswith("200 None")
        assert (len(vendor.seen), len(brokered.vendor.seen)) == (before, 1)
    finally:
        brokered.vendor.close()
        brokered.vendor = vendor
    brokered.user.lkr("policy", "openai:prod", "--budget", "0.001/day")
    brokered.config("")
    assert "limited to $0.001/day" in inside.request()
    brokered.config('[prices."gpt-4o"]\ninput = 0\noutput = 0\n')
    assert inside.request().startswith("200 None")


def test_settings_that_cannot_be_used_stop_requests_until_they_are_changed(inside: Inside) -> None:
    brokered = inside.brokered
    good = brokered.vendor.ca
    try:
        brokered.vendor.ca = Path("/nowhere/ca.pem")
        brokered.config("")
        assert "403 config" in (out := inside.request()) and "/nowhere/ca.pem is not a certificate file" in out
        brokered.user.lkr("broker", "stop")
        brokered.user.lkr("broker", "start")
        assert "403 config" in inside.request()
    finally:
        brokered.vendor.ca = good
        brokered.config("")
    assert inside.request().startswith("200 None")


def test_the_broker_says_what_was_spent_today(inside: Inside) -> None:
    brokered = inside.brokered
    brokered.pid()
    assert inside.request().startswith("200 None")
    spent = brokered.state()["spent_today"]
    assert 0 < float(str(spent)) < 0.01
    assert f"${spent} spent today" in brokered.user.lkr("broker")


def test_the_port_is_kept(brokered: Brokered) -> None:
    brokered.user.lkr("broker", "start")
    port = brokered.state()["port"]
    brokered.user.lkr("broker", "stop")
    assert not brokered.state()["runs"]
    brokered.user.lkr("broker", "start")
    assert brokered.state()["port"] == port


@pytest.mark.parametrize("planted", ["link", "open", "another user's"])
def test_a_folder_that_was_planted_is_not_used(brokered: Brokered, tmp_path: Path, planted: str) -> None:
    if planted == "another user's" and os.getuid() != 0:
        pytest.skip("to make another user's folder takes root")
    brokered.user.lkr("broker", "start")
    brokered.user.lkr("broker", "stop")
    folder = brokered.run_folder()
    elsewhere = tmp_path / "elsewhere"
    folder.rename(elsewhere)
    if planted == "link":
        folder.symlink_to(elsewhere)
    else:
        folder.mkdir(mode=0o700)
        if planted == "open":
            folder.chmod(0o777)
        else:
            os.chown(folder, 65534, 65534)
    out = brokered.user.lkr("exec", "--", "env", cwd=brokered.project, code=1)
    assert str(folder) in out and "lkr-vk-" not in out and VALUE not in out
    if planted == "link":
        folder.unlink()
    else:
        os.chown(folder, os.getuid(), os.getgid())
        folder.chmod(0o700)


@pytest.mark.parametrize("kind", ["open", "link", "another user's"])
def test_a_runtime_folder_that_others_can_use_is_not_used(brokered: Brokered, tmp_path: Path, kind: str) -> None:
    if kind == "another user's" and os.getuid() != 0:
        pytest.skip("to make another user's folder takes root")
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)
    if kind == "open":
        runtime.chmod(0o777)
    elif kind == "another user's":
        os.chown(runtime, 65534, 65534)
    else:
        (tmp_path / "real").mkdir(mode=0o700)
        runtime.rmdir()
        runtime.symlink_to(tmp_path / "real")
    brokered.user.env["XDG_RUNTIME_DIR"] = str(runtime)
    assert "200 None" in brokered.exec(sys.executable, str(brokered.call))
    assert list(runtime.iterdir()) == []
    assert brokered.run_folder().is_dir()


def test_a_runtime_folder_of_mine_is_used(brokered: Brokered, tmp_path: Path) -> None:
    runtime = tmp_path / ("r" * 60)
    runtime.mkdir(mode=0o700)
    brokered.user.env["XDG_RUNTIME_DIR"] = str(runtime)
    assert "200 None" in brokered.exec(sys.executable, str(brokered.call))
    (folder,) = runtime.iterdir()
    assert {"control", "keys", "port", "ready"} <= {each.name for each in folder.iterdir()}
    assert all(each.stat().st_mode & 0o077 == 0 for each in (folder, *folder.iterdir()))


def test_a_false_control_socket_is_an_error_in_one_line(brokered: Brokered) -> None:
    brokered.user.lkr("broker", "start")
    brokered.user.lkr("broker", "stop")
    control = brokered.run_folder() / "control"
    control.unlink(missing_ok=True)
    (brokered.run_folder() / "ready").write_text("1 1\n")
    with socket.socket(socket.AF_UNIX) as sock:
        fd = os.open(brokered.run_folder(), os.O_RDONLY)
        sock.bind(f"/proc/self/fd/{fd}/control")  # its whole path is too long for a socket
        os.close(fd)
        sock.listen()
        out = brokered.user.lkr("export", "bash", cwd=brokered.project, code=69)
    assert "the broker does not answer" in out and VALUE not in out


def test_no_process_has_a_real_key_in_its_environment_and_none_may_look_into_the_broker(inside: Inside) -> None:
    brokered = inside.brokered
    assert inside.request().startswith("200 ")
    ours = [each for each in Path("/proc").iterdir() if each.name.isdecimal()]
    mark = f"HOME={brokered.user.home}".encode()
    looked = 0
    for each in ours:
        with contextlib.suppress(OSError):
            environment = (each / "environ").read_bytes()
            if mark in environment:
                looked += 1
                assert VALUE.encode() not in environment and OTHER.encode() not in environment, each
    # The program and the broker; that one's is shown to root alone.
    assert looked >= (2 if os.getuid() == 0 else 1)
    pid = brokered.pid()
    if os.getuid() == 0:
        names = {entry.partition(b"=")[0] for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0") if entry}
        assert names <= {b"HOME", b"LANG", b"LKR_BACKEND", b"LC_CTYPE"}, names
    arguments = Path(f"/proc/{pid}/cmdline").read_bytes()
    assert b"lkr-vk-" not in arguments and VALUE.encode() not in arguments
    if os.getuid() == 0:  # without its power over others, the same user may not look in
        bare = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]
        look = subprocess.run([*bare, "cat", f"/proc/{pid}/environ"], capture_output=True, text=True)
    else:
        look = subprocess.run(["cat", f"/proc/{pid}/environ"], capture_output=True, text=True)
    assert "Permission denied" in look.stderr, look


def test_the_broker_ends_by_itself_once_no_virtual_key_lives(brokered: Brokered) -> None:
    code = """
import asyncio, socket, sys, time
from lkrshell.broker.control import Control
from lkrshell.broker.virtual_keys import VirtualKeys
from lkrshell.broker.authority import Authority
async def main():
    server = socket.socket(socket.AF_UNIX)
    server.bind(sys.argv[1])
    await asyncio.wait_for(Control(server, 1, VirtualKeys(), Authority(), idle=0.6).run(), 30)
asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(brokered.user.home / "s")],
        env=brokered.user.env,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0


def test_without_the_extra_one_line_says_so_and_nothing_falls_back_to_the_real_key(
    brokered: Brokered, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    for each in Path(pyrage.__file__).parent.parent.iterdir():
        if not each.name.lower().startswith("aiohttp"):
            (site / each.name).symlink_to(each)
    root = Path(lkrshell.__file__).parent.parent
    code = f"import sys; sys.path[:0] = {[str(root), str(site)]}\nfrom lkrshell.__main__ import main\nsys.exit(main())"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys._base_executable, "-I", "-S", "-X", "utf8", "-c", code, *words],  # type: ignore[attr-defined]
            env=brokered.user.env, cwd=brokered.project, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    for words in (
        ["exec", "--", "env"],
        ["exec", "--broker", "--", "env"],
        ["export", "bash"],
        ["token", "openai:prod"],
    ):
        done = run(*words)
        assert done.returncode == 69, done
        assert done.stderr.count("lkr: ") == 1 and "pipx install --force '.[broker]'" in done.stderr, done.stderr
        assert VALUE not in done.stdout + done.stderr
    done = run("agent-env", "--agent", "claude", "--", "env")
    assert done.returncode == 0 and "claude starts with no keys" in done.stderr
    assert VALUE not in done.stdout and "lkr-vk-" not in done.stdout


# Agents.


def test_an_agent_starts_with_virtual_keys_for_what_it_runs_and_not_for_itself(brokered: Brokered) -> None:
    user = brokered.user
    out = user.lkr("agent-env", "--agent", "claude", "--", "env", cwd=brokered.project)
    assert "OPENAI_API_KEY=lkr-vk-" in out and "OPENAI_BASE_URL=" in out
    assert "ANTHROPIC_" not in out
    assert "claude starts with OPENAI_API_KEY (by the broker)" in out
    assert "OPENAI_" not in user.lkr("agent-env", "--agent", "codex", "--", "env", cwd=brokered.project)
    assert "lkr-vk-" not in user.lkr("agent-env", "--agent", "aider", "--", "env", cwd=brokered.project)
    plain = user.project("plain", 'OPENAI_API_KEY = "openai:prod"')
    out = user.lkr("agent-env", "--agent", "claude", "--", sys.executable, str(brokered.call), cwd=plain)
    assert "200 None" in out, out
    assert VALUE not in user.lkr("agent-env", "--agent", "claude", "--", "env", cwd=plain)


def test_an_agent_gets_its_own_variable_when_the_settings_give_it_the_key(brokered: Brokered) -> None:
    brokered.config('agents.claude = ["anthropic:main"]')
    out = brokered.user.lkr("agent-env", "--agent", "claude", "--", "env", cwd=brokered.project)
    assert "=lkr-vk-" in out.partition("ANTHROPIC_")[2] and "ANTHROPIC_BASE_URL=" in out
    assert OTHER not in out


def test_an_agent_gets_no_key_that_policy_denies_it(brokered: Brokered) -> None:
    brokered.user.lkr("policy", "openai:prod", "--agents", "deny")
    out = brokered.user.lkr("agent-env", "--agent", "claude", "--", "env", cwd=brokered.project)
    assert "lkr-vk-" not in out and "starts with no keys" in out


def test_one_setting_turns_virtual_keys_for_agents_off(brokered: Brokered) -> None:
    brokered.user.config("[broker]\nagents = false\n")
    out = brokered.user.lkr("agent-env", "--agent", "claude", "--", "env", cwd=brokered.project)
    assert "lkr-vk-" not in out and "starts with no keys" in out


def test_an_agent_that_took_over_the_shells_virtual_key_is_refused(
    brokered: Brokered, open_shell: Callable[..., Shell]
) -> None:
    claude = brokered.claude(":")
    shell = open_shell()
    shell.run("cd p")
    assert "200 None" in shell.run(f"{sys.executable} {brokered.call}")
    out = shell.run(str(claude))
    assert "403 denied" in out and "lkr agent-env" in out, out
    brokered.user.typed("policy", "openai:prod", "--agents", "allow")
    assert "200 None" in shell.run(str(claude))


# lkr token.


def test_token_prints_a_virtual_key_for_the_program_that_asks(
    brokered: Brokered, open_shell: Callable[..., Shell]
) -> None:
    shell = open_shell()
    lkr = brokered.user.program
    ask = f"sh -c '{lkr} token openai:prod'"  # as agents start a helper
    shell.run(f"cd p; {ask} >../token; cd ..")
    token = (brokered.user.home / "token").read_text().strip()
    assert token.startswith("lkr-vk-")
    port = brokered.state()["port"]
    run = f"{sys.executable} {brokered.call}"
    url = f"OPENAI_BASE_URL=http://127.0.0.1:{port}/openai/v1"
    assert "200 None" in shell.run(f"env {url} OPENAI_API_KEY={token} {run}")
    assert brokered.called({"OPENAI_API_KEY": token, "OPENAI_BASE_URL": url[16:]}).startswith("403 process")


@pytest.mark.parametrize("variable", ["HOME", "XDG_DATA_HOME"])
def test_an_agent_gets_no_virtual_key_by_folders_of_its_own(brokered: Brokered, variable: str, tmp_path: Path) -> None:
    """It copies what lkr keeps, to take the policy away there and to allow itself a project."""
    user = brokered.user
    user.by_agent()
    kept = ".local/share" if variable == "XDG_DATA_HOME" else ""
    shutil.copytree(user.home / kept, tmp_path / "copy", symlinks=True, ignore=shutil.ignore_patterns("run"))
    user.env[variable] = str(tmp_path / "copy")
    user.lkr_code("broker", "stop")
    for words in (["token", "openai:prod"], ["exec", "--", "env"], ["agent-env", "--", "env"]):
        assert "folders that are not the account's" in user.lkr(*words, cwd=brokered.project, code=2)


def test_an_agent_may_ask_for_a_token_of_its_project_and_look_at_the_broker_and_no_more(brokered: Brokered) -> None:
    user = brokered.user
    user.at_home()
    user.lkr("broker", "start")
    user.env["CLAUDECODE"] = "1"
    assert user.lkr("token", "openai:prod", cwd=brokered.project).startswith("lkr-vk-")
    assert "no allowed manifest" in user.lkr("token", "openai:prod", code=78)
    assert "virtual key" in user.lkr("broker")
    for action in ("stop", "start", "log", "run"):
        assert "may not do this" in user.lkr("broker", action, code=2)
    del user.env["CLAUDECODE"]
    user.lkr("policy", "openai:prod", "--agents", "deny")
    user.env["CLAUDECODE"] = "1"
    out = user.lkr("token", "openai:prod", cwd=brokered.project, code=2)
    assert "lkr-vk-" not in out
    del user.env["CLAUDECODE"]
    assert '"event": "token"' in user.lkr("audit", "--json", "--event", "token")


@pytest.mark.parametrize("disk", ["works", "refuses"])
def test_lock_ends_the_streams_under_way(brokered: Brokered, disk: str) -> None:
    code = """
import http.client, json, os
connection = http.client.HTTPConnection(os.environ["OPENAI_BASE_URL"].split("/")[2], timeout=60)
body = json.dumps({"model": "do-stall", "stream": True, "messages": [{"role": "user", "content": "hi"}]})
headers = {"Authorization": "Bearer " + os.environ["OPENAI_API_KEY"], "Content-Type": "application/json"}
connection.request("POST", "/openai/v1/chat/completions", body, headers)
answer = connection.getresponse()
print(answer.status, answer.read1(10)[:5], flush=True)
try:
    while answer.read1(1000):
        pass
    print("ended")
except Exception as error:
    print("cut", type(error).__name__)
"""
    process = subprocess.Popen(
        [brokered.user.program, "exec", "--", sys.executable, "-c", code], stdout=subprocess.PIPE, text=True,
        env=brokered.user.env, cwd=brokered.project,
    )  # fmt: skip
    assert process.stdout
    assert process.stdout.readline().startswith("200 ")
    assert brokered.state()["requests"] == 1
    if disk == "refuses":  # to remove the table
        table = brokered.run_folder() / "keys"
        table.unlink()
        table.mkdir()
    brokered.user.lkr("lock")
    rest, _ = process.communicate(timeout=30)
    assert rest.startswith(("cut", "ended"))
    assert brokered.vendor.seen[-1].gone.wait(10), "the vendor does not go on"
