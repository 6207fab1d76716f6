"""Writes completions/ from the command line's own definition: `python -m tools.completions FOLDER`.

What completes a word is told by the parameter's name. Names of keys and profiles are read by the shell itself, from
the index and the manifest: a Tab starts no Python.
"""

import os
import sys
from collections.abc import Callable, Iterator

import click

from lkrshell.cli import help as cli
from lkrshell.core import names
from lkrshell.core.events import EVENTS
from lkrshell.runtime import known_agents
from lkrshell.vendors import costs, providers

# What completes a parameter's value: by command and parameter, or by the parameter alone.
_KINDS = {
    "name": "keys", "old": "keys", "key": "keys", "keys": "pairs", "entry": "pairs", "set name": "fresh",
    "rename new": "fresh", "import name": "fresh", "profile": "profiles", "folder": "folders", "only": "folders",
    "file": "files", "template": "files", "output": "files", "identity": "files", "words": "commands",
}  # fmt: skip
_WORDS = {
    "audit event": [*EVENTS], "audit agent": ["any", *known_agents.AGENTS], "agent-env agent": [*known_agents.AGENTS],
    "import tool": ["pass:", "secret-tool:", "envchain:"], "migrate source": ["vault", "keyring"],
    "list provider": [*providers.builtin()], "usage provider": [*costs.BASES], "policy ttl": ["off", "30m", "8h", "2d"],
}  # fmt: skip
_HEAD = "Made from the command line's definition by `make completions`; do not edit.\n"


class _Parameter:
    """An option or argument: its words, its help, and what completes its value: a kind, a list of words, or neither."""

    def __init__(self, command: str, parameter: click.Parameter) -> None:
        self.words = [word for word in [*parameter.opts, *parameter.secondary_opts] if word.startswith("-")]
        self.help = _one_line(getattr(parameter, "help", "") or "")
        self.flag = bool(getattr(parameter, "is_flag", False))
        self.many = parameter.nargs == -1 or bool(getattr(parameter, "multiple", False))
        name = parameter.name or ""
        choices = parameter.type.choices if isinstance(parameter.type, click.Choice) else ()
        self.choices = [str(choice) for choice in choices or _WORDS.get(f"{command} {name}", ())]
        kind = _KINDS.get(f"{command} {name}") or _KINDS.get(name, "")
        self.kind = "" if self.choices or self.flag else kind


class _Command:
    """A command, or one of a command's own commands: `vault export`."""

    def __init__(self, name: str, command: click.Command) -> None:
        self.name, self.help = name, _one_line(command.get_short_help_str(100))
        self.words = sorted(command.commands) if isinstance(command, click.Group) else []
        ours = [_Parameter(name, parameter) for parameter in command.params]
        self.options = [parameter for parameter in ours if parameter.words]
        self.arguments = [parameter for parameter in ours if not parameter.words]


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if line.endswith("...") else line.removesuffix(".")


def _commands() -> Iterator[_Command]:
    context = click.Context(cli.lkr)
    for name in cli.lkr.list_commands(context):
        command = cli.lkr.get_command(context, name)
        if command:
            yield _Command(name, command)
        if isinstance(command, click.Group):
            for inner, each in command.commands.items():
                yield _Command(f"{name} {inner}", each)


def _names() -> list[str]:
    return [command.name for command in _commands() if " " not in command.name]


def _valued() -> str:
    """The options that take a value: of all commands together, since none is a flag in another command."""
    options = [option for command in _commands() for option in command.options]
    return " ".join(sorted({word for option in options if not option.flag for word in option.words}))


