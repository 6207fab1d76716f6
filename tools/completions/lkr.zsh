#compdef lkr lkrsh
# Completion of lkr for zsh. @MADE@

# The names in the manifest that have a source, then those in the index: INDEX/STORE/PROVIDER/LABEL, or for
# SOURCE/PROVIDER:LABEL SOURCE~PROVIDER/LABEL. Of very many, first the providers.
_lkr_keys() {
    local root=${XDG_DATA_HOME:-$HOME/.local/share}/lkr/index
    [[ $OSTYPE == darwin* ]] && root="${XDG_DATA_HOME:-$HOME/Library/Application Support}/lkr/index"
    local -a names
    local want=${PREFIX/\//\~}
    _lkr_manifest '"([a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*:[a-z0-9][a-z0-9-]*)"' "$@"
    if [[ $want == *:* ]]; then
        names=($root/*/${want%%:*}/${want#*:}*(N))
    else
        names=($root/*/*/*(N))
        if (($#names > 1000)); then
            names=($root/*/*(N:t))
            compadd "$@" -S : -- ${names/\~/\/}
            return
        fi
    fi
    names=(${names#$root/*/})
    names=(${${${names:#*@HIDDEN@}/\//:}/\~/\/})
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
    for file in $folder/.lkr.toml $folder/.lkr.local.toml $folder/.lkr/members.toml; do
        [[ -f $file && -r $file ]] || continue
        for line in ${(f)"$(<$file)"}; do [[ $line =~ $pattern ]] && found+=($match[1]); done
    done
    compadd "$@" -a found
}
_lkr_profiles() { _lkr_manifest '^\[profiles\.([A-Za-z0-9_-]+)[].]' "$@" }
_lkr_members() { _lkr_manifest '^([a-z0-9][a-z0-9-]*) = \{' "$@" }
_lkr_sources() {
    local file=${XDG_CONFIG_HOME:-$HOME/.config}/lkr/config.toml line
    [[ $OSTYPE == darwin* ]] && file="${XDG_CONFIG_HOME:-$HOME/Library/Application Support}/lkr/config.toml"
    local -a found match mbegin mend
    [[ -r $file ]] || return 1
    for line in ${(f)"$(<$file)"}; do [[ $line =~ '^\[sources\.([a-z0-9-]+)\]' ]] && found+=($match[1]); done
    compadd "$@" -a found
}
_lkr_wanted() { _lkr_manifest '^[[:space:]]*([A-Z][A-Z0-9_]*)[[:space:]]*=' "$@" }
_lkr_variables() {
    _lkr_wanted "$@"
    compadd "$@" -- @VARIABLES@
}

_lkr_one() {
    case $1 in
        # @CASES@
    esac
}

_lkr() {
    local -a ours
    ours=(
        # @DESCRIPTIONS@
    )
    local context state line
    _arguments -C '(- *)'{-h,--help}'[Show the help]' '(- *)--version[Show the version]' \
        '1: :->command' '*:: :->argument'
    case $state in
        command) _describe command ours ;; # not `commands`, which is zsh's own
        argument) _lkr_one $words[1] ;;
    esac
}

_lkr "$@"
