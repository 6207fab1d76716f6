# shellcheck shell=bash
# The variables below are set by the preamble that precedes this file, or are for child processes.
# shellcheck disable=SC2154,SC2034
# lkr for bash 4.4 and later: loads a project's keys at the prompt inside it, takes them back outside.
# `lkr hook bash` prints a preamble (where the program is) and then this file. Between prompts in the same
# state only builtins run: no process starts.
#
# The state that child shells inherit is exported and holds no value of ours: LKR_STATE lists VARIABLE=key,
# LKR_OLD_VARIABLE is what an exported variable held before. What was set but not exported is in
# __lkr_old_VARIABLE, which is not exported either.

# Gets one variable ready for its key's value, and saves what it held: VARIABLE KEY
# The value itself is in an assignment after this, so that no function called `export` or `printf` ever sees it.
# False for a variable that is more than text, which is left alone: bash would evaluate the value of an integer.
# The order matters: whatever instant Ctrl-C picks, what LKR_STATE lists can be taken back.
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
        \builtin printf 'lkr: %s is %s in this shell, left alone\n' "$1" "$__lkr_kind" >&2
        \builtin return 1
    fi
    \builtin unset -v "LKR_OLD_$1" "__lkr_old_$1"
    [[ ! ${!1+x} ]] || \builtin printf -v "$__lkr_old" %s "${!1}"
    [[ $__lkr_old != LKR_* || ! ${!1+x} ]] || \builtin export "${__lkr_old?}"
    [[ " ${LKR_KEYS-} " == *" $__lkr_key "* ]] || \builtin export LKR_KEYS="${LKR_KEYS:+$LKR_KEYS }$__lkr_key"
    \builtin export LKR_STATE="${LKR_STATE:+$LKR_STATE }$1=$2"
    \builtin export "${1?}"
}

# Says what went and what came: words '-VARIABLE' and '+VARIABLE (key)'. What is not loaded is not said.
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

# Makes functions of commands, that the program starts with what is theirs: MODE COMMAND...
__lkr_wrap() {
    \builtin local __lkr_mode=$1 __lkr_name __lkr_but
    \builtin shift
    for __lkr_name; do
        __lkr_but=
        if \builtin declare -F "$__lkr_name" >/dev/null; then
            __lkr_but='is a function of yours, left alone'
        elif [[ :$SHELLOPTS: == *:posix:* && $__lkr_name == *[!A-Za-z0-9_]* ]]; then
            __lkr_but='is no name of a function in posix mode'
        fi
        if [[ $__lkr_but ]]; then
            [[ $__lkr_mode == exec ]] || __lkr_but+=": it starts with this shell's keys"
            \builtin printf 'lkr: %s %s\n' "$__lkr_name" "$__lkr_but" >&2
            \builtin continue
        fi
        __lkr_wrapped+=("$__lkr_name")
        # The names stand in it as words, so that `jobs` tells the one from the other and `fg %?claude` finds it.
        \builtin eval "function $__lkr_name {
            if [[ -x \$__lkr_python && -e \$__lkr_boot ]]; then
                \"\$__lkr_python\" -I -S -X utf8 \"\$__lkr_boot\" \"\$__lkr_site\" $__lkr_mode $__lkr_name \"\$@\"
            else
                \\builtin command $__lkr_name \"\$@\"
            fi
        }"
    done
}

# Has direnv put back what it found, where it has loaded anything while our keys were there: one may be among that, and
# is to be there only as long as LKR_STATE lists it.
__lkr_let_go() {
    [[ ${LKR_STATE-} && ${DIRENV_DIFF-} && ! ${LKR_DIRENV+x} && $DIRENV_DIFF != "$__lkr_diff" ]] || \builtin return 0
    \builtin declare -F _direnv_hook >/dev/null || \builtin return 0
    \builtin eval "$(\builtin trap '' INT && \builtin cd / && \builtin command direnv export bash 2>/dev/null)"
}

