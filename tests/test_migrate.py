"""`lkr migrate`, between a real gnome-keyring and a real vault."""

import json
import subprocess

import pytest
from conftest import BIN, OTHER, VALUE, User
from shells import environment

START = (
    "set -eu; printf pass | gnome-keyring-daemon --unlock --components=secrets >/dev/null; export LKR_BACKEND=keyring;"
)


@pytest.fixture
def desktop(user: User) -> User:
    (user.home / "run").mkdir(mode=0o700)
    user.env = {**environment(user.home, BIN), "XDG_RUNTIME_DIR": str(user.home / "run")}
    return user


def run(user: User, script: str) -> str:
    done = subprocess.run(
        ["dbus-run-session", "--", "bash", "-c", START + script], env=user.env, cwd=user.home,
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_keys_go_from_the_vault_to_the_keychain_and_back(desktop: User) -> None:
    out = run(
        desktop,
        """
export LKR_BACKEND=vault
printf gsk_admin_12345678 | lkr set groq:admin --stdin --kind admin
lkr policy openai:prod --ttl 8h
export LKR_BACKEND=keyring
lkr migrate vault --dry-run
lkr list --json
lkr migrate vault --yes
lkr list --all --json >listed
lkr policy openai:prod --json
lkr exec -k openai:prod -- sh -c 'echo "read:$OPENAI_API_KEY"'
lkr exec -k groq:admin -- true || echo "admin stays admin: $?"
printf sk-other-12345678 | lkr set openai:prod --stdin --force
lkr migrate vault --yes --move
LKR_BACKEND=vault lkr list --json >left
LKR_BACKEND=vault lkr migrate keyring --yes --replace --move
lkr audit --json --event migrate >log
LKR_BACKEND=vault lkr exec --all -- sh -c 'echo "back:$OPENAI_API_KEY:$ANTHROPIC_API_KEY"'
lkr list --all
""",
    )
    assert "openai:prod (new)" in out
    assert {row["name"] for row in json.loads((desktop.home / "listed").read_text())} == {
        "openai:prod", "anthropic:main", "groq:admin"
    }  # fmt: skip
    assert '"ttl": 28800' in out
    assert (desktop.home / "log").read_text().count("openai:prod") == 2, "once there, once back; kept ones are no use"
    assert f"read:{VALUE}" in out
    assert "admin stays admin: 2" in out
    assert "kept openai:prod, which has another value here" in out
    assert [row["name"] for row in json.loads((desktop.home / "left").read_text())] == ["openai:prod"]
    assert f"back:sk-other-12345678:{OTHER}" in out
    assert "no keys stored" in out, "the keychain is empty after --move"
    assert not list((desktop.home / ".local/share/lkr/index/keyring").glob("*/*"))


def test_a_moved_key_loses_no_policy_and_no_old_value(desktop: User) -> None:
    out = run(
        desktop,
        """
export LKR_BACKEND=keyring
lkr migrate vault --yes
LKR_BACKEND=vault lkr policy openai:prod --agents deny
printf %s "$NEW" | LKR_BACKEND=vault lkr rotate anthropic:main --stdin
printf %s "$NEW" | lkr set anthropic:main --stdin --force
lkr migrate vault --yes --move
echo left: $(LKR_BACKEND=vault lkr list --json | grep -o '"name": "[^"]*"')
lkr policy openai:prod --agents deny
lkr migrate vault --yes --move
echo then: $(LKR_BACKEND=vault lkr list --json | grep -o '"name": "[^"]*"')
""".replace("$NEW", "sk-ant-new-0123456789"),
    )
    assert "left openai:prod in the vault: in the keyring it may be used by coding agents (exec); lkr policy" in out
    assert "left anthropic:main in the vault: in the keyring it has no old value; lkr rotate" in out
    assert 'left: "name": "anthropic:main" "name": "openai:prod"\n' in out
    assert 'then: "name": "anthropic:main"\n' in out


def test_keys_of_another_service_get_names_of_ours(desktop: User) -> None:
    out = run(
        desktop,
        """
printf mistral-value-1234 | secret-tool store --label=x service my-tool username MISTRAL_API_KEY
printf groq-value-1234567 | secret-tool store --label=x service my-tool username groq
printf odd-value-12345678 | secret-tool store --label=x service my-tool username 'me@example.org'
export LKR_BACKEND=vault
lkr migrate keyring:my-tool --dry-run --json
lkr migrate keyring:my-tool -k tavily:main=me@example.org --yes
lkr migrate keyring:my-tool --yes
lkr exec --all -- sh -c 'echo "$MISTRAL_API_KEY $GROQ_API_KEY $TAVILY_API_KEY"'
secret-tool lookup service my-tool username groq
""",
    )
    assert "is not a valid key name" in out
    assert '"name": "mistral:main"' in out
    assert "groq → groq:main (new)" in out
    assert "mistral-value-1234 groq-value-1234567 odd-value-12345678" in out


def test_migrate_refuses_what_makes_no_sense(user: User) -> None:
    assert "already in the vault" in user.lkr("migrate", "vault", code=64)
    user.lkr("migrate", "1password", code=64)
    user.lkr("migrate", "keyring:", code=64)
    user.by_agent()
    user.lkr("migrate", "keyring", code=2)


def test_a_locked_target_gets_nothing_and_the_source_keeps_all(desktop: User) -> None:
    out = run(
        desktop,
        """
lkr lock
lkr migrate vault --yes --move || echo "stopped: $?"
LKR_BACKEND=vault lkr list
lkr unlock
lkr migrate vault --yes --move
lkr exec --all -- sh -c 'echo "after:$OPENAI_API_KEY"'
""",
    )
    assert "stopped: 77" in out
    assert "anthropic:main" in out.split("stopped")[1]
    assert f"after:{VALUE}" in out


def test_a_key_that_is_being_rotated_takes_its_old_value_and_its_policy_along(desktop: User) -> None:
    out = run(
        desktop,
        """
lkr migrate vault --yes >/dev/null
lkr policy openai:prod --agents deny
printf sk-rotated-12345678 | lkr rotate openai:prod --stdin
lkr list --all
lkr doctor | grep 'index' && exit 1
export LKR_BACKEND=vault
printf sk-elsewhere-1234 | lkr set openai:prod --stdin --force
lkr rm openai:prod --yes
lkr migrate keyring --yes --move
LKR_BACKEND=keyring lkr list --all
lkr policy openai:prod
lkr rotate openai:prod --undo
lkr exec -k openai:prod -- sh -c 'echo "back:$OPENAI_API_KEY"'
secret-tool search --all service com.llm-key-ring || true
""",
    )
    assert f"back:{VALUE}" in out
    assert "agents deny" in out
    assert "no keys stored" in out
    assert "~old" not in out and "--old" not in out
    assert "rotated-" not in out, "nothing is left behind"
