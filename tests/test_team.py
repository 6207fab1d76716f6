"""A team without a server: keys sealed in git to its members, two people with git between them."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pexpect
import pyrage
import pytest
from conftest import OTHER, VALUE, Template, User
from shells import Shell

MANIFEST = 'version = 1\n[keys]\nOPENAI_API_KEY = "sealed/openai:prod"\n'
NEW = "sk-rotated-for-the-team-0123456789"
SEALED = ".lkr/sealed/openai/prod.age"


def git(folder: Path, *words: str, code: int = 0) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main")
    done = subprocess.run(["git", *who, *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def commit(folder: Path, subject: str = "change") -> None:
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", subject)
    git(folder, "push", "-q")


@pytest.fixture
def bob(template: Template, tmp_path: Path) -> Iterator[User]:
    """A second person, with an unlocked vault of their own, and a home of their own."""
    with template.copied(tmp_path / "bob") as user:
        user.lkr("rm", "openai:prod", "--yes")
        yield user


@pytest.fixture
def alice(user: User, tmp_path: Path) -> User:
    """A person with a project in git, one sealed key in it, and a manifest that names it."""
    git(tmp_path, "init", "-q", "--bare", "up.git")
    git(tmp_path, "clone", "-q", "up.git", str(user.home / "p"))
    folder = user.home / "p"
    (folder / ".lkr.toml").write_text(MANIFEST)
    user.lkr("team", "init", "alice", "--yes", cwd=folder)
    user.lkr("seal", "openai:prod", "--yes", cwd=folder)
    user.lkr("allow", "--yes", cwd=folder)
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "seal")
    git(folder, "push", "-q", "-u", "origin", "HEAD:main")
    return user


def recipient(user: User) -> str:
    return user.lkr("vault", "recipient").strip()


def value(user: User, folder: Path) -> str:
    return user.lkr("exec", "--", "printenv", "OPENAI_API_KEY", cwd=folder).strip()


@pytest.fixture
def pair(alice: User, bob: User, tmp_path: Path) -> tuple[User, User]:
    """Both are members, and bob has a clone that he allowed."""
    alice.lkr("team", "add", "bob", recipient(bob), "--yes", cwd=alice.home / "p")
    commit(alice.home / "p")
    git(tmp_path, "clone", "-q", "up.git", str(bob.home / "p"))
    bob.lkr("allow", "--yes", cwd=bob.home / "p")
    return alice, bob


def test_a_member_gets_the_sealed_key_by_cd_after_allow(
    pair: tuple[User, User], open_shell: Callable[..., Shell]
) -> None:
    alice, bob = pair
    assert value(bob, bob.home / "p") == VALUE
    shell = open_shell()  # alice's
    shell.run(f"cd {alice.home / 'p'}")
    assert shell.value("OPENAI_API_KEY") == VALUE
    shell.run("cd")
    assert shell.value("OPENAI_API_KEY") is None
    assert "openai:prod" not in bob.lkr("list"), "the copy is no key of the machine's own"


def test_a_person_who_is_not_a_member_gets_nothing_and_is_told_what_to_do(
    alice: User, bob: User, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "-q", "up.git", str(bob.home / "p"))
    out = bob.lkr("allow", "--yes", cwd=bob.home / "p")
    assert "none of your private keys opens the sealed openai:prod; ask a member to add you: lkr team add" in out
    assert "not opened yet: sealed/openai:prod; lkr unseal" in bob.lkr("exec", "--", "env", cwd=bob.home / "p", code=1)


def test_scan_finds_a_sealed_key_and_fix_says_which_vendor_must_revoke_it(alice: User) -> None:
    folder = alice.home / "p"
    alice.lkr("rm", "openai:prod", "--yes")
    (folder / "notes").write_text(f"{VALUE}\n")
    commit(folder)
    assert "notes:1  sealed/openai:prod  in git" in alice.lkr("scan", cwd=folder, code=1)
    child = alice.on_terminal("scan", "--fix", cwd=folder, columns=300)
    child.expect_exact("then lkr rotate sealed/openai:prod: https://")
    child.expect_exact("Open the vendor's page?")
    child.sendline("n")
    child.expect(pexpect.EOF)
    (folder / ".env").write_text(f"OPENAI_API_KEY={OTHER}\n")
    assert "the manifest gives it sealed/openai:prod" in alice.lkr("import", ".env", "--yes", cwd=folder, code=1)
    assert value(alice, folder) == VALUE


def test_age_and_the_age_library_open_what_is_sealed(alice: User, tmp_path: Path) -> None:
    folder, key = alice.home / "p", tmp_path / "key"
    subprocess.run(["age-keygen", "-o", str(key)], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", str(key)], check=True, capture_output=True, text=True).stdout.strip()
    alice.lkr("team", "add", "robot", public, "--yes", cwd=folder)
    done = subprocess.run(["age", "-d", "-i", str(key), str(folder / SEALED)], check=True, capture_output=True)
    assert done.stdout.decode() == VALUE
    (identity,) = [line for line in key.read_text().splitlines() if not line.startswith("#")]
    opened = pyrage.decrypt((folder / SEALED).read_bytes(), [pyrage.x25519.Identity.from_str(identity)])
    assert opened.decode() == VALUE


@pytest.mark.parametrize("kind", ["ed25519", "rsa"])
def test_an_ssh_key_with_a_passphrase_opens_a_sealed_key(alice: User, bob: User, tmp_path: Path, kind: str) -> None:
    keys = bob.home / ".ssh"
    keys.mkdir(mode=0o700)
    path = keys / f"id_{kind}"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "open me", "-f", str(path)], check=True)
    listed = tmp_path / "bob.keys"  # the form of GitHub's list
    listed.write_text(f"ecdsa-sha2-nistp256 AAAA\n{path.with_suffix('.pub').read_text()}")
    alice.lkr("team", "add", "bob", f"@{listed}", "--yes", cwd=alice.home / "p")
    commit(alice.home / "p")
    git(tmp_path, "clone", "-q", "up.git", str(bob.home / "p"))
    child = bob.on_terminal("unseal", cwd=bob.home / "p")
    child.expect_exact("Passphrase of")
    child.sendline("open me")
    child.expect_exact("opened 1 key")
    child.expect(pexpect.EOF)
    bob.lkr("allow", "--yes", cwd=bob.home / "p")
    assert value(bob, bob.home / "p") == VALUE


def test_a_wrong_passphrase_of_an_ssh_key_is_reported(alice: User, bob: User, tmp_path: Path) -> None:
    path = bob.home / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "open me", "-f", str(path)], check=True)
    public = path.with_suffix(".pub").read_text().strip()
    alice.lkr("team", "add", "bob", public, "--yes", cwd=alice.home / "p")
    commit(alice.home / "p")
    git(tmp_path, "clone", "-q", "up.git", str(bob.home / "p"))
    child = bob.on_terminal("unseal", "--identity", str(path), cwd=bob.home / "p")
    child.expect_exact("Passphrase of")
    child.sendline("open you")
    child.expect_exact("wrong passphrase for")
    child.expect(pexpect.EOF)


def test_a_new_value_reaches_the_others_after_they_agree(pair: tuple[User, User]) -> None:
    alice, bob = pair
    alice.lkr("seal", "openai:prod", "--stdin", "--yes", cwd=alice.home / "p", stdin=NEW.encode())
    commit(alice.home / "p")
    git(bob.home / "p", "pull", "-q")
    assert value(bob, bob.home / "p") == VALUE, "nobody has agreed yet"
    assert "no terminal to ask on; add --yes" in bob.lkr("unseal", cwd=bob.home / "p", code=1)
    child = bob.on_terminal("unseal", cwd=bob.home / "p")
    child.expect_exact("sealed/openai:prod has a new value, sealed by alice on ")
    child.expect_exact("Use it?")
    child.sendline("y")
    child.expect_exact("opened 1 key")
    child.expect(pexpect.EOF)
    assert value(bob, bob.home / "p") == NEW


def test_a_stranger_added_by_a_pull_request_is_shown_before_anything_is_sealed(pair: tuple[User, User]) -> None:
    alice, bob = pair
    folder, stranger = alice.home / "p", str(pyrage.x25519.Identity.generate().to_public())
    path = folder / ".lkr/members.toml"
    line = f'mallory = {{ recipient = "{stranger}", since = "2026-01-01", by = "alice" }}\n'
    path.write_text(path.read_text() + line)
    sealed = (folder / SEALED).read_bytes()
    out = alice.lkr("seal", "--all", cwd=folder, code=2)
    assert "+ mallory" in out and "no terminal to ask on" in out
    assert (folder / SEALED).read_bytes() == sealed, "nothing was sealed to them"
    assert "is not sealed to mallory" in alice.lkr("team", "check", cwd=folder, code=1)
    commit(folder)
    git(bob.home / "p", "pull", "-q")
    (bob.home / "p/.lkr.toml").write_text(MANIFEST + "# a change\n")
    assert "! since you last allowed it: + mallory" in bob.lkr("allow", "--yes", cwd=bob.home / "p")


def test_a_member_whose_recipient_was_exchanged_is_shown(pair: tuple[User, User]) -> None:
    alice, bob = pair
    folder, other = alice.home / "p", str(pyrage.x25519.Identity.generate().to_public())
    path = folder / ".lkr/members.toml"
    path.write_text(path.read_text().replace(recipient(bob), other))
    assert "~ bob: has other recipients" in alice.lkr("seal", "--all", cwd=folder, code=2)


def test_a_member_swapped_in_while_i_am_asked_gets_nothing(pair: tuple[User, User]) -> None:
    alice, _ = pair
    folder, people = alice.home / "p", [str(pyrage.x25519.Identity.generate().to_public()) for _ in range(2)]
    sealed = (folder / SEALED).read_bytes()
    path = folder / ".lkr/members.toml"
    child = alice.on_terminal("team", "add", "carol", people[0], cwd=folder)
    child.expect_exact("Let carol read 1 key?")
    path.write_text(f'{path.read_text()}mallory = {{ recipient = "{people[1]}" }}\n')
    child.sendline("y")
    child.expect_exact("changed in the meantime")
    child.expect(pexpect.EOF)
    assert (folder / SEALED).read_bytes() == sealed
    assert "+ mallory" in alice.lkr("seal", "--all", cwd=folder, code=2)


def test_a_member_swapped_in_while_allow_asks_is_not_accepted(pair: tuple[User, User]) -> None:
    alice, _ = pair
    folder, stranger = alice.home / "p", str(pyrage.x25519.Identity.generate().to_public())
    (folder / ".lkr.toml").write_text(MANIFEST + "# a change\n")
    path = folder / ".lkr/members.toml"
    child = alice.on_terminal("allow", cwd=folder)
    child.expect_exact("Allow?")
    path.write_text(f'{path.read_text()}mallory = {{ recipient = "{stranger}" }}\n')
    child.sendline("y")
    child.expect(pexpect.EOF)
    assert "+ mallory" in alice.lkr("seal", "--all", cwd=folder, code=2)


def test_a_sealed_file_swapped_in_while_i_am_asked_is_asked_about_again(pair: tuple[User, User]) -> None:
    alice, bob = pair
    for value_now in (OTHER, NEW):
        alice.lkr("seal", "openai:prod", "--stdin", "--yes", cwd=alice.home / "p", stdin=value_now.encode())
        commit(alice.home / "p")
    git(bob.home / "p", "pull", "-q")
    latest = (bob.home / "p" / SEALED).read_bytes()
    git(bob.home / "p", "checkout", "-q", "HEAD~1", ".lkr/sealed")
    child = bob.on_terminal("unseal", cwd=bob.home / "p")
    child.expect_exact("Use it?")
    (bob.home / "p" / SEALED).write_bytes(latest)
    child.sendline("y")
    child.expect(pexpect.EOF)
    assert value(bob, bob.home / "p") == OTHER
    assert "is not the file that its .toml was written for" in bob.lkr("unseal", cwd=bob.home / "p", code=1)


def test_removing_a_member_lists_what_to_rotate_until_it_is_rotated(pair: tuple[User, User]) -> None:
    alice, bob = pair
    folder = alice.home / "p"
    out = alice.lkr("team", "rm", "bob", "--yes", cwd=folder)
    assert "lkr seal openai:prod --new" in out
    assert json.loads(alice.lkr("team", "audit", "--json", cwd=folder, code=1))[0]["member"] == "bob"
    alice.lkr("team", "check", cwd=folder)
    commit(folder)
    git(bob.home / "p", "pull", "-q")
    bob.lkr("unseal", cwd=bob.home / "p", code=1)
    assert "lkr seal openai:prod --new" in alice.lkr("team", "audit", cwd=folder, code=1)
    alice.lkr("seal", "--all", cwd=folder)  # the same value to the same members rotates nothing
    alice.lkr("team", "audit", cwd=folder, code=1)
    alice.lkr("seal", "openai:prod", "--stdin", "--yes", cwd=folder, stdin=NEW.encode())
    assert "no key has to be rotated" in alice.lkr("team", "audit", cwd=folder)
    assert value(alice, folder) == NEW


def test_a_key_that_a_former_member_read_stays_in_the_audit_after_its_sealed_file_is_removed(
    pair: tuple[User, User],
) -> None:
    alice, _ = pair
    folder = alice.home / "p"
    alice.lkr("team", "rm", "bob", "--yes", cwd=folder)
    alice.lkr("rm", "sealed/openai:prod", "--yes", cwd=folder)
    said = alice.lkr("team", "audit", cwd=folder, code=1)
    assert "no longer sealed; revoke it at the vendor" in said and "delete it from [removed]" in said
    assert json.loads(alice.lkr("team", "audit", "--json", cwd=folder, code=1))[0]["sealed"] is False
    alice.lkr("seal", "openai:prod", "--yes", cwd=folder)  # perhaps the same value
    assert "lkr seal openai:prod --new" in alice.lkr("team", "audit", cwd=folder, code=1)
    alice.lkr("rm", "sealed/openai:prod", "--yes", cwd=folder)
    alice.lkr("seal", "openai:prod", "--new", "--stdin", "--yes", cwd=folder, stdin=NEW.encode())
    assert "no key has to be rotated" in alice.lkr("team", "audit", cwd=folder)
    alice.lkr("rm", "sealed/openai:prod", "--yes", cwd=folder)  # its value is not the one that bob read
    assert "no key has to be rotated" in alice.lkr("team", "audit", cwd=folder)
    alice.lkr("team", "check", cwd=folder)


def test_a_key_that_was_revoked_is_deleted_from_the_file_of_members(pair: tuple[User, User]) -> None:
    alice, _ = pair
    folder = alice.home / "p"
    alice.lkr("team", "rm", "bob", "--yes", cwd=folder)
    alice.lkr("rm", "sealed/openai:prod", "--yes", cwd=folder)
    file = folder / ".lkr/members.toml"
    assert '"openai:prod" = 1' in file.read_text()
    file.write_text(file.read_text().replace('"openai:prod" = 1', ""))
    assert "no key has to be rotated" in alice.lkr("team", "audit", cwd=folder)


def test_sealing_over_another_value_asks(alice: User) -> None:
    folder = alice.home / "p"
    before = (folder / SEALED).read_bytes()
    out = alice.lkr("seal", "openai:prod", "--stdin", cwd=folder, stdin=NEW.encode(), code=2)
    assert "Replace it for the whole team?" not in out and "no terminal to ask on" in out
    assert (folder / SEALED).read_bytes() == before


def test_who_cannot_open_a_sealed_key_cannot_replace_it(alice: User, bob: User, tmp_path: Path) -> None:
    git(tmp_path, "clone", "-q", "up.git", str(bob.home / "p"))
    out = bob.lkr("seal", "openai:prod", "--stdin", "--yes", cwd=bob.home / "p", stdin=NEW.encode(), code=1)
    assert "none of your private keys opens" in out


def test_two_changes_at_once_never_end_in_a_file_that_nobody_can_open(pair: tuple[User, User]) -> None:
    alice, bob = pair
    ours, theirs = alice.home / "p", bob.home / "p"
    alice.lkr("seal", "openai:prod", "--stdin", "--yes", cwd=ours, stdin=NEW.encode())
    commit(ours)
    bob.lkr("seal", "openai:prod", "--stdin", "--yes", cwd=theirs, stdin=OTHER.encode())
    git(theirs, "add", "-A")
    git(theirs, "commit", "-qm", "mine")
    git(theirs, "pull", "-q", "--no-rebase", code=1)
    data = (theirs / SEALED).read_bytes()
    assert data.startswith(b"age-encryption.org/v1\n") and b"<<<<<<<" not in data
    assert bob.lkr("team", "check", cwd=theirs, code=1), "the file beside it has git's marks"
    git(theirs, "checkout", "-q", "--theirs", ".lkr/sealed")
    git(theirs, "add", "-A")
    git(theirs, "commit", "-qm", "merge")
    bob.lkr("team", "check", cwd=theirs)
    bob.lkr("unseal", "--yes", cwd=theirs)
    assert value(bob, theirs) == NEW


def test_two_members_added_at_once_are_a_conflict_that_says_what_to_do(pair: tuple[User, User]) -> None:
    alice, bob = pair
    ours, theirs = alice.home / "p", bob.home / "p"
    people = {name: str(pyrage.x25519.Identity.generate().to_public()) for name in ("carol", "dave")}
    alice.lkr("team", "add", "carol", people["carol"], "--yes", cwd=ours)
    commit(ours)
    bob.lkr("team", "add", "dave", people["dave"], "--yes", cwd=theirs)
    git(theirs, "add", "-A")
    git(theirs, "commit", "-qm", "mine")
    git(theirs, "pull", "-q", "--no-rebase", code=1)
    assert "has conflicts that git left for you" in bob.lkr("team", "check", cwd=theirs, code=78)
    path = theirs / ".lkr/members.toml"
    path.write_text("".join(x for x in path.read_text().splitlines(True) if not x.startswith(("<<<", "===", ">>>"))))
    git(theirs, "checkout", "-q", "--ours", ".lkr/sealed")
    bob.lkr("seal", "--all", "--yes", cwd=theirs)
    bob.lkr("team", "check", cwd=theirs)
    names = {each["name"] for each in json.loads(bob.lkr("team", "--json", cwd=theirs))["members"]}
    assert names == {"alice", "bob", "carol", "dave"}


def test_check_needs_no_store_and_finds_what_is_wrong(alice: User, tmp_path: Path) -> None:
    folder = alice.home / "p"
    nobody = User(tmp_path / "ci")
    (tmp_path / "ci").mkdir(exist_ok=True)
    assert "1 key is sealed to 1 member" in nobody.lkr("team", "check", cwd=folder)
    (folder / ".lkr/sealed/openai/spare.age").write_text(VALUE)
    (folder / ".lkr/sealed/openai/notes.txt").write_text("x")
    out = nobody.lkr("team", "check", cwd=folder, code=1)
    assert "openai/notes.txt is not a sealed key" in out and "spare.age has no spare.toml beside it" in out
    assert VALUE not in out
    data = pyrage.encrypt(b"x", [pyrage.x25519.Identity.generate().to_public() for _ in range(2)])
    (folder / SEALED).write_bytes(data)
    out = nobody.lkr("team", "check", cwd=folder, code=1)
    assert "is not the file that its .toml was written for" in out and "more or fewer recipients" in out


def test_a_sealed_file_in_the_place_of_another_keys_is_not_taken(pair: tuple[User, User]) -> None:
    alice, bob = pair
    alice.lkr("seal", "anthropic:main", "--yes", cwd=alice.home / "p")
    there = alice.home / "p/.lkr/sealed"
    for end in ("age", "toml"):
        (there / f"openai/prod.{end}").write_bytes((there / f"anthropic/main.{end}").read_bytes())
    out = alice.lkr("team", "check", cwd=alice.home / "p", code=1)
    assert "prod.age is a copy of the sealed 'anthropic:main'" in out
    commit(alice.home / "p")
    git(bob.home / "p", "pull", "-q")
    assert "is a copy of the sealed 'anthropic:main'" in bob.lkr("allow", "--yes", cwd=bob.home / "p")
    assert value(bob, bob.home / "p") == VALUE, "the copy stays"
    robot = str(pyrage.x25519.Identity.generate().to_public())
    for words in (["team", "add", "robot", robot, "--yes"], ["seal", "--all", "--yes"], ["team", "rm", "bob", "--yes"]):
        before = (there / "openai/prod.age").read_bytes()
        code = 1 if words[0] == "seal" else 0
        out = alice.lkr(*words, cwd=alice.home / "p", code=code)
        assert "is a copy of the sealed 'anthropic:main'" in out and "lkr unseal openai:prod" in out
        assert (there / "openai/prod.age").read_bytes() == before, "nobody reads a key that was put there unseen"
    (there / "openai/prod.toml").unlink()
    assert "has no prod.toml beside it" in alice.lkr("unseal", "openai:prod", cwd=alice.home / "p", code=1)


def test_an_older_value_is_not_taken_unasked(pair: tuple[User, User]) -> None:
    alice, bob = pair
    first = git(alice.home / "p", "rev-parse", "HEAD").strip()
    alice.lkr("seal", "openai:prod", "--new", "--stdin", "--yes", stdin=NEW.encode(), cwd=alice.home / "p")
    commit(alice.home / "p")
    git(bob.home / "p", "pull", "-q")
    bob.lkr("unseal", "--yes", cwd=bob.home / "p")
    assert value(bob, bob.home / "p") == NEW
    git(bob.home / "p", "checkout", "-q", first, "--", ".lkr")
    out = bob.lkr("allow", "--yes", cwd=bob.home / "p")
    assert "sealed/openai:prod has version 1, which is older than version 2, which you have" in out
    assert value(bob, bob.home / "p") == NEW
    bob.lkr("unseal", "--yes", cwd=bob.home / "p")
    assert value(bob, bob.home / "p") == VALUE


def test_a_project_without_its_team_says_how_to_start_one(user: User) -> None:
    folder = user.project("solo", 'OPENAI_API_KEY = "sealed/openai:prod"')
    said = user.lkr("exec", "--", "true", cwd=folder, code=1)
    assert "not opened yet: sealed/openai:prod; lkr team init, lkr seal sealed/openai:prod" in said
    user.lkr("team", "init", "alice", "--yes", cwd=folder)
    user.lkr("seal", "sealed/openai:prod", "--yes", cwd=folder)
    user.lkr("exec", "--", "true", cwd=folder)


def test_a_recipient_with_control_characters_is_refused(alice: User) -> None:
    path = alice.home / "p/.lkr/members.toml"
    ssh = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDx+3GfGyOZpOl0cWGrwgBm8Cbpz0PSnDc5sSHnMZ3cV"
    for end in ("\x1b[2K", "\r", "\n- mallory", "\u202e"):
        told = alice.lkr("team", "add", "eve", ssh + end, "--yes", cwd=path.parent.parent, code=64)
        assert "neither an age recipient nor an SSH public key" in told
    text = path.read_text()
    path.write_text(text + f'eve = {{ recipient = "{ssh} \\u001b[2K", since = "2026-11-28", by = "alice" }}\n')
    for words in (["team"], ["team", "check"], ["allow", "--yes"], ["seal", "--all", "--yes"]):
        out = alice.lkr(*words, cwd=path.parent.parent, code=0 if words[0] == "allow" else 78)
        assert "eve has a recipient that is neither an age nor an SSH key" in out
        assert "\x1b" not in out


def test_other_line_ends_and_other_cases(alice: User) -> None:
    folder = alice.home / "p"
    for name in ("members.toml", "sealed/openai/prod.toml"):
        path = folder / ".lkr" / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert "1 key is sealed to 1 member" in alice.lkr("team", "check", cwd=folder)
    alice.lkr("seal", "--all", "--yes", cwd=folder)
    assert value(alice, folder) == VALUE
    (folder / ".lkr/sealed/OpenAI").mkdir()
    (folder / ".lkr/sealed/OpenAI/prod.age").write_bytes((folder / SEALED).read_bytes())
    (alice.home / "p/.lkr/sealed/readme").write_text("x")
    assert ".lkr/sealed/readme is not a sealed key" in alice.lkr("team", "check", cwd=alice.home / "p", code=1)
    assert ".lkr/sealed/OpenAI/prod.age is not a sealed key" in alice.lkr("team", "check", cwd=folder, code=1)


def test_another_projects_sealed_key_is_out_of_reach(alice: User) -> None:
    other = alice.home / "q"
    other.mkdir()
    (copy,) = (alice.home / ".local/share/lkr/index/vault").glob(".sealed-*~openai")
    stolen = copy.name[1:].replace("~", "/") + ":prod"
    (other / ".lkr.toml").write_text(f'version = 1\n[keys]\nOPENAI_API_KEY = "{stolen}"\n')
    assert 'write "sealed/openai:prod"' in alice.lkr("allow", "--yes", cwd=other, code=78)
    (other / ".lkr.toml").write_text(MANIFEST)
    alice.lkr("allow", "--yes", cwd=other)
    assert VALUE not in alice.lkr("exec", "--", "env", cwd=other, code=1)


def test_every_worktree_has_the_keys_of_its_repository(alice: User) -> None:
    folder, tree = alice.home / "p", alice.home / "tree"
    alice.lkr("allow", "--worktrees", "--yes", cwd=folder)
    git(folder, "worktree", "add", "-q", str(tree))
    assert value(alice, tree) == VALUE
    alice.lkr("rotate", "sealed/openai:prod", "--stdin", stdin=NEW.encode(), cwd=tree)
    assert value(alice, tree) == NEW
    assert NEW in alice.lkr("get", "sealed/openai:prod", "--force-plain", cwd=tree)


def test_a_link_in_the_repository_leads_nowhere(alice: User, tmp_path: Path) -> None:
    folder, target = alice.home / "p", tmp_path / "target"
    target.write_text("mine")
    (folder / SEALED).unlink()
    (folder / SEALED).symlink_to(target)
    alice.lkr("seal", "openai:prod", "--yes", cwd=folder, code=2)
    assert target.read_text() == "mine"
    (folder / SEALED).unlink()
    os.mkfifo(folder / SEALED)
    alice.lkr("unseal", "--yes", cwd=folder, code=1)


def test_locking_takes_the_sealed_keys_away_too(alice: User) -> None:
    alice.lkr("lock")
    alice.lkr("exec", "--", "env", cwd=alice.home / "p", code=77)


def test_no_value_is_in_the_repository(pair: tuple[User, User]) -> None:
    alice, bob = pair
    for user in (alice, bob):
        for path in (user.home / "p").rglob("*"):
            assert not path.is_file() or VALUE.encode() not in path.read_bytes(), path


def test_an_agent_may_look_at_a_team_and_change_nothing(alice: User) -> None:
    folder = alice.home / "p"
    alice.by_agent()
    alice.lkr("team", "check", cwd=folder)
    alice.lkr("team", cwd=folder)
    stranger = str(pyrage.x25519.Identity.generate().to_public())
    for words in (("team", "add", "x", stranger, "--yes"), ("team", "rm", "alice", "--yes"), ("unseal", "--yes"),
                  ("seal", "openai:prod", "--yes"), ("seal", "--all", "--yes"), ("team", "init", "--yes")):  # fmt: skip
        assert "a coding agent" in alice.lkr(*words, cwd=folder, code=2)


def replaced_by_a_pull_request(folder: Path, members: list[str], version: int = 2) -> None:
    """Puts another value in the place of the sealed key, with a note that fits. It takes public keys only."""
    import hashlib

    text = (folder / ".lkr/sealed/openai/prod.toml").read_text()
    data = pyrage.encrypt(NEW.encode(), [pyrage.x25519.Recipient.from_str(each) for each in members])
    (folder / SEALED).write_bytes(data)
    lines = [
        f'sha256 = "{hashlib.sha256(data).hexdigest()}"' if line.startswith("sha256") else
        f"version = {version}" if line.startswith("version") else line
        for line in text.splitlines()
    ]  # fmt: skip
    (folder / ".lkr/sealed/openai/prod.toml").write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize("words", [("team", "add", "carol"), ("team", "rm", "bob"), ("seal", "--all")])
def test_a_value_that_i_have_not_agreed_to_is_neither_taken_nor_sealed_to_others(
    pair: tuple[User, User], words: tuple[str, ...]
) -> None:
    alice, bob = pair
    folder = alice.home / "p"
    replaced_by_a_pull_request(folder, [recipient(alice), recipient(bob)])
    before = (folder / SEALED).read_bytes()
    more = [str(pyrage.x25519.Identity.generate().to_public())] * (words[1] == "add")
    code = 1 if words[0] == "seal" else 0
    out = alice.lkr(*words, *more, "--yes", cwd=folder, code=code)
    assert value(alice, folder) == VALUE, out
    assert (folder / SEALED).read_bytes() == before
    assert "sealed/openai:prod has a new value" in out and "lkr unseal openai:prod" in out


def test_no_escape_code_of_a_note_reaches_the_terminal(alice: User) -> None:
    folder = alice.home / "p"
    note = folder / ".lkr/sealed/openai/prod.toml"
    for field in ("value_since", "by"):
        lines = note.read_text().splitlines()
        changed = [f'{field} = "\\u001b[2J\\u0007"' if each.startswith(f"{field} =") else each for each in lines]
        assert changed != lines
        note.write_text("\n".join(changed) + "\n")
        for words in ("team", "list --source sealed", "team check", "unseal"):
            done = alice.run(*words.split(), cwd=folder)
            assert "\x1b" not in done.stdout + done.stderr, (field, words)
        note.write_text("\n".join(lines) + "\n")


def test_a_new_identity_of_the_vault_still_opens_what_was_sealed_to_the_old_one(alice: User) -> None:
    folder = alice.home / "p"
    alice.lkr("lock")
    out = alice.lkr("vault", "rekey", "--stdin", stdin=b"a passphrase")
    assert "keys in ~/p are sealed to the old one, so the vault keeps it too; there, add the new one: lkr team" in out
    alice.lkr("lock")
    alice.lkr("unlock", "--stdin", stdin=b"a passphrase")
    sealed = folder / SEALED
    (copy,) = (alice.home / ".local/share/lkr/vault/keys").glob("sealed-*/prod.age")
    copy.unlink()
    assert "opened 1 key" in alice.lkr("unseal", cwd=folder)
    alice.lkr("team", "add", "alice-2", recipient(alice), "--yes", cwd=folder)
    alice.lkr("team", "rm", "alice", "--yes", cwd=folder)
    before = sealed.read_bytes()
    alice.lkr("vault", "rekey", "--stdin", stdin=b"a passphrase")
    copy.unlink()
    assert "opened 1 key" in alice.lkr("unseal", "--yes", cwd=folder)
    assert sealed.read_bytes() == before