# Takes back what is loaded, except what direnv has set over it since; that waits for direnv to let go.
# The names of what went are in __lkr_gone.
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
        # A reference or an integer that it has become since goes first, or this would set another or evaluate it.
        ! \builtin test -R "$__lkr_name" || \builtin unset -n "$__lkr_name"
        __lkr_old=LKR_OLD_$__lkr_name
        if ! \builtin unset -v "$__lkr_name" 2>/dev/null; then
            \builtin export -n "${__lkr_name?}"
            \builtin printf 'lkr: %s has become readonly, this shell keeps its key; start a new one\n' "$__lkr_name" >&2
        elif [[ ${!__lkr_old+x} ]]; then
            \builtin export "$__lkr_name=${!__lkr_old}"
        else
            __lkr_old=__lkr_old_$__lkr_name
            [[ ! ${!__lkr_old+x} ]] || \builtin printf -v "$__lkr_name" %s "${!__lkr_old}"
        fi
        LKR_STATE=$__lkr_kept${__lkr_kept:+${__lkr_todo:+ }}$__lkr_todo
        \builtin unset -v "LKR_OLD_$__lkr_name" "__lkr_old_$__lkr_name"
        __lkr_gone+=" -$__lkr_name"
    done
    LKR_STATE=$__lkr_kept
    [[ $__lkr_kept ]] || \builtin unset -v LKR_STATE LKR_DIR LKR_KEYS
}

# Takes our functions back; one that the user defined since is theirs. Before 5.3 bash tells only another process what a
# function does: a copy of itself, which leaving starts where there are such functions.
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
    __lkr_wrapped=()
}

__lkr_bodies() {
    for __lkr_name in "${__lkr_wrapped[@]}"; do
        \builtin printf '\1'
        \builtin declare -f -- "$__lkr_name"
    done
}