def bash() -> str:
    lines = ["# shellcheck shell=bash\n", "# Completion of lkr for bash 4.4 and later. ", _HEAD, _BASH_HEAD]
    for command in _commands():
        lines.append(f"        '{command.name}')\n")
        valued = [option for option in command.options if not option.flag]
        if valued:
            lines.append("            case $option in\n")
            lines += [
                f"                {' | '.join(option.words)}) {_bash_value(option)}; return ;;\n" for option in valued
            ]
            lines.append("            esac\n")
        words = " ".join([word for option in command.options for word in option.words] + ["-h", "--help"])
        lines.append(f"            _lkr_options {words}\n")
        if command.words:
            lines.append(f"            _lkr_words {' '.join(command.words)}\n")
        for place, argument in enumerate(command.arguments, 1):
            if argument.kind or argument.choices:
                guard = "" if argument.many else f"((place == {place})) && "
                lines.append(f"            {guard}{_bash_value(argument)}\n")
        lines.append("            ;;\n")
    return "".join(lines) + _BASH_TAIL


def _bash_value(parameter: _Parameter) -> str:
    return f"_lkr_words {' '.join(parameter.choices)}" if parameter.choices else f"_lkr_{parameter.kind or 'nothing'}"


_BASH_HEAD = r"""
_lkr_words() {
    local word
    for word; do
        [[ $word == "$current"* ]] && COMPREPLY+=("$word")
    done
}

_lkr_nothing() { :; }
_lkr_options() { [[ $ended || $option || $current != -* ]] || _lkr_words "$@"; }
_lkr_files() { compopt -o default; } # readline knows about quotes and ~
_lkr_folders() { compopt -o dirnames -o filenames; }

# The names in the index: INDEX/STORE/PROVIDER/LABEL. Of very many, first the providers. No loop over them.
_lkr_keys() {
    local root=${XDG_DATA_HOME:-$HOME/.local/share}/lkr/index off='' on='' each any='!(*@HIDDEN@)'
    local -a paths
    [[ $OSTYPE == darwin* ]] && root="$HOME/Library/Application Support/lkr/index"
    for each in failglob dotglob; do
        [[ :$BASHOPTS: != *:$each:* ]] || off+=" $each"
    done
    [[ :$BASHOPTS: == *:extglob:* ]] || on=extglob
    # shellcheck disable=SC2086,SC2206
    {
        [[ ! $off ]] || shopt -u $off
        [[ ! $on ]] || shopt -s $on
        if [[ $current == *:* ]]; then
            paths=("$root"/*/"${current%%:*}"/"${current#*:}"$any)
        else
            paths=("$root"/*/"$current"*/$any)
            ((${#paths[@]} <= @MANY@)) || paths=("$root"/*/"$current"*/)
        fi
        [[ ! $on ]] || shopt -u $on
        [[ ! $off ]] || shopt -s $off
    }
    [[ -e ${paths-} ]] || return 0
    paths=("${paths[@]#"$root/"}")
    paths=("${paths[@]#*/}")
    COMPREPLY+=("${paths[@]/\//:}")
}

# A key's name, or VARIABLE=NAME. Keys come first; every provider's variables only once a capital letter is typed.
_lkr_pairs() {
    if [[ $current == *=* ]]; then
        current=${current#*=}
        _lkr_keys
        return
    fi
    compopt -o nosort 2>/dev/null
    _lkr_keys
    if [[ $current == [A-Z_]* ]]; then
        _lkr_variables
    else
        _lkr_wanted
    fi
}

# The name of a key that need not be there yet.
_lkr_fresh() {
    _lkr_keys
    [[ $current == *:* ]] || _lkr_words @PROVIDERS@
}

# What the pattern $1 finds in the lines of the nearest manifest.
_lkr_manifest() {
    local folder=$PWD line file
    local -a lines
    while [[ $folder && ! -f $folder/.lkr.toml ]]; do folder=${folder%/*}; done
    for file in "$folder/.lkr.toml" "$folder/.lkr.local.toml"; do
        [[ -f $file && -r $file ]] || continue
        mapfile -t -n 5000 lines <"$file"
        for line in "${lines[@]}"; do
            [[ $line =~ $1 ]] && _lkr_words "${BASH_REMATCH[1]}"
        done
    done
}
_lkr_profiles() { _lkr_manifest '^\[profiles\.([A-Za-z0-9_-]+)[].]'; }
_lkr_wanted() { _lkr_manifest '^[[:space:]]*([A-Z][A-Z0-9_]*)[[:space:]]*='; }
_lkr_variables() {
    _lkr_wanted
    _lkr_words @VARIABLES@
}

# A command of the system, then what that command completes by itself.
_lkr_commands() {
    if [[ ! $offset ]]; then
        [[ $current == -* || $current == */* ]] || mapfile -t COMPREPLY < <(compgen -c -- "$current")
        [[ $current != */* ]] || compopt -o default
    elif declare -F _comp_command_offset >/dev/null; then
        _comp_command_offset "$offset"
    elif declare -F _command_offset >/dev/null; then
        _command_offset "$offset"
    else
        compopt -o default
    fi
}

_lkr_one() {
    case $command in
        '')
            _lkr_options -h --help --version
            [[ $current == -* ]] || _lkr_words @COMMANDS@
            ;;
"""
_BASH_TAIL = r"""    esac
}

_lkr() {
    local - IFS=$' \t\n'
    set +fu
    local line=${COMP_LINE:0:COMP_POINT} current='' option='' command='' ended='' offset='' place=1 head i word
    local -a words=() at=()
    # readline parts words at : and = too; here they are whole, and end at the cursor. `at` tells where they began.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        if [[ ! ${words-} || $line == [[:space:]]* ]]; then
            line=${line#"${line%%[![:space:]]*}"} words+=('') at+=("$i")
        fi
        [[ $line == "$word"* ]] || word=$line
        line=${line#"$word"} words[-1]+=$word
    done
    current=${words[-1]}
    COMPREPLY=()
    for ((i = 1; i < ${#words[@]} - 1; i++)); do
        word=${words[i]}
        if [[ $option ]]; then
            option=
        elif [[ ! $ended && $word == -- ]]; then
            ended=1
        elif [[ ! $ended && $word == -* ]]; then
            [[ ' @VALUED@ ' != *" $word "* ]] || option=$word
        elif [[ ! $command || $command == @GROUP@ ]]; then
            command+=${command:+ }$word
        else
            place=$((place + 1))
            case $command in exec | agent-env)
                ended=1 offset=${offset:-${at[i]}}
                ;;
            esac
        fi
    done
    if [[ ! $ended && ! $option && $current == --*=* ]]; then
        option=${current%%=*} current=${current#*=}
    fi
    current=${current#[\"\']}
    _lkr_one
    [[ ! $offset ]] || return
    # What we complete may be a part of the word, and what readline takes for the word may be another part.
    head=${words[-1]%"$current"} line=${words[-1]%"$2"}
    if [[ $head != "$line" ]]; then
        COMPREPLY=("${COMPREPLY[@]/#/$head}")
        COMPREPLY=("${COMPREPLY[@]#"$line"}")
    fi
    if ((${#COMPREPLY[@]} == 1)) && [[ ${COMPREPLY[0]} == *[:=] ]]; then
        compopt -o nospace
    fi
}

complete -F _lkr lkr lkrsh
"""


