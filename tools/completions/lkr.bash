# shellcheck shell=bash
# Completion of lkr for bash 4.4 and later. @MADE@

_lkr_words() {
    local word
    for word; do
        [[ $word != "$current"* || " ${COMPREPLY[*]} " == *" $word "* ]] || COMPREPLY+=("$word")
    done
}

_lkr_nothing() { :; }
_lkr_options() { [[ $ended || $option || $current != -* ]] || _lkr_words "$@"; }
_lkr_files() { compopt -o default; } # readline knows about quotes and ~
_lkr_folders() { compopt -o dirnames -o filenames; }

# The names in the manifest that have a source, then those in the index: INDEX/STORE/PROVIDER/LABEL, or for
# SOURCE/PROVIDER:LABEL SOURCE~PROVIDER/LABEL. Of very many, first the providers. No loop over them.
_lkr_keys() {
    _lkr_manifest '"([a-z0-9][a-z0-9-]*/[a-z0-9][a-z0-9-]*:[a-z0-9][a-z0-9-]*)"'
    local root=${XDG_DATA_HOME:-$HOME/.local/share}/lkr/index off='' on='' each any='!(*@HIDDEN@)' want=${current/\//\~}
    local -a paths
    [[ $OSTYPE == darwin* ]] && root="${XDG_DATA_HOME:-$HOME/Library/Application Support}/lkr/index"
    for each in failglob dotglob; do
        [[ :$BASHOPTS: != *:$each:* ]] || off+=" $each"
    done
    [[ :$BASHOPTS: == *:extglob:* ]] || on=extglob
    # shellcheck disable=SC2086,SC2206
    {
        [[ ! $off ]] || shopt -u $off
        [[ ! $on ]] || shopt -s $on
        if [[ $want == *:* ]]; then
            paths=("$root"/*/"${want%%:*}"/"${want#*:}"$any)
        else
            paths=("$root"/*/"$want"*/$any)
            ((${#paths[@]} <= 1000)) || paths=("$root"/*/"$want"*/)
        fi
        [[ ! $on ]] || shopt -u $on
        [[ ! $off ]] || shopt -s $off
    }
    [[ -e ${paths-} ]] || return 0
    paths=("${paths[@]#"$root/"}")
    paths=("${paths[@]#*/}")
    paths=("${paths[@]/\//:}")
    COMPREPLY+=("${paths[@]/\~//}")
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
    for file in "$folder/.lkr.toml" "$folder/.lkr.local.toml" "$folder/.lkr/members.toml"; do
        [[ -f $file && -r $file ]] || continue
        mapfile -t -n 5000 lines <"$file"
        for line in "${lines[@]}"; do
            [[ $line =~ $1 ]] && _lkr_words "${BASH_REMATCH[1]}"
        done
    done
}
_lkr_profiles() { _lkr_manifest '^\[profiles\.([A-Za-z0-9_-]+)[].]'; }
_lkr_members() { _lkr_manifest '^([a-z0-9][a-z0-9-]*) = \{'; }
_lkr_sources() {
    local file=${XDG_CONFIG_HOME:-$HOME/.config}/lkr/config.toml line
    [[ $OSTYPE == darwin* ]] && file="${XDG_CONFIG_HOME:-$HOME/Library/Application Support}/lkr/config.toml"
    [[ -r $file ]] || return 0
    local table='^\[sources\.([a-z0-9-]+)\]' # not in the condition, which bash 3.2 could not read
    while IFS= read -r line; do
        [[ $line =~ $table ]] && _lkr_words "${BASH_REMATCH[1]}"
    done <"$file"
}
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
        # @CASES@
    esac
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
        elif [[ ! $command || ' @GROUPS@ ' == *" $command "* ]]; then
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
