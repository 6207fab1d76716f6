"""Where keys end up in a person's home: files of shells, editors, coding agents, package managers, containers.

It only lists places to search. Sources: each program's own documentation.
"""

import glob
import os
import stat
from collections.abc import Iterator

from lkrshell.scan import files, text
from lkrshell.scan.findings import FILE, PROCESS, Finding

# Below the home folder: files, folders (with a slash at the end), and patterns.
_HOME = """
.bash_history .zsh_history .histfile .history .local/share/fish/fish_history .python_history .node_repl_history
.psql_history .mysql_history .sqlite_history .lesshst .local/share/powershell/PSReadLine/ConsoleHost_history.txt
.local/share/nushell/history.txt .local/share/atuin/ .config/nushell/ .profile .bash_profile .bash_login .bashrc
.bash_aliases .bashrc.d/ .zshrc .zshenv .zprofile .zlogin .zsh/ .oh-my-zsh/custom/ .config/fish/
.config/environment.d/ .pam_environment .xprofile .xsessionrc .inputrc .tmux.conf .config/tmux/ .env* .envrc
.config/direnv/ .netrc .npmrc .yarnrc .yarnrc.yml .pypirc .config/pip/ .pip/ .condarc .cargo/credentials*
.gem/credentials .git-credentials .config/git/credentials .config/gh/ .gitconfig .config/git/config .aws/
.config/gcloud/*.json .azure/*.json .kube/config .docker/config.json .docker/compose/ .config/containers/auth.json
.ssh/config .ssh/environment .claude.json .claude/ .config/claude/ .codex/ .gemini/ .qwen/ .config/opencode/
.local/share/opencode/ .cline/ .continue/ .aider* .config/aider/ .cursor/mcp.json .cursor/*.json .config/Cursor/User/
.windsurf/ .codeium/ .config/Code*/User/ .vscode-server/data/User/ .vscode-server/data/Machine/ .config/VSCodium/User/
.vscode/ .config/zed/ .config/goose/ .config/crush/ .config/github-copilot/ .copilot/ .amp/ .config/amp/
.config/Claude/ .mcp.json .config/mcp/ .config/io.datasette.llm/ .config/openai/ .config/litellm/ .openai/ .anthropic/
.cache/huggingface/token .huggingface/ .config/fabric/ .config/shell_gpt/ .config/mods/ .jupyter/
.ipython/profile_default/ .vimrc .config/nvim/ .emacs .emacs.d/init.el .config/emacs/ .local/share/code-server/User/
.config/autostart/ .config/systemd/user/ Library/Application*Support/Code/User/
Library/Application*Support/Cursor/User/ Library/Application*Support/Claude/ Library/LaunchAgents/
Library/Application*Support/io.datasette.llm/ docker-compose*.y*ml compose*.y*ml *.ipynb .roo/ .kilocode/
.config/kilo/ .pi/ .factory/ .local/state/opencode/ .local/share/amp/ .local/share/crush/ .local/share/goose/
.openclaw/ .xonshrc .config/xonsh/ .cshrc .tcshrc .kshrc .mkshrc .config/powershell/ .config/hub
""".split()


def home(tally: files.Tally) -> Iterator[tuple[str, str]]:
    """Yields the files in these places of the person's home, each once."""
    root = os.path.realpath(os.path.expanduser("~"))
    seen = set()
    for place in _HOME:
        for path in sorted(glob.glob(os.path.join(glob.escape(root), place))):
            below = files.walk(path.rstrip("/"), tally, named=True) if os.path.isdir(path) else iter([path])
            for each in below:
                if each not in seen:
                    seen.add(each)
                    yield each, FILE


def processes(what: text.Search, tally: files.Tally) -> Iterator[Finding]:
    """Yields the findings in the environments of this person's processes, on systems that show them (Linux)."""
    mine = os.getuid() if hasattr(os, "getuid") else -1
    for name in sorted(filter(str.isdigit, os.listdir("/proc")), key=int) if os.path.isdir("/proc/self") else []:
        path = f"/proc/{name}/environ"
        try:
            if os.stat(f"/proc/{name}").st_uid != mine or int(name) == os.getpid():
                continue
            with open(path, "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    continue
                data = file.read(1 << 20)
            with open(f"/proc/{name}/comm", "rb") as file:
                program = file.read(64).decode("utf-8", "replace").strip()
        except OSError:
            continue  # it has ended, or we may not look
        tally.step(tally.files)
        for _, _, found in what.hits(data):
            found.place, found.state = f"process {name} ({program})", PROCESS
            yield found