def zsh() -> str:
    out = ["#compdef lkr lkrsh\n", "# Completion of lkr for zsh. ", _HEAD, _ZSH_HEAD, "_lkr_one() {\n    case $1 in\n"]
    for command in _commands():
        out.append(f"        '{command.name}')\n")
        if command.words:
            out.append("            if ((CURRENT > 2)); then\n                shift words\n")
            out.append(f'                ((CURRENT--))\n                _lkr_one "{command.name} $words[1]"\n')
            out.append("                return\n            fi\n")
        if any(argument.kind == "commands" for argument in command.arguments):
            out.append("            _lkr_command && return\n")
        out.append("            _arguments -s -S : \\\n")
        for option in command.options:
            value = "" if option.flag else f":value:{_zsh_value(option)}"
            for word in option.words:
                head = "*" if option.many else f"({' '.join(option.words)})" if len(option.words) > 1 else ""
                tail = "" if option.flag else "=" if word.startswith("--") else "+"
                out.append(f"                '{head}{word}{tail}[{_zsh_text(option.help)}]{value}' \\\n")
        out.append("                '(- *)'{-h,--help}'[Show the help]' \\\n")
        if command.words:
            out.append(f"                '1:command:({' '.join(command.words)})' \\\n")
        for place, argument in enumerate(command.arguments, 1):
            what = _zsh_value(argument)
            if argument.kind == "commands":
                continue
            if argument.many:
                out.append(f"                '*:argument:{what}' \\\n")
            else:
                out.append(f"                '{place}:argument:{what}' \\\n")
        out[-1] = out[-1].removesuffix(" \\\n") + "\n"
        out.append("            ;;\n")
    out.append("    esac\n}\n\n_lkr() {\n    local -a ours\n    ours=(\n")
    out += [f"        '{each.name}:{_zsh_text(each.help)}'\n" for each in _commands() if " " not in each.name]
    return "".join(out) + _ZSH_TAIL


