# shellcheck shell=bash
# The preamble before this file sets the variables below, or they are for child processes.
# shellcheck disable=SC2154,SC2034
# lkr for bash 4.4 and later: loads a project's keys at prompts inside it, and removes them outside.
# `lkr hook bash` prints a preamble (where the program is) and then this file. While nothing changes between prompts,
# only builtins run, and no process starts.
#
# Child shells inherit the exported state, which holds no value of ours: LKR_STATE lists VARIABLE=key,
# LKR_OLD_VARIABLE is what an exported variable held before. What was set but not exported is in
# __lkr_old_VARIABLE, which is not exported either.
#
# No function here assigns a whole array, as in x=(…) or x+=(…). bash parses what is in those parentheses as a new input,
# and if Ctrl-C comes then, it goes on reading that input instead of the terminal, and exits at its end.

# Prepares one variable for its key's value, and saves its old value: VARIABLE KEY
# The value itself is in an assignment after this, so that no function called `export` or `printf` ever sees it.
# False for a variable that is more than text, which stays as it is: bash would evaluate the value of an integer.
# The order matters: even after a Ctrl-C at any moment, everything that LKR_STATE lists can be removed.
__lkr_set() {
    \builtin local __lkr_old=__lkr_old_$1 __lkr_kind='' __lkr_key=${2%%=*}
    if \builtin test -R "$1"; then # first: to ask for its value may run code. Not [[ ]]: bash 3.2 must read this
        __lkr_kind='a name reference'
    else
        case ${!1@a} in
            '') [[ ${!1+x} ]] || ! \builtin declare -p "$1" >/dev/null 2>&1 || __lkr_kind='declared without a value' ;;
            x) __lkr_old=LKR_OLD_$1 ;;
            *r*) __lkr_kind='readonly' ;;
            *[aA]*) __lkr_kind='an array' ;;
            *i*) __lkr_kind='an integer' ;;
            *) __lkr_kind="declared with -${!1@a}" ;;
        esac
    fi
    if [[ $__lkr_kind ]]; then
        \builtin printf 'lkr: %s is %s in this shell, so lkr does not set it\n' "$1" "$__lkr_kind" >&2
        \builtin return 1
    fi
    \builtin unset -v "LKR_OLD_$1" "__lkr_old_$1"
    [[ ! ${!1+x} ]] || \builtin printf -v "$__lkr_old" %s "${!1}"
    [[ $__lkr_old != LKR_* || ! ${!1+x} ]] || \builtin export "${__lkr_old?}"
    [[ " ${LKR_KEYS-} " == *" $__lkr_key "* ]] || \builtin export LKR_KEYS="${LKR_KEYS:+$LKR_KEYS }$__lkr_key"
    \builtin export LKR_STATE="${LKR_STATE:+$LKR_STATE }$1=$2"
    \builtin export "${1?}"
}

