# `make try` and `make test` install what they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests that run at once. They often wait for shells, so there are more of them than cores.
JOBS := $(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN) + 1)
# What the tests drive, as command (or file):Debian package. Name no folder: other packages may make it, too.
TOOLS := zsh:zsh fish:fish node:nodejs direnv:direnv tmux:tmux git:git less:less strace:strace setpriv:util-linux \
	shellcheck:shellcheck chromium:chromium curl:curl cc:gcc /usr/include/stdio.h:libc6-dev systemd-analyze:systemd \
	/usr/sbin/sshd:openssh-server ssh-keygen:openssh-client age:age pass:pass gpg:gnupg \
	pinentry-tty:pinentry-tty pinentry-curses:pinentry-curses man:man-db mandoc:mandoc \
	Xvfb:xvfb xclip:xclip xdotool:xdotool sway:sway wl-copy:wl-clipboard \
	swtpm:swtpm tpm2_unseal:tpm2-tools \
	dbus-run-session:dbus dbus-send:dbus-bin gdbus:libglib2.0-bin \
	gnome-keyring-daemon:gnome-keyring secret-tool:libsecret-tools /usr/libexec/gcr-prompter:gcr \
	/usr/share/bash-completion/bash_completion:bash-completion \
	/usr/share/powerlevel9k/powerlevel9k.zsh-theme:zsh-theme-powerlevel9k \
	/usr/share/doc/libnss-wrapper/copyright:libnss-wrapper

# the optional parts of lkr, see pyproject.toml
RUNTIME_EXTRAS := broker scan ssh openbao aws

# what Homebrew has of them; not run by us, and the tests of what only Linux has fail there
BREW_TOOLS := bash fish direnv age tmux shellcheck pass gnupg mandoc bash-completion@2

# Lists the targets.
help:
	@awk '/^# /{text=substr($$0,3)} /^[a-z-]+( [a-z-]+)*:( |$$)/{if(text!=""){split($$1,n,":"); printf "  %-12s %s\n", n[1], text} text=""} !/^#/{text=""}' Makefile

.PHONY: help check docs fmt generated unit try test oldest agents fresh lint bench torture completions pictures install tools dist-check formula clean

$(BIN)/lkr: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "lkr needs Python 3.11 or newer: make PYTHON=python3.13")'
	$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip --version >/dev/null || \
	  { echo 'If the name of this folder has a character such as " or $$, use another one: make try VENV=/tmp/lkr' >&2; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

# Installs lkr into .venv.
install: $(BIN)/lkr

# Shows what lkr does, with a throw-away vault, in a real bash.
try: install
	@examples/try $(BIN)

$(VENV)/.dev: pyproject.toml $(BIN)/lkr
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,vendors-sdks,frameworks]'
	@touch $@

# Installs the real shells and stores that are missing, as root or through sudo.
tools:
	@if [ "$$(uname)" = Darwin ]; then brew install --quiet $(BREW_TOOLS); exit; fi; \
	missing=; for tool in $(TOOLS); do \
	  command -v "$${tool%%:*}" >/dev/null || [ -e "$${tool%%:*}" ] || missing="$$missing $${tool#*:}"; done; \
	if [ -n "$$missing" ]; then \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  for needed in apt-get $$sudo; do command -v $$needed >/dev/null || { \
	    echo "There is no $$needed here. Install what these Debian packages hold, and run this again:$$missing" >&2; exit 1; }; \
	  done; \
	  $$sudo apt-get update -qq && \
	  $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi

# Installs what the tests need from npm.
$(VENV)/.npm: tests/agent_programs.py $(VENV)/.dev
	$(BIN)/python tests/agent_programs.py qwen openai
	@touch $@

test oldest unit: export PYTHONDONTWRITEBYTECODE = # or each process that runs tests compiles all of them

# Runs every test. Installs the shells and tools that they need.
test: tools $(VENV)/.dev $(VENV)/.npm
	$(BIN)/pytest --numprocesses $(JOBS) --dist worksteal