def _zsh_text(text: str) -> str:
    return text.replace("'", "'\\''").replace("[", "(").replace("]", ")").replace(":", "\\:")


def _zsh_value(parameter: _Parameter) -> str:
    if any(choice.endswith(":") for choice in parameter.choices):
        return f'compadd -S "" -- {" ".join(parameter.choices)}'.replace(":", "\\:")
    if parameter.choices:
        return f"({' '.join(parameter.choices)})"
    return {"": " ", "files": "_files", "folders": "_files -/"}.get(parameter.kind, f"_lkr_{parameter.kind}")


_ZSH_HEAD = r"""
# The names in the index: INDEX/STORE/PROVIDER/LABEL. Of very many, first the providers.
_lkr_keys() {
    local root=${XDG_DATA_HOME:-$HOME/.local/share}/lkr/index
    [[ $OSTYPE == darwin* ]] && root="$HOME/Library/Application Support/lkr/index"
    local -a names
    if [[ $PREFIX == *:* ]]; then
        names=($root/*/${PREFIX%%:*}/${PREFIX#*:}*(N))
    else
        names=($root/*/*/*(N))
        if (($#names > @MANY@)); then
            names=($root/*/*(N:t))
            compadd "$@" -S : -- $names
            return
        fi
    fi
    names=(${names#$root/*/})
    names=(${${names:#*@HIDDEN@}/\//:})
    compadd "$@" -a names
}

# A key's name, or VARIABLE=NAME. Keys come first; every provider's variables only once a capital letter is typed.
_lkr_pairs() {
    if compset -P '*='; then
        _lkr_keys "$@"
        return
    fi
    local -a group
    zparseopts -D -E -a group J: V: 1 2 # theirs, which would sort both together
    _lkr_keys "$@" -V lkr-keys
    if [[ $PREFIX == [A-Z_]* ]]; then
        _lkr_variables "$@" -V lkr-variables
    else
        _lkr_wanted "$@" -V lkr-variables
    fi
}

# The name of a key that need not be there yet.
_lkr_fresh() {
    _lkr_keys "$@"
    compadd "$@" -S '' -- @PROVIDERS@
}

# At the command that is to be run, or behind it; not at one of our options before it.
_lkr_command() {
    local -i at=2
    while ((at < CURRENT)) && [[ $words[at] == -?* ]]; do
        [[ $words[at++] != -- ]] || break
        [[ ' @VALUED@ ' != *" $words[at-1] "* ]] || ((at++))
    done
    if ((CURRENT > at)); then
        shift $((at - 1)) words
        ((CURRENT -= at - 1))
        _normal
    elif ((CURRENT == at)) && [[ $words[at-1] == -- || $PREFIX != -* ]]; then
        _command_names -e || _files
    else
        return 1
    fi
    return 0
}

# What the pattern $1 finds in the lines of the nearest manifest.
_lkr_manifest() {
    local folder=$PWD line file pattern=$1
    local -a found match mbegin mend
    shift
    while [[ -n $folder && ! -f $folder/.lkr.toml ]]; do folder=${folder%/*}; done
    for file in $folder/.lkr.toml $folder/.lkr.local.toml; do
        [[ -f $file && -r $file ]] || continue
        for line in ${(f)"$(<$file)"}; do [[ $line =~ $pattern ]] && found+=($match[1]); done
    done
    compadd "$@" -a found
}
_lkr_profiles() { _lkr_manifest '^\[profiles\.([A-Za-z0-9_-]+)[].]' "$@" }
_lkr_wanted() { _lkr_manifest '^[[:space:]]*([A-Z][A-Z0-9_]*)[[:space:]]*=' "$@" }
_lkr_variables() {
    _lkr_wanted "$@"
    compadd "$@" -- @VARIABLES@
}

"""
_ZSH_TAIL = r"""    )
    local context state line
    _arguments -C '(- *)'{-h,--help}'[Show the help]' '(- *)--version[Show the version]' \
        '1: :->command' '*:: :->argument'
    case $state in
        command) _describe command ours ;; # not `commands`, which is zsh's own
        argument) _lkr_one $words[1] ;;
    esac
}

_lkr "$@"
"""


