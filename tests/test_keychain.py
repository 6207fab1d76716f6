"""The Secret Service, with a real gnome-keyring on a bus of its own."""

import subprocess

from conftest import BIN, User
from shells import environment

SCRIPT = r"""
set -euo pipefail
printf pass | gnome-keyring-daemon --unlock --components=secrets >/dev/null
printf sk-first-value | lkr set openai:prod --stdin
lkr list
secret-tool search --all service com.llm-key-ring | grep -c provider >/dev/null || true
cd "$HOME/p"
lkr allow --yes
lkr exec -- sh -c 'test "$OPENAI_API_KEY" = sk-first-value && echo exec-has-it'
eval "$(lkr hook bash)"
__lkr_hook
test "$OPENAI_API_KEY" = sk-first-value && echo shell-has-it
lkr lock
__lkr_hook
test -z "${OPENAI_API_KEY-}" && echo locked-away
lkr unlock
__lkr_hook
test "$OPENAI_API_KEY" = sk-first-value && echo back-again
printf '{"kind":"runtime","value":"from-rust"}' |
  secret-tool store --label=x service com.llm-key-ring username openai:rust
lkr exec -k openai:rust -- sh -c 'echo "read $OPENAI_API_KEY"'
mkdir "$HOME/q" && cd "$HOME/q"
printf gsk_stored123456 | secret-tool store --label=x purpose llm
lkr import --from secret-tool:purpose=llm --as groq:main --yes
lkr exec -- sh -c 'echo "imported $GROQ_API_KEY"'
lkr rm --yes openai:prod
lkr exec -k openai:prod -- true || echo "gone: $?"
"""


def test_a_key_lives_in_gnome_keyring(user: User) -> None:
    home = user.home.parent / "desktop"
    (home / "p").mkdir(parents=True)
    (home / "p/.lkr.toml").write_text('version = 1\nkeys = ["openai:prod"]\n')
    (home / "run").mkdir(mode=0o700)
    env = {**environment(home, BIN), "LKR_BACKEND": "auto", "XDG_RUNTIME_DIR": str(home / "run")}
    done = subprocess.run(
        ["dbus-run-session", "--", "bash", "-c", SCRIPT], env=env, capture_output=True, text=True, timeout=100
    )
    out = done.stdout + done.stderr
    assert done.returncode == 0, out
    assert "stored openai:prod in the keyring" in out
    for said in (
        "exec-has-it",
        "shell-has-it",
        "locked-away",
        "back-again",
        "read from-rust",
        "imported gsk_stored123456",
        "gone: 1",
    ):
        assert said in out, out
