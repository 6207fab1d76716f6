# Two commands do all set-up: `make try` shows the main job, `make test` runs every test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# tests at once: most of their time is waiting for a shell
JOBS := $(shell expr 1 + $$(getconf _NPROCESSORS_ONLN))
# command (or folder):Debian package, for what the tests drive
TOOLS := /usr/sbin/sshd:openssh-server zsh:zsh fish:fish direnv:direnv age:age strace:strace tmux:tmux shellcheck:shellcheck hyperfine:hyperfine setpriv:util-linux ssh-keygen:openssh-client dbus-send:dbus-bin Xvfb:xvfb xclip:xclip sway:sway wl-copy:wl-clipboard git:git pass:pass gpg:gnupg pinentry-tty:pinentry-tty pinentry-curses:pinentry-curses man:man-db mandoc:mandoc /usr/share/powerlevel9k:zsh-theme-powerlevel9k \
	xdotool:xdotool /usr/libexec/gcr-prompter:gcr \
	dbus-run-session:dbus gnome-keyring-daemon:gnome-keyring secret-tool:libsecret-tools /usr/share/bash-completion:bash-completion

# what Homebrew has of them; not run by us, and the tests of what only Linux has fail there
BREW_TOOLS := bash fish direnv age tmux shellcheck hyperfine pass gnupg mandoc bash-completion@2

.PHONY: try test lint bench torture completions pictures install tools dist-check clean

$(BIN)/lkr: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

install: $(BIN)/lkr

try: install
	@examples/try $(BIN)

$(VENV)/.dev: pyproject.toml $(BIN)/lkr
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

# Installs the real shells and stores that are missing; as root, or through sudo.
tools:
	@if [ "$$(uname)" = Darwin ]; then brew install --quiet $(BREW_TOOLS); exit; fi; \
	missing=; for tool in $(TOOLS); do \
	  command -v "$${tool%%:*}" >/dev/null || [ -d "$${tool%%:*}" ] || missing="$$missing $${tool#*:}"; done; \
	if [ -n "$$missing" ]; then \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi

test: tools $(VENV)/.dev
	$(BIN)/pytest --numprocesses $(JOBS) --dist worksteal

lint: tools $(VENV)/.dev
	$(BIN)/ruff check lkrshell tests bench docs tools
	$(BIN)/ruff format --check lkrshell tests bench docs tools tools
	$(BIN)/mypy
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml
	$(BIN)/zizmor --quiet --offline .github
	$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout .github/workflows/ci.yml
	shellcheck --external-sources lkr.plugin.bash completions/lkr.bash shell/lkr.bash shell/lkr.direnv examples/try .ci/run
	zsh -n shell/lkr.zsh
	zsh -n completions/_lkr
	zsh -n lkr.plugin.zsh
	fish --no-execute shell/lkr.fish completions/lkr.fish conf.d/lkr.fish

# The side-by-side benchmark, and what a Tab takes; some minutes, best on a machine that does nothing else.
bench: tools $(VENV)/.dev
	$(BIN)/python bench/bench.py
	$(BIN)/python bench/tab.py

# 2,000 kills, a minute of 64 processes at once, and 30 losses of power against a vault; see bench/torture.py.
torture: $(VENV)/.dev
	$(BIN)/python bench/torture.py

# All that is generated and checked in: completions from the command line's definition, the man page from the same,
# schemas from the parser's rules.
completions: $(VENV)/.dev
	$(BIN)/python -m tools.completions completions
	$(BIN)/python -m lkrshell.project.schema lkrshell/project
	$(BIN)/python -m tools.manpage man

# The pictures in README.md, from real sessions; a test compares what they say with what is said today.
pictures: $(VENV)/.dev
	$(BIN)/python docs/pictures/make.py

# A release: built anew (the wheel from the sdist), checked, and installed as users would.
dist-check: $(VENV)/.dev
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	LKR_DIST=dist $(BIN)/pytest tests/test_package.py

clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