def fish() -> str:
    out = ["# Completion of lkr for fish. ", _HEAD, _FISH_HEAD]
    out.append("complete -c lkr -f\n")
    out.append("complete -c lkr -n \"__lkr_at ''\" -l version -d 'Show the version'\n")
    out.append("complete -c lkr -n '__lkr_look; test -z \"$__lkr_end\"' -s h -l help -d 'Show the help'\n")
    for command in _commands():
        above, _, name = command.name.rpartition(" ")
        out.append(f"complete -c lkr -n \"__lkr_at '{above}'\" -a {name} -d {_fish_text(command.help)}\n")
        at = f"__lkr_at '{command.name}'"
        for option in command.options:
            words = " ".join(f"-l {word[2:]}" if word.startswith("--") else f"-s {word[1:]}" for word in option.words)
            value = "" if option.flag else f" {_fish_value(option)}"
            options = f"__lkr_options '{command.name}'"
            out.append(f'complete -c lkr -n "{options}" {words}{value} -d {_fish_text(option.help)}\n')
        for place, argument in enumerate(command.arguments, 1):
            if argument.kind or argument.choices:
                where = at if argument.many else f"{at} {place}"
                out.append(f'complete -c lkr -n "{where}" {_fish_value(argument)}\n'.replace(" -x -", " -"))
    return "".join(out)


def lkrsh() -> str:
    """fish looks for completions in a file of the command's name."""
    return f"# {_HEAD}complete -c lkrsh -w lkr\n"


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _fish_value(parameter: _Parameter) -> str:
    if parameter.choices:
        return f"-x -a '{' '.join(parameter.choices)}'"
    folders = "-x -a '(__fish_complete_directories (commandline -ct))'"
    in_order = "-x -k -a '(__lkr_pairs)'"
    own = {"": "-x", "folders": folders, "files": "-r -F", "pairs": in_order}
    return own.get(parameter.kind, f"-x -a '(__lkr_{parameter.kind})'")


