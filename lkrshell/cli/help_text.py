"""The help of each command: for 100 columns and more, and for 80. Made by `make generated`; do not edit."""
# fmt: off

HELP: dict[str, tuple[str, str]] = {
    "": (
"""\
Usage: lkr [OPTIONS] COMMAND [ARGS]...

  Keep LLM API keys in the OS keychain or a vault, and load them only inside the projects that
  need them.

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Start:
  init       Set up a project step by step.
  install    Make SHELL (bash, zsh, fish) load lkr when it starts.
  uninstall  Undo lkr install.
  doctor     Diagnose problems and show how to fix them.

Keys:
  set        Store the key NAME (provider:label).
  get        Copy the key NAME to the clipboard, and show its mask.
  list       List the stored keys, or those of one PROVIDER.
  rm         Remove the key NAME from the store, or from its source.
  rename     Rename the key OLD to NEW.
  rotate     Give the key NAME a new value.
  import     Store the keys from an env file.
  migrate    Copy keys from another store, with their kinds and policies.
  vault      Back up the vault, open it with a TPM or Touch ID, or start over.
  usage      Show what the broker's requests used and cost.

Shared stores:
  source     Show, add and remove sources: the shared stores of a team.
  login      Log in to SOURCE.
  logout     Log out of SOURCE.
  refresh    Fetch this project's keys from their sources again.
  team       Share keys through git, sealed to the members of a team.
  seal       Encrypt the key NAME to the members of the project's team.
  unseal     Decrypt this project's sealed keys, and put them into your store.

Projects:
  status     Show what is loaded here, and why.
  allow      Let a project have the keys its manifest names.
  deny       Take a project's permission back, and that of its git worktrees.
  add        Add a key to this project's manifest.
  edit       Edit this project's manifest in your editor.
  use        Use PROFILE in this project from now on.
  exec       Run a command with this project's keys.
  gen        Fill TEMPLATE with the keys' values.
  schema     Print the JSON Schema of .lkr.toml, for editors.

Agents:
  agent-env  Start a coding agent with virtual keys for what it runs.
  broker     Show the broker and the virtual keys in use.
  token      Print a virtual key for the key NAME.

Security:
  scan       Find keys left in plain text.
  redact     Replace stored keys in standard input with [lkr NAME].
  lock       Lock the store.
  unlock     Unlock the store.
  passwd     Change the vault's passphrase.
  policy     Show or change what the key NAME may do.
  confirm    Confirm this project's keys that need confirmation.
  audit      Show who used which key, and when.
  report     Write one page about all keys for a security review.

Shell:
  hook       Print the hook for SHELL: bash, zsh, fish or direnv.
  export     Print the statements that bring SHELL up to date.
""",
"""\
Usage: lkr [OPTIONS] COMMAND [ARGS]...

  Keep LLM API keys in the OS keychain or a vault, and load them only inside
  the projects that need them.

Options:
  --version   Show the version and exit.
  -h, --help  Show this message and exit.

Start:
  init       Set up a project step by step.
  install    Make SHELL (bash, zsh, fish) load lkr when it starts.
  uninstall  Undo lkr install.
  doctor     Diagnose problems and show how to fix them.

Keys:
  set        Store the key NAME (provider:label).
  get        Copy the key NAME to the clipboard, and show its mask.
  list       List the stored keys, or those of one PROVIDER.
  rm         Remove the key NAME from the store, or from its source.
  rename     Rename the key OLD to NEW.
  rotate     Give the key NAME a new value.
  import     Store the keys from an env file.
  migrate    Copy keys from another store, with their kinds and policies.
  vault      Back up the vault, open it with a TPM or Touch ID, or start over.
  usage      Show what the broker's requests used and cost.

Shared stores:
  source     Show, add and remove sources: the shared stores of a team.
  login      Log in to SOURCE.
  logout     Log out of SOURCE.
  refresh    Fetch this project's keys from their sources again.
  team       Share keys through git, sealed to the members of a team.
  seal       Encrypt the key NAME to the members of the project's team.
  unseal     Decrypt this project's sealed keys, and put them into your store.

Projects:
  status     Show what is loaded here, and why.
  allow      Let a project have the keys its manifest names.
  deny       Take a project's permission back, and that of its git worktrees.
  add        Add a key to this project's manifest.
  edit       Edit this project's manifest in your editor.
  use        Use PROFILE in this project from now on.
  exec       Run a command with this project's keys.
  gen        Fill TEMPLATE with the keys' values.
  schema     Print the JSON Schema of .lkr.toml, for editors.

Agents:
  agent-env  Start a coding agent with virtual keys for what it runs.
  broker     Show the broker and the virtual keys in use.
  token      Print a virtual key for the key NAME.

Security:
  scan       Find keys left in plain text.
  redact     Replace stored keys in standard input with [lkr NAME].
  lock       Lock the store.
  unlock     Unlock the store.
  passwd     Change the vault's passphrase.
  policy     Show or change what the key NAME may do.
  confirm    Confirm this project's keys that need confirmation.
  audit      Show who used which key, and when.
  report     Write one page about all keys for a security review.

Shell:
  hook       Print the hook for SHELL: bash, zsh, fish or direnv.
  export     Print the statements that bring SHELL up to date.
"""),
    "add": (
"""\
Usage: lkr add [OPTIONS] VARIABLE[=NAME] | NAME

  Add a key to this project's manifest. Creates the manifest if there is none, and allows the
  result.

Options:
  --replace   Replace a variable's key without asking.
  -h, --help  Show this message and exit.

  Examples:
    lkr add openai:prod
    lkr add OPENAI_API_KEY=openai:blog
""",
"""\
Usage: lkr add [OPTIONS] VARIABLE[=NAME] | NAME

  Add a key to this project's manifest. Creates the manifest if there is none,
  and allows the result.

Options:
  --replace   Replace a variable's key without asking.
  -h, --help  Show this message and exit.

  Examples:
    lkr add openai:prod
    lkr add OPENAI_API_KEY=openai:blog
"""),
    "agent-env": (
"""\
Usage: lkr agent-env [OPTIONS] COMMAND [ARGUMENT]...

  Start a coding agent with virtual keys for what it runs.

  The agent gets no key that policy denies to agents. It gets a key for its own model only if
  [agents] in config.toml names it. Without the broker, it gets only the keys that policy or
  [agents] gives it.

Options:
  --agent NAME  The agent's name for policies and the audit log. Default: from its command.
  -h, --help    Show this message and exit.

  Examples:
    lkr agent-env -- claude
    lkr agent-env --agent mine -- ./my-agent
""",
"""\
Usage: lkr agent-env [OPTIONS] COMMAND [ARGUMENT]...

  Start a coding agent with virtual keys for what it runs.

  The agent gets no key that policy denies to agents. It gets a key for its
  own model only if [agents] in config.toml names it. Without the broker, it
  gets only the keys that policy or [agents] gives it.

Options:
  --agent NAME  The agent's name for policies and the audit log. Default: from
                its command.
  -h, --help    Show this message and exit.

  Examples:
    lkr agent-env -- claude
    lkr agent-env --agent mine -- ./my-agent
"""),
    "allow": (
"""\
Usage: lkr allow [OPTIONS] [FOLDER]

  Let a project have the keys its manifest names. FOLDER is the current folder by default.

Options:
  --yes                         Do not ask.
  --variable NAME               Also allow a key in this variable.
  --worktrees / --no-worktrees  Include the repository's other git worktrees.
  --json                        Print what was allowed as JSON.
  -h, --help                    Show this message and exit.

  Examples:
    lkr allow
    lkr allow ~/work/app
""",
"""\
Usage: lkr allow [OPTIONS] [FOLDER]

  Let a project have the keys its manifest names. FOLDER is the current folder
  by default.

Options:
  --yes                         Do not ask.
  --variable NAME               Also allow a key in this variable.
  --worktrees / --no-worktrees  Include the repository's other git worktrees.
  --json                        Print what was allowed as JSON.
  -h, --help                    Show this message and exit.

  Examples:
    lkr allow
    lkr allow ~/work/app
"""),
    "audit": (
"""\
Usage: lkr audit [OPTIONS]

  Show who used which key, and when. The newest line is the last. Times are in UTC.

Options:
  --key NAME     Only this key.
  --event EVENT  Only this event: exec, shell, refused, get, ...
  --agent AGENT  Only uses by this agent (any: by any agent).
  --project DIR  Only uses in this folder and below.
  --days DAYS    Only the last DAYS days.  [1<=x<=36500]
  --follow       Keep showing new lines.
  --verify       Verify the log, and name the first broken line.
  --unused DAYS  List keys not used for DAYS days.  [1<=x<=36500]
  --older DAYS   List keys whose value is older than DAYS days.  [1<=x<=36500]
  --gone         List allowed or logged projects that no longer exist.
  --json         As JSON, one object per line.
  -h, --help     Show this message and exit.

  Examples:
    lkr audit --key openai:prod --days 7
    lkr audit --verify
""",
"""\
Usage: lkr audit [OPTIONS]

  Show who used which key, and when. The newest line is the last. Times are in
  UTC.

Options:
  --key NAME     Only this key.
  --event EVENT  Only this event: exec, shell, refused, get, ...
  --agent AGENT  Only uses by this agent (any: by any agent).
  --project DIR  Only uses in this folder and below.
  --days DAYS    Only the last DAYS days.  [1<=x<=36500]
  --follow       Keep showing new lines.
  --verify       Verify the log, and name the first broken line.
  --unused DAYS  List keys not used for DAYS days.  [1<=x<=36500]
  --older DAYS   List keys whose value is older than DAYS days.  [1<=x<=36500]
  --gone         List allowed or logged projects that no longer exist.
  --json         As JSON, one object per line.
  -h, --help     Show this message and exit.

  Examples:
    lkr audit --key openai:prod --days 7
    lkr audit --verify
"""),
    "broker": (
"""\
Usage: lkr broker [OPTIONS] [start|stop|log|run]

  Show the broker and the virtual keys in use.

  The broker starts by itself when something needs it, and ends an hour after the last virtual
  key. start and stop do this by hand, log shows its log, and run keeps it in the foreground.

Options:
  --stay      With run: do not end after an hour without a virtual key.
  --json      As JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr broker
    lkr broker log
""",
"""\
Usage: lkr broker [OPTIONS] [start|stop|log|run]

  Show the broker and the virtual keys in use.

  The broker starts by itself when something needs it, and ends an hour after
  the last virtual key. start and stop do this by hand, log shows its log, and
  run keeps it in the foreground.

Options:
  --stay      With run: do not end after an hour without a virtual key.
  --json      As JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr broker
    lkr broker log
"""),
    "confirm": (
"""\
Usage: lkr confirm [OPTIONS]

  Confirm this project's keys that need confirmation. The answer holds for this session.

Options:
  --list      Only list the keys that await your confirmation.
  --json      List them as JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr confirm
    lkr confirm --list
""",
"""\
Usage: lkr confirm [OPTIONS]

  Confirm this project's keys that need confirmation. The answer holds for
  this session.

Options:
  --list      Only list the keys that await your confirmation.
  --json      List them as JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr confirm
    lkr confirm --list
"""),
    "deny": (
"""\
Usage: lkr deny [OPTIONS] [FOLDER]

  Take a project's permission back, and that of its git worktrees. FOLDER is the current folder by
  default.

Options:
  -h, --help  Show this message and exit.

  Examples:
    lkr deny
    lkr deny ~/work/app
""",
"""\
Usage: lkr deny [OPTIONS] [FOLDER]

  Take a project's permission back, and that of its git worktrees. FOLDER is
  the current folder by default.

Options:
  -h, --help  Show this message and exit.

  Examples:
    lkr deny
    lkr deny ~/work/app
"""),
    "doctor": (
"""\
Usage: lkr doctor [OPTIONS]

  Diagnose problems and show how to fix them. The exit code is 1 if something is wrong. Warnings
  do not count.

Options:
  --fix       Repair the index, stale grants and leftover files.
  --agents    Only print what coding agents may do.
  --report    Print what a bug report needs, without names or values.
  --json      As JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr doctor
    lkr doctor --fix
""",
"""\
Usage: lkr doctor [OPTIONS]

  Diagnose problems and show how to fix them. The exit code is 1 if something
  is wrong. Warnings do not count.

Options:
  --fix       Repair the index, stale grants and leftover files.
  --agents    Only print what coding agents may do.
  --report    Print what a bug report needs, without names or values.
  --json      As JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr doctor
    lkr doctor --fix
"""),
    "edit": (
"""\
Usage: lkr edit [OPTIONS]

  Edit this project's manifest in your editor. Uses $VISUAL or $EDITOR, and allows the result.

  If the manifest was not valid before, the result waits for lkr allow.

Options:
  -h, --help  Show this message and exit.

  Examples:
    lkr edit
    EDITOR=nano lkr edit
""",
"""\
Usage: lkr edit [OPTIONS]

  Edit this project's manifest in your editor. Uses $VISUAL or $EDITOR, and
  allows the result.

  If the manifest was not valid before, the result waits for lkr allow.

Options:
  -h, --help  Show this message and exit.

  Examples:
    lkr edit
    EDITOR=nano lkr edit
"""),
    "exec": (
"""\
Usage: lkr exec [OPTIONS] COMMAND [ARGUMENT]...

  Run a command with this project's keys. Includes keys with scope "exec", but never admin keys.

Options:
  -k, --key [VARIABLE=]NAME  Use this key instead of the project's. May be repeated.
  --all                      Give every stored runtime key, in its provider's variable.
  --clean                    Remove other variables that look like keys.
  --broker                   Give virtual keys, which work only at the broker.
  --redact                   Replace the keys' values in what the command prints.
  -h, --help                 Show this message and exit.

  Examples:
    lkr exec -- python app.py
    lkr exec --broker -- npm test
""",
"""\
Usage: lkr exec [OPTIONS] COMMAND [ARGUMENT]...

  Run a command with this project's keys. Includes keys with scope "exec", but
  never admin keys.

Options:
  -k, --key [VARIABLE=]NAME  Use this key instead of the project's. May be
                             repeated.
  --all                      Give every stored runtime key, in its provider's
                             variable.
  --clean                    Remove other variables that look like keys.
  --broker                   Give virtual keys, which work only at the broker.
  --redact                   Replace the keys' values in what the command
                             prints.
  -h, --help                 Show this message and exit.

  Examples:
    lkr exec -- python app.py
    lkr exec --broker -- npm test
"""),
    "export": (
"""\
Usage: lkr export [OPTIONS] {bash|zsh|fish|direnv}

  Print the statements that bring SHELL up to date. They include values. The hook runs this for
  you.

Options:
  -h, --help  Show this message and exit.

  Examples:
    lkr export bash
    lkr export fish
""",
"""\
Usage: lkr export [OPTIONS] {bash|zsh|fish|direnv}

  Print the statements that bring SHELL up to date. They include values. The
  hook runs this for you.

Options:
  -h, --help  Show this message and exit.

  Examples:
    lkr export bash
    lkr export fish
"""),
    "gen": (
"""\
Usage: lkr gen [OPTIONS] TEMPLATE

  Fill TEMPLATE with the keys' values. For a program that reads variables, use lkr exec instead.

  TEMPLATE is a text with places such as {{lkr:openai:prod}}, or an env file whose variables the
  project's manifest names. lkr asks before it uses a key that no allowed manifest here names.

Options:
  -o, --output FILE  Write to FILE. Default: TEMPLATE without .example or .template.
  --force            Also write without a terminal, over an existing file, or over one that git
                     tracks.
  --json             Print the file's name and its keys as JSON.
  -h, --help         Show this message and exit.

  Examples:
    lkr gen .env.example
    lkr gen config.json.template -o config.json
""",
"""\
Usage: lkr gen [OPTIONS] TEMPLATE

  Fill TEMPLATE with the keys' values. For a program that reads variables, use
  lkr exec instead.

  TEMPLATE is a text with places such as {{lkr:openai:prod}}, or an env file
  whose variables the project's manifest names. lkr asks before it uses a key
  that no allowed manifest here names.

Options:
  -o, --output FILE  Write to FILE. Default: TEMPLATE without .example or
                     .template.
  --force            Also write without a terminal, over an existing file, or
                     over one that git tracks.
  --json             Print the file's name and its keys as JSON.
  -h, --help         Show this message and exit.

  Examples:
    lkr gen .env.example
    lkr gen config.json.template -o config.json
"""),
    "get": (
"""\
Usage: lkr get [OPTIONS] NAME

  Copy the key NAME to the clipboard, and show its mask. The clipboard is cleared after 30
  seconds.

Options:
  --show                 Print the value, but only to a terminal.
  --plain                Print only the value, and only to a terminal.
  --force-plain          Print the value even into a pipe. Whoever reads it has the key.
  --json                 As JSON, masked unless --show.
  --clear-after SECONDS  When to clear it.  [default: 30; 1<=x<=3600]
  -h, --help             Show this message and exit.

  Examples:
    lkr get openai:prod
    lkr get openai:prod --show
""",
"""\
Usage: lkr get [OPTIONS] NAME

  Copy the key NAME to the clipboard, and show its mask. The clipboard is
  cleared after 30 seconds.

Options:
  --show                 Print the value, but only to a terminal.
  --plain                Print only the value, and only to a terminal.
  --force-plain          Print the value even into a pipe. Whoever reads it
                         has the key.
  --json                 As JSON, masked unless --show.
  --clear-after SECONDS  When to clear it.  [default: 30; 1<=x<=3600]
  -h, --help             Show this message and exit.

  Examples:
    lkr get openai:prod
    lkr get openai:prod --show
"""),
    "hook": (
"""\
Usage: lkr hook [OPTIONS] [bash|zsh|fish|direnv]

  Print the hook for SHELL: bash, zsh, fish or direnv. Default: the shell you are in.

Options:
  -h, --help  Show this message and exit.

  Examples:
    eval "$(lkr hook zsh)"
    lkr hook fish | source
""",
"""\
Usage: lkr hook [OPTIONS] [bash|zsh|fish|direnv]

  Print the hook for SHELL: bash, zsh, fish or direnv. Default: the shell you
  are in.

Options:
  -h, --help  Show this message and exit.

  Examples:
    eval "$(lkr hook zsh)"
    lkr hook fish | source
"""),
    "import": (
"""\
Usage: lkr import [OPTIONS] [FILE]

  Store the keys from an env file. Also writes a manifest that names them.

Options:
  --environment     Read this shell's environment instead of a file.
  --code            Change load_dotenv(), hard-coded keys and getpass() in Python code (FILE or a
                    folder).
  --from TOOL:WHAT  pass:PATH, secret-tool:ATTRIBUTE=VALUE or envchain:NAMESPACE.
  --as NAME         The name to store the key under, if there is only one.
  --dry-run         Only show what would be stored.
  --yes             Do not ask. Keep keys that already have another value.
  --replace         Replace keys that already have another value.
  --blank           Comment out the lines of FILE whose keys were stored.
  --json            Print the plan as JSON.
  -h, --help        Show this message and exit.

  Examples:
    lkr import .env --blank
    lkr import --from pass:api/openai --as openai:main
""",
"""\
Usage: lkr import [OPTIONS] [FILE]

  Store the keys from an env file. Also writes a manifest that names them.

Options:
  --environment     Read this shell's environment instead of a file.
  --code            Change load_dotenv(), hard-coded keys and getpass() in
                    Python code (FILE or a folder).
  --from TOOL:WHAT  pass:PATH, secret-tool:ATTRIBUTE=VALUE or
                    envchain:NAMESPACE.
  --as NAME         The name to store the key under, if there is only one.
  --dry-run         Only show what would be stored.
  --yes             Do not ask. Keep keys that already have another value.
  --replace         Replace keys that already have another value.
  --blank           Comment out the lines of FILE whose keys were stored.
  --json            Print the plan as JSON.
  -h, --help        Show this message and exit.

  Examples:
    lkr import .env --blank
    lkr import --from pass:api/openai --as openai:main
"""),
    "init": (
"""\
Usage: lkr init [OPTIONS] [FOLDER]

  Set up a project step by step. Covers the manifest, keys, .gitignore and the hook. You can
  decline each step.

Options:
  --yes       Write and allow the manifest without asking for anything.
  --import    With --yes: also store the values from .env.
  --install   With --yes: also run lkr install for your shell.
  -h, --help  Show this message and exit.

  Examples:
    lkr init
    lkr init --yes --import
""",
"""\
Usage: lkr init [OPTIONS] [FOLDER]

  Set up a project step by step. Covers the manifest, keys, .gitignore and the
  hook. You can decline each step.

Options:
  --yes       Write and allow the manifest without asking for anything.
  --import    With --yes: also store the values from .env.
  --install   With --yes: also run lkr install for your shell.
  -h, --help  Show this message and exit.

  Examples:
    lkr init
    lkr init --yes --import
"""),
    "install": (
"""\
Usage: lkr install [OPTIONS] [SHELL]...

  Make SHELL (bash, zsh, fish) load lkr when it starts. Default: the shell you are in. To undo:
  lkr uninstall.

Options:
  --direnv                        Also install `use lkr` for direnv.
  --completions / --no-completions
                                  Install Tab completion (the default), or do not.
  --broker                        Have systemd or launchd start the broker. Without SHELL, do only
                                  that.
  --diff                          Show every line that changes.
  --yes                           Do not ask.
  -h, --help                      Show this message and exit.

  Examples:
    lkr install
    lkr install zsh --direnv
""",
"""\
Usage: lkr install [OPTIONS] [SHELL]...

  Make SHELL (bash, zsh, fish) load lkr when it starts. Default: the shell you
  are in. To undo: lkr uninstall.

Options:
  --direnv                        Also install `use lkr` for direnv.
  --completions / --no-completions
                                  Install Tab completion (the default), or do
                                  not.
  --broker                        Have systemd or launchd start the broker.
                                  Without SHELL, do only that.
  --diff                          Show every line that changes.
  --yes                           Do not ask.
  -h, --help                      Show this message and exit.

  Examples:
    lkr install
    lkr install zsh --direnv
"""),
    "list": (
"""\
Usage: lkr list [OPTIONS] [PROVIDER]

  List the stored keys, or those of one PROVIDER. Never shows a value.

Options:
  --all          Include admin keys.
  --source NAME  List the keys of this shared store, and which of them are copied here. sealed:
                 this project's sealed keys.
  --json         As JSON.
  -h, --help     Show this message and exit.

  Examples:
    lkr list
    lkr list openai --json
""",
"""\
Usage: lkr list [OPTIONS] [PROVIDER]

  List the stored keys, or those of one PROVIDER. Never shows a value.

Options:
  --all          Include admin keys.
  --source NAME  List the keys of this shared store, and which of them are
                 copied here. sealed: this project's sealed keys.
  --json         As JSON.
  -h, --help     Show this message and exit.

  Examples:
    lkr list
    lkr list openai --json
"""),
    "lock": (
"""\
Usage: lkr lock [OPTIONS]

  Lock the store. Open shells lose their keys at their next prompt, and virtual keys end at once.

Options:
  -h, --help  Show this message and exit.

  Examples:
    lkr lock
    lkr lock && lkr status
""",
"""\
Usage: lkr lock [OPTIONS]

  Lock the store. Open shells lose their keys at their next prompt, and
  virtual keys end at once.

Options:
  -h, --help  Show this message and exit.

  Examples:
    lkr lock
    lkr lock && lkr status
"""),
    "login": (
"""\
Usage: lkr login [OPTIONS] SOURCE

  Log in to SOURCE. Asks for what its `auth` needs, and never takes a secret as an argument.

  With --stdin, pass the token, the password, the secret ID or the JWT on standard input. If
  config.toml has no user or role ID, pass that on a line before.

Options:
  --stdin     Read the token or password from standard input.
  --yes       Do not ask whether to log in to a new address.
  -h, --help  Show this message and exit.

  Examples:
    lkr login team
    lkr login team --stdin < token
""",
"""\
Usage: lkr login [OPTIONS] SOURCE

  Log in to SOURCE. Asks for what its `auth` needs, and never takes a secret
  as an argument.

  With --stdin, pass the token, the password, the secret ID or the JWT on
  standard input. If config.toml has no user or role ID, pass that on a line
  before.

Options:
  --stdin     Read the token or password from standard input.
  --yes       Do not ask whether to log in to a new address.
  -h, --help  Show this message and exit.

  Examples:
    lkr login team
    lkr login team --stdin < token
"""),
    "logout": (
"""\
Usage: lkr logout [OPTIONS] SOURCE

  Log out of SOURCE. The copies of its keys on this machine work until they expire.

Options:
  -h, --help  Show this message and exit.

  Examples:
    lkr logout team
    lkr logout team && lkr source
""",
"""\
Usage: lkr logout [OPTIONS] SOURCE

  Log out of SOURCE. The copies of its keys on this machine work until they
  expire.

Options:
  -h, --help  Show this message and exit.

  Examples:
    lkr logout team
    lkr logout team && lkr source
"""),
    "migrate": (
"""\
Usage: lkr migrate [OPTIONS] vault | keyring | keyring:SERVICE

  Copy keys from another store, with their kinds and policies. SOURCE is the store that they come
  from.

Options:
  -k, --key [NAME=]ACCOUNT  Only this key. May be repeated.
  --to NAME                 Copy into this shared store, not into the store in use.
  --move                    Remove each key from the source once it has arrived.
  --replace                 Replace keys that have another value here.
  --dry-run                 Only show what would be done.
  --yes                     Do not ask.
  --json                    Print the plan as JSON.
  -h, --help                Show this message and exit.

  Examples:
    lkr migrate keyring --dry-run
    lkr migrate vault --move
""",
"""\
Usage: lkr migrate [OPTIONS] vault | keyring | keyring:SERVICE

  Copy keys from another store, with their kinds and policies. SOURCE is the
  store that they come from.

Options:
  -k, --key [NAME=]ACCOUNT  Only this key. May be repeated.
  --to NAME                 Copy into this shared store, not into the store in
                            use.
  --move                    Remove each key from the source once it has
                            arrived.
  --replace                 Replace keys that have another value here.
  --dry-run                 Only show what would be done.
  --yes                     Do not ask.
  --json                    Print the plan as JSON.
  -h, --help                Show this message and exit.

  Examples:
    lkr migrate keyring --dry-run
    lkr migrate vault --move
"""),
    "passwd": (
"""\
Usage: lkr passwd [OPTIONS]

  Change the vault's passphrase. The keys are not encrypted again. Copies of the vault keep the
  old passphrase.

Options:
  --stdin     Read both from standard input, the old one first, on two lines.
  -h, --help  Show this message and exit.

  Examples:
    lkr passwd
    lkr passwd --stdin < two-lines
""",
"""\
Usage: lkr passwd [OPTIONS]

  Change the vault's passphrase. The keys are not encrypted again. Copies of
  the vault keep the old passphrase.

Options:
  --stdin     Read both from standard input, the old one first, on two lines.
  -h, --help  Show this message and exit.

  Examples:
    lkr passwd
    lkr passwd --stdin < two-lines
"""),
    "policy": (
"""\
Usage: lkr policy [OPTIONS] [NAME]

  Show or change what the key NAME may do. Without NAME, show all keys. lkr asks before a key may
  do more.

Options:
  --only DIR                  Only projects in DIR may use the key. May be repeated.
  --anywhere                  Every allowed project may use the key.
  --agents [deny|exec|allow]  What agents get. deny: never; exec: only with lkr exec; allow: as
                              you do.
  --confirm / --no-confirm    Ask before each project's first load in a session.
  --ttl TIME                  How long a shell keeps the key: 90s, 30m, 8h, 2d, or off.
  --kind [runtime|admin]      admin: never enters an environment.
  --via [environment|broker]  broker: programs get a virtual key, never the key itself.
  --models GLOB               Broker: only these models, or off. May be repeated.
  --budget MONEY              Broker: US dollars per day, week or month, such as 20/day, or off.
  --rate REQUESTS             Broker: requests per minute, such as 60/min, or off.
  --tokens TOKENS             Broker: tokens per day, week or month, such as 2M/day, or off.
  --json                      As JSON.
  -h, --help                  Show this message and exit.

  Examples:
    lkr policy openai:prod --only ~/work/app --ttl 8h
    lkr policy openai:prod --via broker --budget 20/day
""",
"""\
Usage: lkr policy [OPTIONS] [NAME]

  Show or change what the key NAME may do. Without NAME, show all keys. lkr
  asks before a key may do more.

Options:
  --only DIR                  Only projects in DIR may use the key. May be
                              repeated.
  --anywhere                  Every allowed project may use the key.
  --agents [deny|exec|allow]  What agents get. deny: never; exec: only with
                              lkr exec; allow: as you do.
  --confirm / --no-confirm    Ask before each project's first load in a
                              session.
  --ttl TIME                  How long a shell keeps the key: 90s, 30m, 8h,
                              2d, or off.
  --kind [runtime|admin]      admin: never enters an environment.
  --via [environment|broker]  broker: programs get a virtual key, never the
                              key itself.
  --models GLOB               Broker: only these models, or off. May be
                              repeated.
  --budget MONEY              Broker: US dollars per day, week or month, such
                              as 20/day, or off.
  --rate REQUESTS             Broker: requests per minute, such as 60/min, or
                              off.
  --tokens TOKENS             Broker: tokens per day, week or month, such as
                              2M/day, or off.
  --json                      As JSON.
  -h, --help                  Show this message and exit.

  Examples:
    lkr policy openai:prod --only ~/work/app --ttl 8h
    lkr policy openai:prod --via broker --budget 20/day
"""),
    "redact": (
"""\
Usage: lkr redact [OPTIONS]

  Replace stored keys in standard input with [lkr NAME]. Finds them in base64, JSON and URLs too.

Options:
  --hook AGENT  Act as the PostToolUse hook of Claude Code: claude.
  -h, --help    Show this message and exit.

  Examples:
    npm test 2>&1 | lkr redact
    lkr redact < build.log > build.redacted.log
""",
"""\
Usage: lkr redact [OPTIONS]

  Replace stored keys in standard input with [lkr NAME]. Finds them in base64,
  JSON and URLs too.

Options:
  --hook AGENT  Act as the PostToolUse hook of Claude Code: claude.
  -h, --help    Show this message and exit.

  Examples:
    npm test 2>&1 | lkr redact
    lkr redact < build.log > build.redacted.log
"""),
    "refresh": (
"""\
Usage: lkr refresh [OPTIONS] [SOURCE]

  Fetch this project's keys from their sources again. Outside a project, fetches those of all
  allowed projects.

Options:
  --json      As JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr refresh
    lkr refresh team --json
""",
"""\
Usage: lkr refresh [OPTIONS] [SOURCE]

  Fetch this project's keys from their sources again. Outside a project,
  fetches those of all allowed projects.

Options:
  --json      As JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr refresh
    lkr refresh team --json
"""),
    "rename": (
"""\
Usage: lkr rename [OPTIONS] OLD NEW

  Rename the key OLD to NEW. Manifests that name OLD are not changed.

Options:
  -h, --help  Show this message and exit.

  Examples:
    lkr rename openai:main openai:blog
    lkr rename groq:main groq:ci
""",
"""\
Usage: lkr rename [OPTIONS] OLD NEW

  Rename the key OLD to NEW. Manifests that name OLD are not changed.

Options:
  -h, --help  Show this message and exit.

  Examples:
    lkr rename openai:main openai:blog
    lkr rename groq:main groq:ci
"""),
    "report": (
"""\
Usage: lkr report [OPTIONS]

  Write one page about all keys for a security review. With --check, check their age and last use,
  for CI.

Options:
  -o, --output FILE  Write the page to FILE, or with - to standard output.
  --anonymous        Replace the names of keys, projects and agents with numbers.
  --check            Write no page. The exit code is 1 if a key is too old or unused.
  --max-age AGE      The oldest that a value may be, such as 90d.
  --unused AGE       The longest that a key may be unused, such as 90d.
  --json             With --check: as JSON.
  -h, --help         Show this message and exit.

  Examples:
    lkr report -o report.html
    lkr report --check --max-age 90d --unused 60d
""",
"""\
Usage: lkr report [OPTIONS]

  Write one page about all keys for a security review. With --check, check
  their age and last use, for CI.

Options:
  -o, --output FILE  Write the page to FILE, or with - to standard output.
  --anonymous        Replace the names of keys, projects and agents with
                     numbers.
  --check            Write no page. The exit code is 1 if a key is too old or
                     unused.
  --max-age AGE      The oldest that a value may be, such as 90d.
  --unused AGE       The longest that a key may be unused, such as 90d.
  --json             With --check: as JSON.
  -h, --help         Show this message and exit.

  Examples:
    lkr report -o report.html
    lkr report --check --max-age 90d --unused 60d
"""),
    "rm": (
"""\
Usage: lkr rm [OPTIONS] NAME

  Remove the key NAME from the store, or from its source. This cannot be undone.

Options:
  --yes, --force  Do not ask.
  -h, --help      Show this message and exit.

  Examples:
    lkr rm openai:old
    lkr rm openai:old --yes
""",
"""\
Usage: lkr rm [OPTIONS] NAME

  Remove the key NAME from the store, or from its source. This cannot be
  undone.

Options:
  --yes, --force  Do not ask.
  -h, --help      Show this message and exit.

  Examples:
    lkr rm openai:old
    lkr rm openai:old --yes
"""),
    "rotate": (
"""\
Usage: lkr rotate [OPTIONS] NAME

  Give the key NAME a new value. Open shells get it at their next prompt.

Options:
  --stdin     Read the new value from standard input.
  --confirm   The new value works: delete the old one.
  --undo      The new value does not work: restore the old one.
  -h, --help  Show this message and exit.

  Examples:
    lkr rotate openai:prod
    lkr rotate openai:prod --undo
""",
"""\
Usage: lkr rotate [OPTIONS] NAME

  Give the key NAME a new value. Open shells get it at their next prompt.

Options:
  --stdin     Read the new value from standard input.
  --confirm   The new value works: delete the old one.
  --undo      The new value does not work: restore the old one.
  -h, --help  Show this message and exit.

  Examples:
    lkr rotate openai:prod
    lkr rotate openai:prod --undo
"""),
    "scan": (
"""\
Usage: lkr scan [OPTIONS] [PATH]...

  Find keys left in plain text. Without PATH, search this project. The exit code is 1 if there are
  any.

Options:
  --home          Search your home folder: files of shells, editors and agents, and running
                  processes.
  --history       Search the whole git history of this repository.
  --since REV     Search commits since the revision REV, or in A..B.
  --staged        Search what the next commit would add.
  --push          Search what a push would send. For git's pre-push hook, which passes that on
                  standard input.
  --fix           Ask about each key, store it, and remove it from where it was found.
  --install-hook  Search before each commit and push in this repository.
  --no-stored     Look only for text that looks like a key. The store may stay locked.
  --json          As JSON.
  --sarif         Print SARIF 2.1.0, for code scanning in CI.
  -h, --help      Show this message and exit.

  Examples:
    lkr scan
    git diff | lkr scan -
""",
"""\
Usage: lkr scan [OPTIONS] [PATH]...

  Find keys left in plain text. Without PATH, search this project. The exit
  code is 1 if there are any.

Options:
  --home          Search your home folder: files of shells, editors and
                  agents, and running processes.
  --history       Search the whole git history of this repository.
  --since REV     Search commits since the revision REV, or in A..B.
  --staged        Search what the next commit would add.
  --push          Search what a push would send. For git's pre-push hook,
                  which passes that on standard input.
  --fix           Ask about each key, store it, and remove it from where it
                  was found.
  --install-hook  Search before each commit and push in this repository.
  --no-stored     Look only for text that looks like a key. The store may stay
                  locked.
  --json          As JSON.
  --sarif         Print SARIF 2.1.0, for code scanning in CI.
  -h, --help      Show this message and exit.

  Examples:
    lkr scan
    git diff | lkr scan -
"""),
    "schema": (
"""\
Usage: lkr schema [OPTIONS]

  Print the JSON Schema of .lkr.toml, for editors.

Options:
  --local     The schema of .lkr.local.toml.
  -h, --help  Show this message and exit.

  Examples:
    lkr schema > lkr.schema.json
    lkr schema --local
""",
"""\
Usage: lkr schema [OPTIONS]

  Print the JSON Schema of .lkr.toml, for editors.

Options:
  --local     The schema of .lkr.local.toml.
  -h, --help  Show this message and exit.

  Examples:
    lkr schema > lkr.schema.json
    lkr schema --local
"""),
    "seal": (
"""\
Usage: lkr seal [OPTIONS] [NAME]

  Encrypt the key NAME to the members of the project's team. Takes the value of your stored key
  NAME, or asks for it. In a manifest, the sealed key is "sealed/NAME".

Options:
  --all            Seal all sealed keys again, to the current members.
  --new            Ask for a new value, for example after a leak.
  --stdin          Read the value from standard input.
  --identity PATH  Your age or SSH private key, if it is not the usual one.
  --yes            Do not ask.
  -h, --help       Show this message and exit.

  Examples:
    lkr seal openai:prod
    lkr seal --all
""",
"""\
Usage: lkr seal [OPTIONS] [NAME]

  Encrypt the key NAME to the members of the project's team. Takes the value
  of your stored key NAME, or asks for it. In a manifest, the sealed key is
  "sealed/NAME".

Options:
  --all            Seal all sealed keys again, to the current members.
  --new            Ask for a new value, for example after a leak.
  --stdin          Read the value from standard input.
  --identity PATH  Your age or SSH private key, if it is not the usual one.
  --yes            Do not ask.
  -h, --help       Show this message and exit.

  Examples:
    lkr seal openai:prod
    lkr seal --all
"""),
    "set": (
"""\
Usage: lkr set [OPTIONS] NAME

  Store the key NAME (provider:label). Asks for the value, and never takes it as an argument.

Options:
  --stdin                 Read the value from standard input. A pipe does not need this.
  --kind [runtime|admin]  admin: never enters an environment.
  --force                 Replace an existing value without asking, and store the new one as it
                          is.
  -h, --help              Show this message and exit.

  Examples:
    lkr set openai:prod
    pbpaste | lkr set anthropic:main
""",
"""\
Usage: lkr set [OPTIONS] NAME

  Store the key NAME (provider:label). Asks for the value, and never takes it
  as an argument.

Options:
  --stdin                 Read the value from standard input. A pipe does not
                          need this.
  --kind [runtime|admin]  admin: never enters an environment.
  --force                 Replace an existing value without asking, and store
                          the new one as it is.
  -h, --help              Show this message and exit.

  Examples:
    lkr set openai:prod
    pbpaste | lkr set anthropic:main
"""),
    "source": (
"""\
Usage: lkr source [OPTIONS] COMMAND [ARGS]...

  Show, add and remove sources: the shared stores of a team.

Options:
  -h, --help  Show this message and exit.

Commands:
  add   Add the source NAME to config.toml.
  list  List the sources.
  rm    Remove the source NAME, its login, and the copies of its keys here.
""",
"""\
Usage: lkr source [OPTIONS] COMMAND [ARGS]...

  Show, add and remove sources: the shared stores of a team.

Options:
  -h, --help  Show this message and exit.

Commands:
  add   Add the source NAME to config.toml.
  list  List the sources.
  rm    Remove the source NAME, its login, and the copies of its keys here.
"""),
    "source list": (
"""\
Usage: lkr source list [OPTIONS]

  List the sources. Shows where each is, how many of its keys are here, and how long the login
  lasts.

Options:
  --json      As JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr source
    lkr source --json
""",
"""\
Usage: lkr source list [OPTIONS]

  List the sources. Shows where each is, how many of its keys are here, and
  how long the login lasts.

Options:
  --json      As JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr source
    lkr source --json
"""),
    "source add": (
"""\
Usage: lkr source add [OPTIONS] NAME TYPE [ADDRESS]

  Add the source NAME to config.toml. TYPE is openbao (also for HashiCorp Vault), aws, op, bw,
  pass, gopass, doppler, infisical, gcloud, az or command.

  ADDRESS is the server's address, the AWS region, the vault or project in the password manager,
  or a command, which may contain {provider} and {label}.

Options:
  --mount NAME       The engine, vault or project that holds the keys.
  --prefix PATH      The path there before PROVIDER/LABEL.
  --auth HOW         token, userpass, approle, jwt, oidc or kubernetes.
  --cache TIME       How long a copy is fresh: 30m, 8h (the default), or 0 for no copies.
  --grace TIME       How much longer to use a copy if the source does not answer: 24h.
  --set FIELD=VALUE  Another field, such as ca. May be repeated.
  --yes              Do not ask.
  -h, --help         Show this message and exit.

  Examples:
    lkr source add team openbao https://bao.example:8200 --mount kv --auth userpass
    lkr source add cloud aws eu-central-1 --prefix llm
""",
"""\
Usage: lkr source add [OPTIONS] NAME TYPE [ADDRESS]

  Add the source NAME to config.toml. TYPE is openbao (also for HashiCorp
  Vault), aws, op, bw, pass, gopass, doppler, infisical, gcloud, az or
  command.

  ADDRESS is the server's address, the AWS region, the vault or project in the
  password manager, or a command, which may contain {provider} and {label}.

Options:
  --mount NAME       The engine, vault or project that holds the keys.
  --prefix PATH      The path there before PROVIDER/LABEL.
  --auth HOW         token, userpass, approle, jwt, oidc or kubernetes.
  --cache TIME       How long a copy is fresh: 30m, 8h (the default), or 0 for
                     no copies.
  --grace TIME       How much longer to use a copy if the source does not
                     answer: 24h.
  --set FIELD=VALUE  Another field, such as ca. May be repeated.
  --yes              Do not ask.
  -h, --help         Show this message and exit.

  Examples:
    lkr source add team openbao https://bao.example:8200 --mount kv --auth userpass
    lkr source add cloud aws eu-central-1 --prefix llm
"""),
    "source rm": (
"""\
Usage: lkr source rm [OPTIONS] NAME

  Remove the source NAME, its login, and the copies of its keys here. The source itself stays as
  it is.

Options:
  --yes       Do not ask.
  -h, --help  Show this message and exit.

  Examples:
    lkr source rm team
    lkr source rm team --yes
""",
"""\
Usage: lkr source rm [OPTIONS] NAME

  Remove the source NAME, its login, and the copies of its keys here. The
  source itself stays as it is.

Options:
  --yes       Do not ask.
  -h, --help  Show this message and exit.

  Examples:
    lkr source rm team
    lkr source rm team --yes
"""),
    "status": (
"""\
Usage: lkr status [OPTIONS]

  Show what is loaded here, and why. Also shows the project, its profile and the store.

Options:
  --json      As JSON.
  --short     One line for a prompt; nothing outside a project.
  -h, --help  Show this message and exit.

  Examples:
    lkr status
    lkr status --json
""",
"""\
Usage: lkr status [OPTIONS]

  Show what is loaded here, and why. Also shows the project, its profile and
  the store.

Options:
  --json      As JSON.
  --short     One line for a prompt; nothing outside a project.
  -h, --help  Show this message and exit.

  Examples:
    lkr status
    lkr status --json
"""),
    "team": (
"""\
Usage: lkr team [OPTIONS] COMMAND [ARGS]...

  Share keys through git, sealed to the members of a team.

Options:
  -h, --help  Show this message and exit.

Commands:
  add    Add a member, and seal the keys that you can open to them too.
  audit  List the keys to rotate, because a former member could read them.
  check  Check that every key is sealed to the members and to nobody else.
  init   Start a team in this project, with you as its first member.
  list   List the members, and who can open which sealed key.
  rm     Remove a member, and seal all keys to the others.
""",
"""\
Usage: lkr team [OPTIONS] COMMAND [ARGS]...

  Share keys through git, sealed to the members of a team.

Options:
  -h, --help  Show this message and exit.

Commands:
  add    Add a member, and seal the keys that you can open to them too.
  audit  List the keys to rotate, because a former member could read them.
  check  Check that every key is sealed to the members and to nobody else.
  init   Start a team in this project, with you as its first member.
  list   List the members, and who can open which sealed key.
  rm     Remove a member, and seal all keys to the others.
"""),
    "team list": (
"""\
Usage: lkr team list [OPTIONS]

  List the members, and who can open which sealed key.

Options:
  --json      As JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr team
    lkr team --json
""",
"""\
Usage: lkr team list [OPTIONS]

  List the members, and who can open which sealed key.

Options:
  --json      As JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr team
    lkr team --json
"""),
    "team init": (
"""\
Usage: lkr team init [OPTIONS] [NAME] [RECIPIENT]

  Start a team in this project, with you as its first member. By default, NAME is your login name,
  and RECIPIENT is the vault's public key or your SSH key.

Options:
  --yes       Do not ask.
  -h, --help  Show this message and exit.

  Examples:
    lkr team init
    lkr team init alice 'ssh-ed25519 AAAA...'
""",
"""\
Usage: lkr team init [OPTIONS] [NAME] [RECIPIENT]

  Start a team in this project, with you as its first member. By default, NAME
  is your login name, and RECIPIENT is the vault's public key or your SSH key.

Options:
  --yes       Do not ask.
  -h, --help  Show this message and exit.

  Examples:
    lkr team init
    lkr team init alice 'ssh-ed25519 AAAA...'
"""),
    "team add": (
"""\
Usage: lkr team add [OPTIONS] NAME RECIPIENT|@FILE

  Add a member, and seal the keys that you can open to them too. RECIPIENT is an age or SSH public
  key, or @FILE with one on each line, such as GitHub's list of a user's keys.

Options:
  --identity PATH  Your age or SSH private key, if it is not the usual one.
  --yes            Do not ask.
  -h, --help       Show this message and exit.

  Examples:
    lkr team add bob age1...
    curl https://github.com/bob.keys > bob.keys; lkr team add bob @bob.keys
""",
"""\
Usage: lkr team add [OPTIONS] NAME RECIPIENT|@FILE

  Add a member, and seal the keys that you can open to them too. RECIPIENT is
  an age or SSH public key, or @FILE with one on each line, such as GitHub's
  list of a user's keys.

Options:
  --identity PATH  Your age or SSH private key, if it is not the usual one.
  --yes            Do not ask.
  -h, --help       Show this message and exit.

  Examples:
    lkr team add bob age1...
    curl https://github.com/bob.keys > bob.keys; lkr team add bob @bob.keys
"""),
    "team rm": (
"""\
Usage: lkr team rm [OPTIONS] NAME

  Remove a member, and seal all keys to the others. Lists the keys to rotate: those that the
  member could read.

Options:
  --identity PATH  Your age or SSH private key, if it is not the usual one.
  --yes            Do not ask.
  -h, --help       Show this message and exit.

  Examples:
    lkr team rm bob
    lkr team rm bob --yes
""",
"""\
Usage: lkr team rm [OPTIONS] NAME

  Remove a member, and seal all keys to the others. Lists the keys to rotate:
  those that the member could read.

Options:
  --identity PATH  Your age or SSH private key, if it is not the usual one.
  --yes            Do not ask.
  -h, --help       Show this message and exit.

  Examples:
    lkr team rm bob
    lkr team rm bob --yes
"""),
    "team audit": (
"""\
Usage: lkr team audit [OPTIONS]

  List the keys to rotate, because a former member could read them. The exit code is 1 if there
  are any.

Options:
  --json      As JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr team audit
    lkr team audit --json
""",
"""\
Usage: lkr team audit [OPTIONS]

  List the keys to rotate, because a former member could read them. The exit
  code is 1 if there are any.

Options:
  --json      As JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr team audit
    lkr team audit --json
"""),
    "team check": (
"""\
Usage: lkr team check [OPTIONS]

  Check that every key is sealed to the members and to nobody else. For CI and git hooks: it opens
  no key and needs no store. The exit code is 1 if something is wrong.

Options:
  --json      As JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr team check
    lkr team check --json
""",
"""\
Usage: lkr team check [OPTIONS]

  Check that every key is sealed to the members and to nobody else. For CI and
  git hooks: it opens no key and needs no store. The exit code is 1 if
  something is wrong.

Options:
  --json      As JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr team check
    lkr team check --json
"""),
    "token": (
"""\
Usage: lkr token [OPTIONS] NAME

  Print a virtual key for the key NAME. It is for the program that runs this command, and what
  that program starts.

  A virtual key is not the real key. It works only on this machine, until that program ends or the
  store is locked.

Options:
  --json      Print JSON, with the base-URL variables that go with it.
  -h, --help  Show this message and exit.

  Examples:
    lkr token openai:prod
    lkr token anthropic:main --json
""",
"""\
Usage: lkr token [OPTIONS] NAME

  Print a virtual key for the key NAME. It is for the program that runs this
  command, and what that program starts.

  A virtual key is not the real key. It works only on this machine, until that
  program ends or the store is locked.

Options:
  --json      Print JSON, with the base-URL variables that go with it.
  -h, --help  Show this message and exit.

  Examples:
    lkr token openai:prod
    lkr token anthropic:main --json
"""),
    "uninstall": (
"""\
Usage: lkr uninstall [OPTIONS]

  Undo lkr install. Keeps your keys and manifests.

Options:
  --broker    Only undo lkr install --broker.
  --yes       Do not ask.
  -h, --help  Show this message and exit.

  Examples:
    lkr uninstall
    lkr uninstall --broker
""",
"""\
Usage: lkr uninstall [OPTIONS]

  Undo lkr install. Keeps your keys and manifests.

Options:
  --broker    Only undo lkr install --broker.
  --yes       Do not ask.
  -h, --help  Show this message and exit.

  Examples:
    lkr uninstall
    lkr uninstall --broker
"""),
    "unlock": (
"""\
Usage: lkr unlock [OPTIONS]

  Unlock the store. Creates the vault if there is none.

  First tries the TPM, Touch ID or device that `lkr vault enroll` set up, and then asks for the
  passphrase.

Options:
  --stdin       Read the passphrase from standard input.
  --passphrase  Ask for the passphrase at once.
  -h, --help    Show this message and exit.

  Examples:
    lkr unlock
    pass show lkr | lkr unlock --stdin
""",
"""\
Usage: lkr unlock [OPTIONS]

  Unlock the store. Creates the vault if there is none.

  First tries the TPM, Touch ID or device that `lkr vault enroll` set up, and
  then asks for the passphrase.

Options:
  --stdin       Read the passphrase from standard input.
  --passphrase  Ask for the passphrase at once.
  -h, --help    Show this message and exit.

  Examples:
    lkr unlock
    pass show lkr | lkr unlock --stdin
"""),
    "unseal": (
"""\
Usage: lkr unseal [OPTIONS] [NAME]...

  Decrypt this project's sealed keys, and put them into your store. Opens all of them, or those
  that you name, with the vault, your SSH key or the private key in PATH. Shells load only what an
  allowed manifest names.

Options:
  --identity PATH  Your age or SSH private key, if it is not the usual one.
  --yes            Take changed values without asking.
  -h, --help       Show this message and exit.

  Examples:
    lkr unseal
    lkr unseal openai:prod --identity ~/.ssh/work
""",
"""\
Usage: lkr unseal [OPTIONS] [NAME]...

  Decrypt this project's sealed keys, and put them into your store. Opens all
  of them, or those that you name, with the vault, your SSH key or the private
  key in PATH. Shells load only what an allowed manifest names.

Options:
  --identity PATH  Your age or SSH private key, if it is not the usual one.
  --yes            Take changed values without asking.
  -h, --help       Show this message and exit.

  Examples:
    lkr unseal
    lkr unseal openai:prod --identity ~/.ssh/work
"""),
    "usage": (
"""\
Usage: lkr usage [OPTIONS] [PROVIDER]

  Show what the broker's requests used and cost. There is a table by project, key, agent, model
  and day. A coding agent sees only the project of its folder.

Options:
  --by [project|key|agent|model|day]
                                  Show only this table. May be repeated.
  --since TIME                    Start at a date (2026-11-01) or a time ago (7d, 12h). Default:
                                  this month.
  --follow                        Show each request as it ends, until Ctrl-C.
  --csv                           As CSV.
  --json                          As JSON.
  --vendor                        Ask OpenAI and Anthropic what they charged, with their admin
                                  keys.
  --days DAYS                     Cover the last DAYS days.  [1<=x<=366]
  -h, --help                      Show this message and exit.

  Examples:
    lkr usage --since 7d --by project
    lkr usage --vendor openai --days 7
""",
"""\
Usage: lkr usage [OPTIONS] [PROVIDER]

  Show what the broker's requests used and cost. There is a table by project,
  key, agent, model and day. A coding agent sees only the project of its
  folder.

Options:
  --by [project|key|agent|model|day]
                                  Show only this table. May be repeated.
  --since TIME                    Start at a date (2026-11-01) or a time ago
                                  (7d, 12h). Default: this month.
  --follow                        Show each request as it ends, until Ctrl-C.
  --csv                           As CSV.
  --json                          As JSON.
  --vendor                        Ask OpenAI and Anthropic what they charged,
                                  with their admin keys.
  --days DAYS                     Cover the last DAYS days.  [1<=x<=366]
  -h, --help                      Show this message and exit.

  Examples:
    lkr usage --since 7d --by project
    lkr usage --vendor openai --days 7
"""),
    "use": (
"""\
Usage: lkr use [OPTIONS] [PROFILE]

  Use PROFILE in this project from now on. Without PROFILE, list the profiles. LKR_PROFILE
  overrides the choice.

Options:
  --default   Go back to the manifest's plain [keys].
  --list      List the profiles. The same as without PROFILE.
  --json      List them as JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr use
    lkr use staging
""",
"""\
Usage: lkr use [OPTIONS] [PROFILE]

  Use PROFILE in this project from now on. Without PROFILE, list the profiles.
  LKR_PROFILE overrides the choice.

Options:
  --default   Go back to the manifest's plain [keys].
  --list      List the profiles. The same as without PROFILE.
  --json      List them as JSON.
  -h, --help  Show this message and exit.

  Examples:
    lkr use
    lkr use staging
"""),
    "vault": (
"""\
Usage: lkr vault [OPTIONS] COMMAND [ARGS]...

  Back up the vault, open it with a TPM or Touch ID, or start over.

Options:
  -h, --help  Show this message and exit.

Commands:
  enroll     Let a TPM, Touch ID or an age plugin open the store.
  export     Back up all keys to the age file FILE.
  import     Restore the keys from a backup.
  recipient  Print this vault's public key.
  rekey      Give the vault a new identity, and encrypt every key to it.
  reset      Start over after a lost passphrase.
  unenroll   Make the passphrase the only way to open the store again.
""",
"""\
Usage: lkr vault [OPTIONS] COMMAND [ARGS]...

  Back up the vault, open it with a TPM or Touch ID, or start over.

Options:
  -h, --help  Show this message and exit.

Commands:
  enroll     Let a TPM, Touch ID or an age plugin open the store.
  export     Back up all keys to the age file FILE.
  import     Restore the keys from a backup.
  recipient  Print this vault's public key.
  rekey      Give the vault a new identity, and encrypt every key to it.
  reset      Start over after a lost passphrase.
  unenroll   Make the passphrase the only way to open the store again.
"""),
    "vault export": (
"""\
Usage: lkr vault export [OPTIONS] FILE

  Back up all keys to the age file FILE. With - it goes to standard output. The backup includes
  admin keys. It gets a passphrase of its own, or is encrypted to RECIPIENTs.

  A RECIPIENT is the output of `lkr vault recipient` on another machine, the output of age-keygen
  -y, or the line in a file such as id_ed25519.pub.

Options:
  --to RECIPIENT  An age or SSH public key. May be repeated.
  --stdin         Read the file's passphrase from standard input.
  -h, --help      Show this message and exit.

  Examples:
    lkr vault export backup.age
    lkr vault export backup.age --to age1...
""",
"""\
Usage: lkr vault export [OPTIONS] FILE

  Back up all keys to the age file FILE. With - it goes to standard output.
  The backup includes admin keys. It gets a passphrase of its own, or is
  encrypted to RECIPIENTs.

  A RECIPIENT is the output of `lkr vault recipient` on another machine, the
  output of age-keygen -y, or the line in a file such as id_ed25519.pub.

Options:
  --to RECIPIENT  An age or SSH public key. May be repeated.
  --stdin         Read the file's passphrase from standard input.
  -h, --help      Show this message and exit.

  Examples:
    lkr vault export backup.age
    lkr vault export backup.age --to age1...
"""),
    "vault import": (
"""\
Usage: lkr vault import [OPTIONS] FILE

  Restore the keys from a backup. If a key has another value here, it stays, unless you add
  --force.

  A backup made for this machine's vault needs no --identity.

Options:
  --identity PATH  The age or SSH private key that opens the file.
  --stdin          Read the passphrase from standard input.
  --force          Replace keys that already have another value.
  -h, --help       Show this message and exit.

  Examples:
    lkr vault import backup.age
    lkr vault import backup.age --force
""",
"""\
Usage: lkr vault import [OPTIONS] FILE

  Restore the keys from a backup. If a key has another value here, it stays,
  unless you add --force.

  A backup made for this machine's vault needs no --identity.

Options:
  --identity PATH  The age or SSH private key that opens the file.
  --stdin          Read the passphrase from standard input.
  --force          Replace keys that already have another value.
  -h, --help       Show this message and exit.

  Examples:
    lkr vault import backup.age
    lkr vault import backup.age --force
"""),
    "vault recipient": (
"""\
Usage: lkr vault recipient [OPTIONS]

  Print this vault's public key. Use it with `lkr vault export --to` on another machine. It is not
  secret.

Options:
  -h, --help  Show this message and exit.

  Examples:
    lkr vault recipient
    lkr vault export keys.age --to "$(ssh laptop lkr vault recipient)"
""",
"""\
Usage: lkr vault recipient [OPTIONS]

  Print this vault's public key. Use it with `lkr vault export --to` on
  another machine. It is not secret.

Options:
  -h, --help  Show this message and exit.

  Examples:
    lkr vault recipient
    lkr vault export keys.age --to "$(ssh laptop lkr vault recipient)"
"""),
    "vault enroll": (
"""\
Usage: lkr vault enroll [OPTIONS] [WAY]

  Let a TPM, Touch ID or an age plugin open the store. The passphrase still opens it.

  WAY is tpm (asks for a PIN), touch-id (on macOS), or an identity file that a plugin, such as
  age-plugin-fido2-hmac, made. Without WAY, it shows what is enrolled.

Options:
  --stdin     Read the passphrase, and for a TPM the new PIN, line by line.
  -h, --help  Show this message and exit.

  Examples:
    lkr vault enroll tpm
    lkr vault enroll ~/fido2-key.txt
""",
"""\
Usage: lkr vault enroll [OPTIONS] [WAY]

  Let a TPM, Touch ID or an age plugin open the store. The passphrase still
  opens it.

  WAY is tpm (asks for a PIN), touch-id (on macOS), or an identity file that a
  plugin, such as age-plugin-fido2-hmac, made. Without WAY, it shows what is
  enrolled.

Options:
  --stdin     Read the passphrase, and for a TPM the new PIN, line by line.
  -h, --help  Show this message and exit.

  Examples:
    lkr vault enroll tpm
    lkr vault enroll ~/fido2-key.txt
"""),
    "vault unenroll": (
"""\
Usage: lkr vault unenroll [OPTIONS]

  Make the passphrase the only way to open the store again.

Options:
  -h, --help  Show this message and exit.

  Examples:
    lkr vault unenroll
    lkr vault unenroll && lkr vault enroll tpm
""",
"""\
Usage: lkr vault unenroll [OPTIONS]

  Make the passphrase the only way to open the store again.

Options:
  -h, --help  Show this message and exit.

  Examples:
    lkr vault unenroll
    lkr vault unenroll && lkr vault enroll tpm
"""),
    "vault reset": (
"""\
Usage: lkr vault reset [OPTIONS]

  Start over after a lost passphrase. Sets the vault aside, so that the next lkr set creates a new
  one.

  Without the passphrase, nobody can open the old keys. They stay in a folder beside the vault, in
  case you remember it. Policies and grants stay too, and lkr doctor names the keys to store
  again.

Options:
  --yes       Do not ask.
  -h, --help  Show this message and exit.

  Examples:
    lkr vault reset
    lkr vault reset --yes && lkr unlock
""",
"""\
Usage: lkr vault reset [OPTIONS]

  Start over after a lost passphrase. Sets the vault aside, so that the next
  lkr set creates a new one.

  Without the passphrase, nobody can open the old keys. They stay in a folder
  beside the vault, in case you remember it. Policies and grants stay too, and
  lkr doctor names the keys to store again.

Options:
  --yes       Do not ask.
  -h, --help  Show this message and exit.

  Examples:
    lkr vault reset
    lkr vault reset --yes && lkr unlock
"""),
    "vault rekey": (
"""\
Usage: lkr vault rekey [OPTIONS]

  Give the vault a new identity, and encrypt every key to it. If this is interrupted, run it
  again.

  A backup that was made with --to for the vault's old public key can no longer be opened, so make
  a new one.

Options:
  --stdin     Read the passphrase from standard input.
  -h, --help  Show this message and exit.

  Examples:
    lkr vault rekey
    lkr vault rekey --stdin < passphrase
""",
"""\
Usage: lkr vault rekey [OPTIONS]

  Give the vault a new identity, and encrypt every key to it. If this is
  interrupted, run it again.

  A backup that was made with --to for the vault's old public key can no
  longer be opened, so make a new one.

Options:
  --stdin     Read the passphrase from standard input.
  -h, --help  Show this message and exit.

  Examples:
    lkr vault rekey
    lkr vault rekey --stdin < passphrase
"""),
}
