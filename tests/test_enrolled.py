"""A second way to open the vault beside its passphrase: a software TPM (swtpm), and the device of an age plugin.

The plugin is a small program of ours that speaks the protocol of age plugins, as age-plugin-fido2-hmac does:
https://c2sp.org/age-plugin
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pytest
from conftest import PASSPHRASE, VALUE, User
from tpms import Tpm

PIN = "2468"


@pytest.fixture
def tpm(tmp_path: Path) -> Iterator[Tpm]:
    tpm = Tpm(tmp_path / "tpm")
    yield tpm
    tpm.stop()


@pytest.fixture
def owner(user: User, tpm: Tpm) -> User:
    """A user whose vault the TPM opens with a PIN, and which is locked."""
    user.env |= tpm.env | {"PATH": f"{tpm.env['PATH']}:{Path(user.program).parent}"}
    user.lkr("vault", "enroll", "tpm", "--stdin", stdin=PASSPHRASE + f"\n{PIN}\n".encode())
    user.lkr("lock")
    return user


def typed(user: User, *answers: tuple[str, str], words: tuple[str, ...] = ("unlock",), code: int = 0) -> str:
    """Runs lkr on a terminal and gives these answers to these questions; what was on the screen."""
    child = user.on_terminal(*words)
    screen = ""
    for question, answer in answers:
        child.expect_exact(question)
        screen += str(child.before) + question
        child.expect_exact(": ")
        child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    screen += str(child.before)
    assert child.exitstatus == code, screen
    return screen


def is_open(user: User) -> bool:
    return '"locked": false' in user.lkr("status", "--json")


def test_the_tpm_opens_the_vault_with_its_pin_and_the_passphrase_still_does(owner: User) -> None:
    assert "unlocked; locks after" in typed(owner, ("PIN of the TPM", PIN))
    assert is_open(owner)
    owner.lkr("lock")
    owner.lkr("unlock", "--stdin", stdin=PASSPHRASE)
    assert is_open(owner)
    owner.lkr("lock")
    typed(owner, ("Passphrase", PASSPHRASE.decode()), words=("unlock", "--passphrase"))
    assert is_open(owner)


def test_enter_in_place_of_the_pin_asks_for_the_passphrase(owner: User) -> None:
    typed(owner, ("PIN of the TPM", ""), ("Passphrase", PASSPHRASE.decode()))
    assert is_open(owner)


def test_a_command_that_needs_a_key_asks_for_the_pin_too(owner: User) -> None:
    folder = owner.project("p")
    child = owner.on_terminal("exec", "--", "sh", "-c", "echo got ${#OPENAI_API_KEY}", cwd=folder)
    child.expect_exact("PIN of the TPM")
    child.expect_exact(": ")
    child.sendline(PIN)
    child.expect("got [1-9]")
    child.close()


def test_wrong_pins_end_at_the_passphrase_and_are_counted_by_the_tpm(owner: User, tpm: Tpm) -> None:
    wrong = ("PIN of the TPM", "1111")
    screen = typed(owner, wrong, wrong, ("Passphrase", PASSPHRASE.decode()))
    assert screen.count("that is not the PIN") == 2 and "the passphrase still opens it" in screen
    assert "LOCKOUT_COUNTER: 0x2" in tpm.tool("tpm2_getcap", "properties-variable")
    screen = typed(owner, wrong, ("PIN of the TPM", PIN), ("Passphrase", PASSPHRASE.decode()))
    assert "refuses every PIN for a while" in screen, "the third wrong one is one too many for this TPM"


def test_a_tpm_that_was_cleared_or_is_gone_leaves_the_passphrase_and_says_so_in_a_line(owner: User, tpm: Tpm) -> None:
    tpm.tool("tpm2_clear")
    screen = typed(owner, ("PIN of the TPM", PIN), ("Passphrase", PASSPHRASE.decode()))
    assert "lkr: this TPM was cleared, or another one sealed it; the passphrase still opens it" in screen
    assert is_open(owner)
    owner.lkr("lock")
    tpm.stop()
    screen = typed(owner, ("PIN of the TPM", PIN), ("Passphrase", PASSPHRASE.decode()))
    assert "no TPM 2.0 that answers; the passphrase still opens it" in screen
    assert is_open(owner)


def test_another_passphrase_and_a_new_identity_leave_the_tpm_enrolled(owner: User) -> None:
    typed(owner, ("PIN of the TPM", PIN))
    owner.lkr("vault", "rekey", "--stdin", stdin=PASSPHRASE)
    owner.lkr("passwd", "--stdin", stdin=PASSPHRASE + b"\na new passphrase\n")
    owner.lkr("lock")
    typed(owner, ("PIN of the TPM", PIN))
    assert VALUE in owner.lkr("get", "openai:prod", "--force-plain")


def test_nothing_that_opens_the_vault_is_in_an_argument_or_in_a_file(owner: User, tpm: Tpm) -> None:
    typed(owner, ("PIN of the TPM", PIN))
    arguments = tpm.log.read_text()
    assert "unseal" in arguments and PIN not in arguments and "AGE-SECRET-KEY" not in arguments
    for path in owner.home.rglob("*"):
        if path.is_file():
            assert b"AGE-SECRET-KEY" not in path.read_bytes() and PIN.encode() not in path.read_bytes(), path
    enrolled = owner.home / ".local/share/lkr/enrolled"
    assert enrolled.stat().st_mode & 0o777 == 0o600


def test_what_is_enrolled_is_told_and_removed(owner: User) -> None:
    assert "this machine's TPM and its PIN can open the vault, since 20" in owner.lkr("vault", "enroll")
    assert "this machine's TPM and its PIN can open it, too" in owner.lkr("doctor", code=1)
    assert "also opened by tpm" in owner.lkr("doctor", "--report")
    assert "only the passphrase opens it now" in owner.lkr("vault", "unenroll")
    assert "nothing is enrolled" in owner.lkr("vault", "enroll")
    typed(owner, ("Passphrase", PASSPHRASE.decode()))
    events = owner.lkr("audit", "--json")
    assert '"enroll"' in events and '"unenroll"' in events


def test_a_vault_that_was_put_aside_takes_what_was_enrolled_with_it(owner: User) -> None:
    owner.lkr("vault", "reset", "--yes")
    assert not (owner.home / ".local/share/lkr/enrolled").exists()


@pytest.mark.parametrize(
    ("words", "stdin", "code", "said"),
    [
        (["tpm", "--stdin"], b"not it\n2468\n", 77, "not the vault's passphrase"),
        (["tpm", "--stdin"], PASSPHRASE + b"\n12\n", 2, "at least 4 characters"),
        (["tpm", "--stdin"], PASSPHRASE + b"\n", 64, "two lines"),
        (["touch-id", "--stdin"], PASSPHRASE, 64, "macOS's own"),
        (["/etc/hostname", "--stdin"], PASSPHRASE, 1, "no identity of an age plugin"),
        (["/nowhere", "--stdin"], PASSPHRASE, 1, "cannot read"),
    ],
)
def test_what_cannot_be_enrolled_changes_nothing(
    user: User, tpm: Tpm, words: list[str], stdin: bytes, code: int, said: str
) -> None:
    user.env |= tpm.env | {"PATH": f"{tpm.env['PATH']}:{Path(user.program).parent}"}
    assert said in user.lkr("vault", "enroll", *words, stdin=stdin, code=code)
    assert not (user.home / ".local/share/lkr/enrolled").exists()


def test_without_a_tpm_it_says_so(user: User) -> None:
    user.env["TPM2TOOLS_TCTI"] = "swtpm:host=127.0.0.1,port=1"
    out = user.lkr("vault", "enroll", "tpm", "--stdin", stdin=PASSPHRASE + b"\n2468\n", code=1)
    assert "this machine has no TPM 2.0 that answers" in out
    child = user.on_terminal("vault", "enroll", "tpm")
    assert child.expect_exact(["no TPM 2.0 that answers", "assphrase"]) == 0, "nothing is asked before"
    child.expect(pexpect.EOF)


def test_a_coding_agent_can_enroll_nothing(user: User) -> None:
    user.by_agent()
    assert "may not do this" in user.lkr("vault", "enroll", "tpm", "--stdin", stdin=PASSPHRASE + b"\n2468\n", code=2)


# It "encrypts" by writing the file key down where only the device could know it, and wants a PIN and a touch for it.
PLUGIN = """#!{python}
import base64, os, sys
def read():
    line = sys.stdin.readline().rstrip("\\n")
    body = ""
    while True:
        part = sys.stdin.readline().rstrip("\\n")
        body += part
        if len(part) < 64:
            return line.split(" ")[1:], base64.b64decode(body + "=" * (-len(body) % 4))