_FISH_HEAD = r"""
# Where the cursor is: the command in __lkr_command, which of its arguments in __lkr_place; __lkr_end when no option can
# follow; for a command that runs another, the number of that word in __lkr_offset.
function __lkr_look
    set -l now "$(commandline -cp)"
    test "$now" = "$__lkr_seen"; and return
    set -g __lkr_seen $now
    set -g __lkr_command ''
    set -g __lkr_place 1
    set -g __lkr_end
    set -g __lkr_offset
    set -l option
    set -l number 0
    for word in (commandline -opc)
        set number (math $number + 1)
        if test $number = 1
            continue
        else if set -q option[1]
            set option
        else if test -z "$__lkr_end"; and test "$word" = --
            set __lkr_end 1
        else if test -z "$__lkr_end"; and string match -q -- '-*' $word
            contains -- $word @VALUED@; and set option $word
        else if contains -- "$__lkr_command" '' @GROUP@
            set __lkr_command (string trim -- "$__lkr_command $word")
        else
            set __lkr_place (math $__lkr_place + 1)
            if contains -- $__lkr_command exec agent-env
                set __lkr_end 1
                set -q __lkr_offset[1]; or set __lkr_offset $number
            end
        end
    end
end

# True at the command $argv[1], at its argument number $argv[2].
function __lkr_at
    __lkr_look
    test "$__lkr_command" = $argv[1]; or return 1
    not set -q argv[2]; or test $__lkr_place = $argv[2]
end

function __lkr_options
    __lkr_look
    test "$__lkr_command" = $argv[1] -a -z "$__lkr_end"
end

# The names in the index: INDEX/STORE/PROVIDER/LABEL. Of very many, first the providers.
function __lkr_keys
    set -l root $HOME/.local/share
    set -q XDG_DATA_HOME[1]; and set root $XDG_DATA_HOME
    test -d "$HOME/Library/Application Support/lkr"; and set root "$HOME/Library/Application Support"
    set -l name (commandline -ct | string replace -r '^(.*=)?["\']?' '' | string split -m 1 :)
    set -l paths
    if set -q name[2]
        set paths $root/lkr/index/*/$name[1]/$name[2]*
    else
        for folder in $root/lkr/index/*/*
            set -a paths $folder/*
            if set -q paths[@MANY@]
                string replace -r '.*/([^/]+)$' '$1:' -- $root/lkr/index/*/*
                return
            end
        end
    end
    string replace -r '.*/([^/]+)/([^/]+)$' '$1:$2' -- $paths | string match -v '*@HIDDEN@'
end

# A key's name, or VARIABLE=NAME. Keys come first; every provider's variables only once a capital letter is typed.
function __lkr_pairs
    set -l head (commandline -ct | string replace -r '^--[a-z]+=' '' | string match -r '^.*=')
    if set -q head[1]
        string join \n -- $head(__lkr_keys)
    else
        __lkr_keys
        if commandline -ct | string match -qr '^(--[a-z]+=)?[A-Z_]'
            __lkr_variables
        else
            __lkr_wanted
        end
    end
end

# The name of a key that need not be there yet.
function __lkr_fresh
    __lkr_keys
    string split ' ' -- '@PROVIDERS@'
end

# What the pattern finds in the lines of the nearest manifest.
function __lkr_manifest
    set -l folder $PWD
    while test -n "$folder" -a ! -f "$folder/.lkr.toml"
        set folder (string replace -r '/[^/]*$' '' -- $folder)
    end
    for file in $folder/.lkr.toml $folder/.lkr.local.toml
        test -f $file -a -r $file; and string replace -rf $argv[1] '$1' <$file
    end
end

function __lkr_profiles
    __lkr_manifest '^\[profiles\.([A-Za-z0-9_-]+)[].].*'
end

function __lkr_wanted
    __lkr_manifest '^\s*([A-Z][A-Z0-9_]*)\s*=.*'
end

function __lkr_variables
    __lkr_wanted
    string split ' ' -- '@VARIABLES@'
end

# A command of the system, then what that command completes by itself.
function __lkr_commands
    __lkr_look
    set -l words
    if set -q __lkr_offset[1]
        set words (commandline -opc)
        set words (string escape -- $words[$__lkr_offset..])
    end
    complete --do-complete="$(string join ' ' -- $words (commandline -ct))"
end

"""


FILES = {"lkr.bash": bash, "_lkr": zsh, "lkr.fish": fish, "lkrsh.fish": lkrsh}


def text(make: Callable[[], str]) -> str:
    """One of FILES, with the names that are the same in all of them."""
    known = providers.builtin()
    variables = sorted({variable for each in known.values() for variable in (each.variable, *each.aliases)})
    (group,) = (command.name for command in _commands() if command.words)  # were there more, bash's test had to know
    inserts = {
        "VARIABLES": " ".join(variables), "PROVIDERS": " ".join(f"{name}:" for name in sorted(known)),
        "COMMANDS": " ".join(_names()), "VALUED": _valued(), "GROUP": group, "HIDDEN": names.OLD_BEFORE,
        "MANY": "1000",
    }  # fmt: skip
    result = make()
    for name, words in inserts.items():
        result = result.replace(f"@{name}@", words)
    return result


def main(folder: str) -> None:
    os.makedirs(folder, exist_ok=True)
    for name, make in FILES.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text(make))


if __name__ == "__main__":
    main(sys.argv[1])
