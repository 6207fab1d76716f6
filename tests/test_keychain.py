"""The Secret Service, with a real gnome-keyring on a bus of its own."""

import subprocess

import displays
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
printf sk-plain-text | secret-tool store --label=x service com.llm-key-ring username openai:plain
lkr exec -k openai:plain -- sh -c 'echo "read $OPENAI_API_KEY"'
lkr doctor --fix; lkr list
secret-tool lookup service com.llm-key-ring username openai:prod; echo
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
        "read sk-plain-text",
        "the keyring has openai:plain, openai:rust, which the index does not list\n    fixed",
        '{"value": "sk-first-value", "kind": "runtime"}',
        "imported gsk_stored123456",
        "gone: 1",
    ):
        assert said in out, out


# A person at the keychain's own prompt (gcr-prompter): `answers KEYS...` waits for its window and presses them.
OWN = r"""
set -uo pipefail
printf pass | gnome-keyring-daemon --unlock --components=secrets >/dev/null
shown() { xdotool search --onlyvisible --class gcr-prompter 2>/dev/null; }
# Waits until the window has done what it had to: it sleeps, and uses no time, for half a second.
settled() {
    local pid now before='' calm=0
    pid=$(shown | head -n 1 | xargs -r xdotool getwindowpid)
    [ -n "$pid" ] || return 0
    for _ in $(seq 200); do
        now=$(awk '{ print $3, $14 + $15 }' "/proc/$pid/stat" 2>/dev/null) || return 0
        if [[ $now == S* && $now == "$before" ]]; then calm=$((calm + 1)); else calm=0; fi
        ((calm < 5)) || return 0
        before=$now
        sleep 0.1
    done
}
answers() {
    for _ in $(seq 150); do
        [ -n "$(shown)" ] && break
        sleep 0.1
    done
    settled
    for key; do
        case $key in
            +*) xdotool key "${key#+}" ;;
            *) xdotool type --delay 20 "$key" ;;
        esac
        settled
    done
    for _ in $(seq 150); do # the next question has a window of its own
        [ -n "$(shown)" ] || break
        sleep 0.1
    done
}
said() { echo "$1: code $?"; }
locked() {
    python3 -c '
import secretstorage
for each in secretstorage.get_all_collections(secretstorage.dbus_init()):
    print("collection", each.get_label(), "locked" if each.is_locked() else "open")'
}
printf sk-no | lkr set openai:prod --stdin; said not-made
answers +Escape & timeout 60 lkr unlock; said dismissed-at-first
wait
answers geheim +Tab geheim +Return & timeout 60 lkr unlock; said made
wait
printf sk-first-value | lkr set openai:prod --stdin; said set
printf sk-of-others | secret-tool store --label=x service com.llm-key-ring username openai:prod
printf sk-of-others | secret-tool store --label=y service com.llm-key-ring username openai:others
lkr exec -k openai:prod -- sh -c 'echo "value $OPENAI_API_KEY"'
lkr exec -k openai:others -- true; said others
cd "$HOME/p"
lkr allow --yes
eval "$(lkr hook bash)"
__lkr_hook
echo "shell has ${OPENAI_API_KEY-nothing}"
lkr lock
__lkr_hook
echo "shell has ${OPENAI_API_KEY-none} now"
locked
lkr exec -- true; said locked
answers +Escape & timeout 60 lkr unlock; said dismissed
wait
answers geheim +Return & timeout 60 lkr unlock; said unlocked
wait
__lkr_hook
echo "shell has ${OPENAI_API_KEY-nothing} again"
lkr doctor; said doctor
lkr rm --yes openai:prod; said rm
secret-tool lookup service com.llm-key-ring username openai:prod
"""


def test_a_collection_of_our_own_is_locked_for_real_and_nobody_elses(user: User) -> None:
    home = user.home.parent / "desktop"
    (home / "p").mkdir(parents=True)
    (home / "p/.lkr.toml").write_text('version = 1\nkeys = ["openai:prod"]\n')
    (home / "run").mkdir(mode=0o700)
    desktop = User(home)
    desktop.config('backend = "keyring"\ncollection = "lkr"\n')
    with displays.x_server() as display:
        env = {**environment(home, BIN), "DISPLAY": display, "XDG_RUNTIME_DIR": str(home / "run")}
        env.pop("LKR_BACKEND")
        env["PATH"] = f"{BIN}:{env['PATH']}"
        done = subprocess.run(
            ["dbus-run-session", "--", "bash", "-c", OWN], env=env, capture_output=True, text=True, timeout=110
        )
    out = done.stdout + done.stderr
    for line in (
        "not-made: code 77",
        "dismissed-at-first: code 77",
        "made: code 0",
        "set: code 0",
        "value sk-first-value",
        "others: code 1",
        "shell has sk-first-value",
        "shell has none now",
        "collection lkr locked",
        "collection Login open",
        "locked: code 77",
        "dismissed: code 77",
        "unlocked: code 0",
        "shell has sk-first-value again",
        "doctor: code 0",
        "rm: code 0",
    ):
        assert line in done.stdout.splitlines(), (line, out)
    assert done.stdout.endswith("sk-of-others"), out
    assert "create it: lkr unlock" in out