def write(words, body=b""):
    text = base64.b64encode(body).decode().rstrip("=")
    lines = [text[at:at + 64] for at in range(0, len(text), 64)] or [""]
    if len(lines[-1]) == 64:
        lines.append("")
    sys.stdout.write("-> " + words + "\\n" + "\\n".join(lines) + "\\n")
    sys.stdout.flush()
kept = os.path.join(os.path.dirname(os.path.realpath(__file__)), "device")
asked = []
while True:
    words, body = read()
    asked.append((words, body))
    if words[0] == "done":
        break
if sys.argv[1] == "--age-plugin=recipient-v1":
    with open(kept, "wb") as file:
        file.write(next(body for words, body in asked if words[0] == "wrap-file-key"))
    write("recipient-stanza 0 test-device AAAA", b"")
    read()
else:
    write("msg", b"Touch the device")
    read()
    write("request-secret", b"PIN of the device")
    words, pin = read()
    if pin == b"2468" and os.path.exists(kept):
        with open(kept, "rb") as file:
            write("file-key 0", file.read())
        read()
write("done")
"""


@pytest.fixture
def device(user: User, tmp_path: Path) -> Path:
    """Where the plugin for the device is; its identity file is beside it."""
    import pyrage

    folder = tmp_path / "plugin"
    folder.mkdir()
    program = folder / "age-plugin-device"
    program.write_text(PLUGIN.format(python=sys.executable))
    program.chmod(0o755)
    identity = pyrage.plugin.Identity.default_for_plugin("device")
    (folder / "identity.txt").write_text(f"# created: 2026-11-28T00:00:00Z\n{identity}\n")
    user.env["PATH"] = f"{folder}:{user.env['PATH']}"
    return folder


@pytest.fixture
def opening(user: User, device: Path) -> Callable[[str], str]:
    def run(pin: str) -> str:
        user.lkr("lock")
        question = ("PIN of the device", pin)  # which the library asks once more after a wrong answer
        more = () if pin == PIN else (question, ("Passphrase", PASSPHRASE.decode()))
        return typed(user, question, *more)

    return run


def test_the_device_of_an_age_plugin_opens_the_vault(user: User, device: Path, opening: Callable[[str], str]) -> None:
    user.lkr("vault", "enroll", str(device / "identity.txt"), "--stdin", stdin=PASSPHRASE)
    assert "the device of age-plugin-device can open the vault" in user.lkr("vault", "enroll")
    screen = opening(PIN)
    assert "lkr: Touch the device" in screen and "unlocked" in screen
    assert is_open(user)
    assert "the device of age-plugin-device did not open it" in opening("1111")
    assert is_open(user), "by the passphrase"
    user.lkr("vault", "rekey", "--stdin", stdin=PASSPHRASE)
    assert "unlocked" in opening(PIN)


def test_without_the_plugin_or_the_device_the_passphrase_is_asked_for(user: User, device: Path) -> None:
    user.lkr("vault", "enroll", str(device / "identity.txt"), "--stdin", stdin=PASSPHRASE)
    user.lkr("lock")
    (device / "age-plugin-device").unlink()
    screen = typed(user, ("Passphrase", PASSPHRASE.decode()))
    assert "Could not find 'age-plugin-device' on the PATH; the passphrase still opens it" in screen
    user.lkr("vault", "rekey", "--stdin", stdin=PASSPHRASE)
    assert "nothing is enrolled" in user.lkr("vault", "enroll"), "a rekey without the plugin leaves none"