# Says what was removed and loaded: words '-VARIABLE' and '+VARIABLE (key)'. Skips what did not load.
__lkr_say() {
    \builtin local __lkr_word __lkr_name __lkr_line=
    for __lkr_word; do
        if [[ $__lkr_word == +* ]]; then
            __lkr_name=${__lkr_word#+} __lkr_name=${__lkr_name%% *}
            [[ " ${LKR_STATE-}" == *" $__lkr_name="* ]] || \builtin continue
        fi
        __lkr_line+=" $__lkr_word"
    done
    [[ ! $__lkr_line ]] || \builtin printf 'lkr:%s\n' "$__lkr_line" >&2
}

# Turns commands into functions, so that lkr starts each with its own keys: MODE COMMAND...
__lkr_wrap() {
    \builtin local __lkr_mode=$1 __lkr_name __lkr_but
    \builtin shift
    for __lkr_name; do
        __lkr_but=
        if \builtin declare -F "$__lkr_name" >/dev/null; then
            __lkr_but='is a function of yours, so lkr leaves it alone'
        elif [[ :$SHELLOPTS: == *:posix:* && $__lkr_name == *[!A-Za-z0-9_]* ]]; then
            __lkr_but='cannot be the name of a function in posix mode'
        fi
        if [[ $__lkr_but ]]; then
            [[ $__lkr_mode == exec ]] || __lkr_but+="; it starts with this shell's keys"
            \builtin printf 'lkr: %s %s\n' "$__lkr_name" "$__lkr_but" >&2
            \builtin continue
        fi
        __lkr_wrapped[${#__lkr_wrapped[@]}]=$__lkr_name
        # The function contains the name as a word, so that `jobs` shows it and `fg %?claude` finds it.
        \builtin eval "function $__lkr_name {
            if [[ -x \$__lkr_python && -e \$__lkr_boot ]]; then
                \"\$__lkr_python\" -I -S -X utf8 \"\$__lkr_boot\" \"\$__lkr_site\" $__lkr_mode $__lkr_name \"\$@\"
            else
                \\builtin command $__lkr_name \"\$@\"
            fi
        }"
    done
}

# Makes direnv restore what it saved, if it loaded something while our keys were set: it may have saved one of our keys,
# which must not come back once LKR_STATE no longer lists it.
__lkr_let_go() {
    [[ ${LKR_STATE-} && ${DIRENV_DIFF-} && ! ${LKR_DIRENV+x} && $DIRENV_DIFF != "$__lkr_diff" ]] || \builtin return 0
    \builtin declare -F _direnv_hook >/dev/null || \builtin return 0
    \builtin eval "$(\builtin trap '' INT && \builtin cd / && \builtin command direnv export bash 2>/dev/null)"
}

# Removes what is loaded, except variables that direnv has replaced since: those wait until direnv lets go.
# __lkr_gone gets the names of what was removed.
__lkr_leave() {
    [[ ! ${__lkr_wrapped-} ]] || __lkr_unwrap
    __lkr_let_go
    __lkr_gone='' __lkr_kept='' __lkr_todo=${LKR_STATE-}
    while [[ $__lkr_todo ]]; do
        __lkr_word=${__lkr_todo%% *}
        __lkr_todo=${__lkr_todo#"$__lkr_word"} __lkr_todo=${__lkr_todo# }
        __lkr_name=${__lkr_word%%=*}
        case $__lkr_name in no_proxy) ;; '' | [0-9]* | *[!A-Z0-9_]*) \builtin continue ;; esac
        if [[ ${LKR_DIRENV-} && " $LKR_DIRENV " == *" $__lkr_name "* ]]; then
            __lkr_kept+="${__lkr_kept:+ }$__lkr_word"
            \builtin continue
        fi
        # If it has become a reference or an integer since, that goes first: or this would set another one, or evaluate it.
        ! \builtin test -R "$__lkr_name" || \builtin unset -n "$__lkr_name"
        __lkr_old=LKR_OLD_$__lkr_name
        if ! \builtin unset -v "$__lkr_name" 2>/dev/null; then
            \builtin export -n "${__lkr_name?}"
            \builtin printf 'lkr: %s has become readonly, so this shell keeps its key; start a new shell\n' "$__lkr_name" >&2
        else
            __lkr_gone+=" -$__lkr_name"
            if [[ ${!__lkr_old+x} ]]; then
                \builtin export "$__lkr_name=${!__lkr_old}"
            else
                __lkr_old=__lkr_old_$__lkr_name
                [[ ! ${!__lkr_old+x} ]] || \builtin printf -v "$__lkr_name" %s "${!__lkr_old}"
            fi
        fi
        LKR_STATE=$__lkr_kept${__lkr_kept:+${__lkr_todo:+ }}$__lkr_todo
        \builtin unset -v "LKR_OLD_$__lkr_name" "__lkr_old_$__lkr_name"
    done
    LKR_STATE=$__lkr_kept
    [[ $__lkr_kept ]] || \builtin unset -v LKR_STATE LKR_DIR LKR_KEYS
}

# Removes our functions, but not one that the user has redefined. Before 5.3, bash shows the text of a function only to
# another process. So leaving starts a copy of bash if there are such functions.
__lkr_unwrap() {
    \builtin local __lkr_name __lkr_texts __lkr_text
    if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 503)); then
        __lkr_texts=$(__lkr_bodies)
    else
        \builtin eval '__lkr_texts=${ __lkr_bodies; }'
    fi
    for __lkr_name in "${__lkr_wrapped[@]}"; do
        __lkr_texts=${__lkr_texts#$'\1'}
        __lkr_text=${__lkr_texts%%$'\1'*}
        __lkr_texts=${__lkr_texts#"$__lkr_text"}
        [[ $__lkr_text != "$__lkr_name "*"\$__lkr_boot"* ]] || \builtin unset -f "$__lkr_name"
    done
    \builtin unset -v __lkr_wrapped
}

__lkr_bodies() {
    for __lkr_name in "${__lkr_wrapped[@]}"; do
        \builtin printf '\1'
        \builtin declare -f -- "$__lkr_name"
    done
}

# Takes what `export` says about the new state: GENERATION EXPIRY QUIET PROFILE OVER, then FILE TEXT pairs.
# OVER lists variables whose key expired while this shell was in the folder.
# A text is =CONTENT, - for a missing file, or ! for a file that cannot be read or has a NUL byte.
__lkr_now() {
    __lkr_gen=$1 __lkr_until=$2 __lkr_quiet=$3 __lkr_profile=$4 __lkr_over=$5
    \builtin shift 5
    __lkr_i=0
    \builtin unset -v __lkr_files __lkr_texts
    while (($#)); do
        __lkr_files[__lkr_i]=$1 __lkr_texts[__lkr_i++]=$2
        \builtin shift 2
    done
}

# Runs at every prompt: finds the nearest manifest, and returns if the state is still right for it. It is one function
# without locals, because this path must cost nothing. It compares whole files, so it misses no edit.
__lkr_hook() {
    __lkr_status=$?
    case $- in
        *[aekuvxET]*) # e: a failing hook would end the shell. v, x, E, T: would show a key to a trace or a trap
            [[ $- == *e* ]] && __lkr_status=0
            \builtin local -
            \builtin set +aekuvxET
            ;;
    esac
    __lkr_aside=${LKR_DIRENV+1} __lkr_folder=$PWD
    while [[ ! -e $__lkr_folder/.lkr.toml ]]; do
        if [[ ! $__lkr_folder ]]; then
            __lkr_outside
            \builtin return "$__lkr_status"
        fi
        __lkr_folder=${__lkr_folder%/*}
    done
    __lkr_folder=${__lkr_folder:-/}
    __lkr_text=${EPOCHSECONDS-} # bash 5
    [[ $__lkr_text || ! $__lkr_until ]] || \builtin printf -v __lkr_text '%(%s)T' -1
    # With nocasematch, x equals X, and [[ ]] cannot compare exactly.
    # shellcheck disable=SC2050
    if [[ $__lkr_folder == "$__lkr_at" && ${LKR_DIRENV_STATE-} == "$__lkr_held" && ${LKR_PROFILE-} == "$__lkr_profile" &&
        (! $__lkr_gen || -e $__lkr_generation/$__lkr_gen) && (! $__lkr_until || $__lkr_text -lt $__lkr_until) ]] &&
        { [[ x != X ]] || \builtin test "$__lkr_folder//${LKR_PROFILE-}" = "$__lkr_at//$__lkr_profile"; }; then
        __lkr_i=0
        for __lkr_file in "${__lkr_files[@]}"; do
            if [[ -f $__lkr_file && -r $__lkr_file ]]; then
                # At most 1 MiB, since a huge file would fill this shell's memory. A longer file, or one with a NUL,
                # counts as one that cannot be read.
                if {
                    IFS= \builtin read -r -d '' -n 1048577 __lkr_text &&
                        { IFS= \builtin read -r -d '' -n 1 __lkr_more || [[ $__lkr_more ]]; }
                } <"$__lkr_file"; then
                    __lkr_text='!'
                else
                    __lkr_text="=$__lkr_text"
                fi
            elif [[ -e $__lkr_file ]]; then
                __lkr_text='!'
            else
                __lkr_text=-
            fi
            if [[ $__lkr_text != "${__lkr_texts[__lkr_i++]}" ]] ||
                { [[ x == X ]] && ! \builtin test "$__lkr_text" = "${__lkr_texts[__lkr_i - 1]}"; }; then
                __lkr_i=1000000
            fi
        done
        ((__lkr_i < 1000000)) && \builtin return "$__lkr_status"
    fi
    \builtin declare -f +t __lkr_change __lkr_set __lkr_say __lkr_now __lkr_wrap # nor are they traced one by one
    __lkr_change "$__lkr_folder"
    \builtin return "$__lkr_status"
}

# Outside of projects: removes what is loaded. Locals have our prefix from here on, because direnv runs inside, and its
# variables may have any name.
__lkr_outside() {
    __lkr_at=
    \builtin unset -v LKR_ENDS
    if [[ ${LKR_STATE-}${__lkr_wrapped-} ]]; then
        \builtin local __lkr_before=${DIRENV_DIFF-}
        __lkr_leave
        [[ $__lkr_before == "${DIRENV_DIFF-}" ]] || _direnv_hook
        __lkr_tell_gone
    fi
}

__lkr_tell_gone() {
    if [[ $__lkr_gone && ! $__lkr_quiet && ${LKR_QUIET:-0} == 0 ]]; then
        \builtin printf 'lkr:%s\n' "$__lkr_gone" >&2
    fi
}

# Removes what is loaded, and asks lkr what $1, the folder of the nearest manifest, should have.
__lkr_change() {
    \builtin local __lkr_was="${LKR_STATE-}" __lkr_has_direnv='' __lkr_statements
    if [[ $1 != "$__lkr_at" ]]; then
        __lkr_over=
        \builtin unset -v LKR_ENDS
    fi
    __lkr_at= # until it is done: Ctrl-C here means that the next prompt tries again
    [[ $__lkr_was${__lkr_wrapped-} ]] && __lkr_leave
    if \builtin declare -F _direnv_hook >/dev/null; then
        __lkr_has_direnv=1
        case ${PROMPT_COMMAND[*]} in *_direnv_hook*__lkr_hook*) # ours is to come first, or direnv would see our keys
            for __lkr_i in "${!PROMPT_COMMAND[@]}"; do
                PROMPT_COMMAND[__lkr_i]=${PROMPT_COMMAND[__lkr_i]/__lkr_hook/:}
            done
            # shellcheck disable=SC2178,SC2128  # for an array, this is its first item
            PROMPT_COMMAND="__lkr_hook;$PROMPT_COMMAND"
            ;;
        esac
        # direnv runs now, after our old keys are gone and before new ones arrive, so that it never takes a key for a
        # previous value of the shell.
        _direnv_hook
        __lkr_diff=${DIRENV_DIFF-}
    fi
    # If direnv manages this folder with `use lkr`, it sets the keys, and we handle only agents and expiry times.
    __lkr_aside=${LKR_DIRENV+1} __lkr_held=${LKR_DIRENV_STATE-}
    __lkr_now - '' "$__lkr_quiet" "${LKR_PROFILE-}" "$__lkr_over"
    if [[ ! -x $__lkr_python || ! -e $__lkr_boot ]]; then
        [[ $__lkr_lost ]] || \builtin printf 'lkr: the program was removed from %q; after installing it again, run lkr install and open a new shell\n' "${__lkr_boot%/*}" >&2
        [[ ! $__lkr_was ]] || __lkr_tell_gone
        __lkr_lost=1 __lkr_at=$1
        \builtin return
    fi
    # boot.py handles Ctrl-C once Python has started. Before that, it would print a traceback.
    __lkr_statements=$(\builtin trap '' INT && LKR_WAS=$__lkr_was LKR_OVER=$__lkr_over LKR_HAS_DIRENV=$__lkr_has_direnv \builtin exec "$__lkr_python" -I -S -X utf8 "$__lkr_boot" "$__lkr_site" bash "$1" "$__lkr_version")
    \builtin eval "$__lkr_statements"
    [[ ${LKR_STATE-} ]] && \builtin export LKR_DIR="$1"
    __lkr_at=$1
}

# Runs after direnv at the same prompt: it may have left the folder that we left to it.
__lkr_late() {
    case $__lkr_aside${LKR_DIRENV+x} in 1) __lkr_hook ;; esac
}

\builtin printf -v __lkr_at works
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
    \builtin printf 'lkr: bash %s is too old; lkr needs 4.4 or later\n' "$BASH_VERSION" >&2
elif [[ ${__lkr_at-} != works ]]; then
    \printf 'lkr: builtin is a function in this shell, so lkr cannot work; run unset -f builtin\n' >&2
else
    # __lkr_wrapped stays if it lists something, or a second eval of this would take our functions for the user's.
    [[ ${__lkr_wrapped-} ]] || \builtin unset -v __lkr_wrapped
    \builtin unset -v __lkr_files __lkr_texts
    __lkr_at='' __lkr_aside='' __lkr_lost='' __lkr_over='' __lkr_gen='' __lkr_until='' __lkr_quiet='' __lkr_profile='' __lkr_held='' __lkr_diff=${DIRENV_DIFF-}
    case " ${PROMPT_COMMAND[*]-} " in
        *__lkr_hook*) ;;
        *)
            # shellcheck disable=SC2178,SC2128
            PROMPT_COMMAND="__lkr_hook${PROMPT_COMMAND:+;$PROMPT_COMMAND}"
            if [[ ${PROMPT_COMMAND@a} == *a* ]]; then
                PROMPT_COMMAND+=(__lkr_late)
            else
                # shellcheck disable=SC2179  # here it is a string
                PROMPT_COMMAND+=$'\n__lkr_late'
            fi
            ;;
    esac
fi
