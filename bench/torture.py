"""Kills and crowds: does the vault keep every key at its old or its new value? `make torture` runs it.

Usage: torture.py [KILLS] [SECONDS] [LOSSES]. It kills lkr with SIGKILL at random moments of set, rm, rename, passwd,
rekey and allow, and checks after each. Then 64 processes at once set, read and remove for SECONDS. As root it also
makes an ext4 file system on a loop device lose what was not synced, LOSSES times, and checks after each.
"""

import fcntl
import json
import os
import random
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from lkrshell.core.errors import StoreLocked
from lkrshell.core.secret import Secret
from lkrshell.stores.vault import Vault

BIN = Path(sys.executable).parent


class User:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {"HOME": str(home), "PATH": f"{BIN}:/usr/bin:/bin", "LANG": "C.UTF-8", "LKR_BACKEND": "vault"}
        self.env["LKR_QUIET"] = "1"

    def start(self, *words: str, stdin: bytes = b"") -> "subprocess.Popen[bytes]":
        child = subprocess.Popen(
            [str(BIN / "lkr"), *words], env=self.env, cwd=self.home,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert child.stdin
        child.stdin.write(stdin)
        child.stdin.close()
        return child

    def run(self, *words: str, stdin: bytes = b"") -> tuple[int, str]:
        child = self.start(*words, stdin=stdin)
        assert child.stdout
        out = child.stdout.read().decode("utf-8", "replace")
        return child.wait(), out

    def value(self, name: str) -> str | None:
        """Returns the stored value, read in this process: starting Python for each check would take hours."""
        os.environ.update(self.env)
        secret = Vault(43200, 43200).get([name]).get(name)
        return secret.reveal() if secret else None

    def opens(self, passphrase: str) -> bool:
        os.environ.update(self.env)
        try:
            Vault(43200, 43200).unlock(Secret(passphrase))
        except StoreLocked:
            return False
        return True


def kills(user: User, count: int) -> Counter[str]:
    """After each kill, every key has its old or new value, the passphrase is one of two, and no value lies around."""
    seen: Counter[str] = Counter()
    (user.home / "p").mkdir()
    (user.home / "p/.lkr.toml").write_text('version = 1\n[keys]\nA_KEY = "k:a"\n')
    passphrase, value = "first", "value-0"
    user.run("unlock", "--stdin", stdin=passphrase.encode())
    user.run("set", "k:a", "--stdin", "--force", stdin=value.encode())
    user.run("set", "k:other", "--stdin", stdin=b"constant")
    weights = {"set": 40, "rm": 10, "rename": 15, "allow": 20, "passwd": 8, "rekey": 7}
    typical: dict[str, float] = {}
    for number in range(1, count + 1):
        action = random.choices(list(weights), list(weights.values()))[0]
        new_value, new_pass = f"value-{number}", f"pass-{number}"
        words, stdin = {
            "set": (["set", "k:a", "--stdin", "--force"], new_value.encode()),
            "rm": (["rm", "--yes", "k:a"], b""),
            "rename": (["rename", "k:a", "k:b"], b""),
            "allow": (["allow", "--yes", "p"], b""),
            "passwd": (["passwd", "--stdin"], f"{passphrase}\n{new_pass}\n".encode()),
            "rekey": (["vault", "rekey", "--stdin"], passphrase.encode()),
        }[action]
        start = time.monotonic()
        child = user.start(*words, stdin=stdin)
        if action not in typical:
            child.wait()
            typical[action] = time.monotonic() - start
        else:
            # Mostly near the end, when it writes.
            time.sleep(typical[action] * random.betavariate(5, 1.5) * 1.1)
            child.send_signal(signal.SIGKILL)
            child.wait()
        assert child.stdout
        child.stdout.close()
        seen[f"{action} {'finished' if child.returncode == 0 else 'killed'}"] += 1
        if action in ("passwd", "rekey"):
            for candidate in (passphrase, new_pass):
                if user.opens(candidate):
                    passphrase = candidate
                    break
            else:
                raise AssertionError(f"{action}: no passphrase opens the vault after kill {number}")
        a, b = user.value("k:a"), user.value("k:b")
        cases: dict[str, list[tuple[str | None, str | None]]] = {
            "set": [(value, None), (new_value, None)],
            "rm": [(value, None), (None, None)],
            "rename": [(value, None), (value, value), (None, value)],
        }
        assert (a, b) in cases.get(action, [(value, None)]), (number, action, a, b, value)
        if number % 100 == 0:
            print(number, dict(seen), file=sys.stderr, flush=True)
        if number % 20 == 0:
            assert user.value("k:other") == "constant"
        if (a, b) != (value, None) or action == "set":
            if b is not None:
                user.run("rm", "--yes", "k:b")
            if a is None:
                user.run("set", "k:a", "--stdin", "--force", stdin=value.encode())
            else:
                value = a
    user.run("set", "k:a", "--stdin", "--force", stdin=value.encode())
    user.run("doctor", "--fix")
    _, out = user.run("doctor", "--json")
    found = [
        row for row in json.loads(out) if row["level"] == "wrong" and row["check"] in ("store", "folders", "grants")
    ]
    assert not found, found
    data = user.home / ".local"
    files = [path for path in data.rglob("*") if path.is_file()]
    assert not [path for path in files if path.name.startswith(".tmp-")]
    assert not [path for path in files if b"value-" in path.read_bytes() or b"constant" in path.read_bytes()]
    return seen


def crowd(user: User, processes: int, seconds: float) -> Counter[str]:
    """All processes write whole values of the same few keys. What is read must be one of them, whole."""
    seen: Counter[str] = Counter()
    end = time.monotonic() + seconds
    problems: list[str] = []

    def one(number: int) -> None:
        rng = random.Random(number)
        while time.monotonic() < end and not problems:
            name = f"crowd:k{rng.randrange(4)}"
            action = rng.choice(["set", "set", "read", "read", "rm"])
            if action == "set":
                code, out = user.run("set", name, "--stdin", "--force", stdin=(f"{number}-" * 200).encode())
                good = code == 0
            elif action == "rm":
                code, out = user.run("rm", "--yes", name)
                good = code == 0 or "no key" in out
            else:
                code, out = user.run("exec", "-k", f"V={name}", "--", "sh", "-c", 'printf %s "$V"')
                good = "not stored" in out or (code == 0 and out == f"{out.partition('-')[0]}-" * 200)
            seen[action if good else f"{action} FAILED"] += 1
            if not good:
                problems.append(f"{action} {name}: {code} {out[:200]}")

    threads = [threading.Thread(target=one, args=(number,)) for number in range(processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems, problems
    return seen


_SHUTDOWN, _NO_FLUSH = 0x8004587D, struct.pack("I", 2)  # FS_IOC_SHUTDOWN of linux/fs.h, without writing the journal


def power(folder: Path, losses: int) -> Counter[str]:
    """After the loss, everything reported as done is there, anything unfinished is old or new, and nothing is
    damaged."""
    seen: Counter[str] = Counter()
    image, disk = folder / "image", folder / "disk"
    disk.mkdir()
    with image.open("wb") as file:
        file.truncate(48 << 20)
    subprocess.run(["/sbin/mkfs.ext4", "-q", str(image)], check=True)
    mount = ["mount", "-o", "loop", str(image), str(disk)]
    subprocess.run(mount, check=True)
    user = User(disk / "home")
    user.home.mkdir()
    user.run("unlock", "--stdin", stdin=b"x")
    user.run("set", "k:a", "--stdin", "--force", stdin=b"value-0")
    os.sync()
    value, name = "value-0", "k:a"
    typical = 0.3
    for number in range(1, losses + 1):
        action = random.choice(["set", "set", "rename", "rekey"])
        other = "k:b" if name == "k:a" else "k:a"
        words, stdin = {
            "set": (["set", name, "--stdin", "--force"], f"value-{number}".encode()),
            "rename": (["rename", name, other], b""),
            "rekey": (["vault", "rekey", "--stdin"], b"x"),
        }[action]
        (disk / "not-synced").write_text(str(number))
        child = user.start(*words, stdin=stdin)
        if number % 3:
            time.sleep((typical if action != "rekey" else 2.5) * random.betavariate(5, 1.5) * 1.1)
        else:
            child.wait()
        root = os.open(disk, os.O_RDONLY)
        fcntl.ioctl(root, _SHUTDOWN, _NO_FLUSH)
        os.close(root)
        child.wait()
        assert child.stdout
        said = child.stdout.read().decode()
        child.stdout.close()
        done = child.returncode == 0
        subprocess.run(["umount", str(disk)], check=True)
        subprocess.run(mount, check=True)
        seen[f"{action} {'done' if done else 'lost'}"] += 1
        seen["a file that nobody synced was lost"] += (
            not (disk / "not-synced").read_text() if (disk / "not-synced").exists() else 1
        )
        assert user.opens("x"), (number, action, said)
        found = {each: user.value(each) for each in (name, other)}
        new = {"set": {name: f"value-{number}", other: None}, "rename": {name: None, other: value}}
        both = {"rename": {name: value, other: value}}
        old: dict[str, str | None] = {name: value, other: None}
        wanted = [new.get(action, old)] if done else [old, new.get(action, old), both.get(action, old)]
        assert found in wanted, (number, action, done, found, value, said)
        if found[name] and found[other]:
            user.run("rm", "--yes", other)
        if not found[name]:
            name = other
        value = found[name] or value
        os.sync()
    subprocess.run(["umount", str(disk)], check=True)
    return seen


def main() -> None:
    numbers = [int(word) for word in sys.argv[1:]]
    count, seconds, losses = (*numbers, *(2000, 60, 30)[len(numbers) :])
    random.seed(int(os.environ.get("SEED", "1")))
    with tempfile.TemporaryDirectory(prefix="lkr-torture-") as folder:
        for name in ("kills", "crowd", "power"):
            home = Path(folder) / name
            home.mkdir()
            user = User(home)
            start = time.monotonic()
            if name == "power":
                if os.getuid() != 0 or sys.platform != "linux":
                    print("power: only root on Linux can mount a disk that loses power")
                    continue
                seen = power(home, losses)
            elif name == "kills":
                seen = kills(user, count)
            else:
                user.run("unlock", "--stdin", stdin=b"x")
                seen = crowd(user, 64, seconds)
            print(name, json.dumps(dict(sorted(seen.items()))), f"{time.monotonic() - start:.0f} s", flush=True)
            user.run("lock")


if __name__ == "__main__":
    main()