# Runs the tests with the oldest dependencies that pyproject.toml allows. For some: `make oldest TESTS=tests/test_keys.py`.
oldest: OLDEST := build/oldest
oldest: tools $(VENV)/.dev
	$(PYTHON) -m venv $(OLDEST)
	$(BIN)/uv pip compile --quiet --no-deps --resolution lowest-direct $(RUNTIME_EXTRAS:%=--extra %) pyproject.toml \
	  --python $(OLDEST)/bin/python --output-file $(OLDEST)/versions.txt
	$(BIN)/uv pip install --quiet --python $(OLDEST)/bin/python --constraint $(OLDEST)/versions.txt \
	  --editable '.[dev,vendors-sdks,frameworks]' 'check-jsonschema<0.36' # later ones fail with click 8.1
	$(OLDEST)/bin/python tests/agent_programs.py qwen openai
	$(OLDEST)/bin/pytest --numprocesses $(JOBS) --dist worksteal $(TESTS)

# Tries `make try` and `make test` on new machines, as root and as a plain user. For some: `make fresh SUITES=forky USERS=plain`. The script lists the variables.
fresh:
	@tools/fresh

# Installs every coding agent that lkr was tried with (about 3 GB), and makes each do a task through the broker.
agents: tools $(VENV)/.dev
	$(BIN)/python tests/agent_programs.py all
	LKR_AGENTS=all $(BIN)/pytest tests/test_real_agents.py

# Runs the quick checks, without root: style, types, and the tests that start no shell.
check: $(VENV)/.dev unit
	$(BIN)/ruff check lkrshell tests bench docs tools
	$(BIN)/mypy

# Runs the tests that start no shell. Takes some seconds.
unit: $(VENV)/.dev
	$(BIN)/pytest tests/unit

# Formats the Python files.
fmt: $(VENV)/.dev
	$(BIN)/ruff check --fix lkrshell tests bench docs tools
	$(BIN)/ruff format lkrshell tests bench docs tools

# Runs all linters and type checks, including the shells' own.
lint: tools $(VENV)/.dev
	$(BIN)/ruff check lkrshell tests bench docs tools
	$(BIN)/ruff format --check lkrshell tests bench docs tools
	$(BIN)/mypy
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml
	$(BIN)/zizmor --quiet --offline .github action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml
	$(BIN)/check-jsonschema --builtin-schema custom.github-workflows-require-timeout .github/workflows/ci.yml
	shellcheck --external-sources lkr.plugin.bash completions/lkr.bash tools/completions/lkr.bash shell/lkr.bash shell/lkr.direnv examples/try tools/fresh .ci/run
	zsh -n shell/lkr.zsh
	zsh -n completions/_lkr
	zsh -n tools/completions/lkr.zsh
	zsh -n lkr.plugin.zsh
	fish --no-execute shell/lkr.fish completions/lkr.fish tools/completions/lkr.fish conf.d/lkr.fish

# Renders the public Python API's docstrings into build/docs, and checks their links.
docs: $(VENV)/.dev
	$(BIN)/python -m tools.docs build/docs

# Compares speed with direnv, and times a Tab. Takes some minutes. Best on a quiet machine.
bench: TOOLS += hyperfine:hyperfine
bench: BREW_TOOLS += hyperfine
bench: tools $(VENV)/.dev
	$(BIN)/python bench/bench.py
	$(BIN)/python bench/tab.py
	$(BIN)/python bench/entry_on_a_mac.py
	$(BIN)/python bench/python_api.py

# Kills lkr 2,000 times, crowds a vault, loses power 30 times, and looks for damage. See bench/torture.py.
torture: $(VENV)/.dev
	$(BIN)/python bench/torture.py

# Renews the generated files that are in git: completions, schemas, the manual page, the help, the vendors' table.
generated completions: $(VENV)/.dev
	$(BIN)/python -m tools.completions completions
	$(BIN)/python -m lkrshell.project.schema lkrshell/project
	$(BIN)/python -m tools.manpage man
	$(BIN)/python -m tools.helptext
	$(BIN)/python -m tools.providers

# Draws the pictures in README.md and docs/report.md. A test compares the text of README.md's with the present output.
pictures: $(VENV)/.dev
	$(BIN)/python docs/pictures/make.py
	$(BIN)/python docs/pictures/report.py

# Builds a release (the wheel from the sdist), checks it, and installs it as users would.
dist-check: $(VENV)/.dev
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	LKR_DIST=dist $(BIN)/pytest tests/test_package.py

# Writes the Homebrew formula of the release in dist/ to dist/lkrshell.rb. Run `make dist-check` first.
formula: $(VENV)/.dev
	$(BIN)/python -m tools.formula dist/lkrshell-*.tar.gz > dist/lkrshell.rb

# Removes the virtual environment and what was built.
clean:
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