# What `export` says about the state it leaves: GENERATION EXPIRY QUIET PROFILE OVER, then FILE TEXT pairs.
# OVER lists variables whose key's own time ran out while this shell was in the folder.
# A text is =CONTENT, - for no such file, ! for one that cannot be read or has a NUL byte in it.
__lkr_now() {
    __lkr_gen=$1 __lkr_until=$2 __lkr_quiet=$3 __lkr_profile=$4 __lkr_over=$5
    \builtin shift 5
    __lkr_files=() __lkr_texts=()
    while (($#)); do
        __lkr_files+=("$1") __lkr_texts+=("$2")
        \builtin shift 2
    done
}

# At every prompt: finds the nearest manifest and, when the state is still the right one for it, is done. All in
# one function and without locals, since this is the path that must cost nothing. Files are compared whole: no edit
# is missed.
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
    # x is X where nocasematch is set: then [[ ]] is not enough to compare with.
    # shellcheck disable=SC2050
    if [[ $__lkr_folder == "$__lkr_at" && ${LKR_DIRENV_STATE-} == "$__lkr_held" && ${LKR_PROFILE-} == "$__lkr_profile" &&
        (! $__lkr_gen || -e $__lkr_generation/$__lkr_gen) && (! $__lkr_until || $__lkr_text -lt $__lkr_until) ]] &&
        { [[ x != X ]] || \builtin test "$__lkr_folder//${LKR_PROFILE-}" = "$__lkr_at//$__lkr_profile"; }; then
        __lkr_i=0
        for __lkr_file in "${__lkr_files[@]}"; do
            if [[ -f $__lkr_file && -r $__lkr_file ]]; then
                # No more than 1 MiB, or somebody's huge file would take this shell's memory. More after that, or
                # after a NUL, makes the file one that cannot be read.
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

# Where no manifest is: takes back what is loaded. The locals from here on have our prefix: direnv has its turn in here,
# and its variables may be called anything.
__lkr_outside() {
    __lkr_at=
    \builtin unset -v LKR_ENDS
    if [[ ${LKR_STATE-}${__lkr_wrapped-} ]]; then
        \builtin local __lkr_before=${DIRENV_DIFF-}
        __lkr_leave
        [[ $__lkr_before == "${DIRENV_DIFF-}" ]] || _direnv_hook
        if [[ $__lkr_gone && ! $__lkr_quiet && ${LKR_QUIET:-0} == 0 ]]; then
            \builtin printf 'lkr:%s\n' "$__lkr_gone" >&2
        fi
    fi
}

# Takes back what is loaded and has the program say what $1, the folder of the nearest manifest, should have.
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
            # shellcheck disable=SC2178,SC2128  # of an array that is the first one
            PROMPT_COMMAND="__lkr_hook;$PROMPT_COMMAND"
            ;;
        esac
        # Its turn is now: after what was ours has gone and before anything of ours comes, so that it never takes a key
        # for what the shell had before.
        _direnv_hook
        __lkr_diff=${DIRENV_DIFF-}
    fi
    # Where direnv holds this folder, by `use lkr`, it has the keys, and the agents' functions and the time are ours.
    __lkr_aside=${LKR_DIRENV+1} __lkr_held=${LKR_DIRENV_STATE-}
    __lkr_now - '' "$__lkr_quiet" "${LKR_PROFILE-}" "$__lkr_over"
    if [[ ! -x $__lkr_python || ! -e $__lkr_boot ]]; then
        [[ $__lkr_lost ]] || \builtin printf 'lkr: the program is gone from %q; run lkr hook again\n' "${__lkr_boot%/*}" >&2
        __lkr_lost=1 __lkr_at=$1
        \builtin return
    fi
    # Ctrl-C is for boot.py to take up, once Python has started: before that it would print a traceback.
    __lkr_statements=$(\builtin trap '' INT && LKR_WAS=$__lkr_was LKR_OVER=$__lkr_over LKR_HAS_DIRENV=$__lkr_has_direnv \builtin exec "$__lkr_python" -I -S -X utf8 "$__lkr_boot" "$__lkr_site" bash "$1" "$__lkr_version")
    \builtin eval "$__lkr_statements"
    [[ ${LKR_STATE-} ]] && \builtin export LKR_DIR="$1"
    __lkr_at=$1
}

# After direnv's turn at the same prompt: it may just have let go of the folder that we stood aside for.
__lkr_late() {
    case $__lkr_aside${LKR_DIRENV+x} in 1) __lkr_hook ;; esac
}

\builtin printf -v __lkr_at works
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] < 404)); then
    \builtin printf 'lkr: bash %s is too old, 4.4 or later is needed\n' "$BASH_VERSION" >&2
elif [[ ${__lkr_at-} != works ]]; then
    \printf 'lkr: builtin is a function in this shell, nothing works with that; unset -f builtin\n' >&2
else
    [[ ${__lkr_wrapped-} ]] || __lkr_wrapped=() # or a second eval of this would take our functions for the user's
    __lkr_at='' __lkr_aside='' __lkr_lost='' __lkr_over='' __lkr_files=() __lkr_texts=() __lkr_gen='' __lkr_until='' __lkr_quiet='' __lkr_profile='' __lkr_held='' __lkr_diff=${DIRENV_DIFF-}
    case " ${PROMPT_COMMAND[*]-} " in
        *__lkr_hook*) ;;
        *)
            # shellcheck disable=SC2178,SC2128
            PROMPT_COMMAND="__lkr_hook${PROMPT_COMMAND:+;$PROMPT_COMMAND}"
            if [[ ${PROMPT_COMMAND@a} == *a* ]]; then
                PROMPT_COMMAND+=(__lkr_late)
            else
                # shellcheck disable=SC2179  # a string here
                PROMPT_COMMAND+=$'\n__lkr_late'
            fi
            ;;
    esac
fi
