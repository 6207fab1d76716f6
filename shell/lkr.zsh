# lkr for zsh 5.3 and later: loads a project's keys on entering it, and removes them on leaving.
# `lkr hook zsh` prints a preamble (where the program is) and then this file. While nothing changes between prompts,
# only builtins run, and no process starts.
#
# Child shells inherit the exported state, which holds no value of ours: LKR_STATE lists VARIABLE=key,
# LKR_OLD_VARIABLE is what an exported variable held before. What was set but not exported is in
# __lkr_old_VARIABLE, which is not exported either.

# Prepares one variable for its key's value, and saves its old value: VARIABLE KEY
# The value itself is in an assignment after this, so that no function called `typeset` ever sees it.
# False for a variable that is more than text, which stays as it is: zsh would evaluate the value of an integer.
# The order matters: even after a Ctrl-C at any moment, everything that LKR_STATE lists can be removed.
__lkr_set() {
    \builtin local __lkr_kind="${parameters[$1]:-${(tP)1-}}" __lkr_key="${2%%=*}"
    case $__lkr_kind in
        '' | scalar | scalar-export) __lkr_kind= ;;
        *readonly*) __lkr_kind=readonly ;;
        nameref*) __lkr_kind='a name reference' ;;
        array* | association*) __lkr_kind='an array' ;;
        integer*) __lkr_kind='an integer' ;;
        float*) __lkr_kind='a float' ;;
        scalar*-local*) __lkr_kind='local to a function' ;;
        *) __lkr_kind="declared as ${${__lkr_kind#scalar-}#export-}" ;;
    esac
    if [[ -n $__lkr_kind ]]; then
        \builtin print -ru2 -- "lkr: $1 is $__lkr_kind in this shell, so lkr does not set it"
        \builtin return 1
    fi
    \builtin unset "LKR_OLD_$1" "__lkr_old_$1"
    if [[ -n ${(P)1+x} ]]; then
        if [[ ${parameters[$1]} == *export* ]]; then
            \builtin typeset -gx "LKR_OLD_$1=${(P)1}"
        else
            \builtin typeset -g "__lkr_old_$1=${(P)1}"
        fi
    fi
    [[ " ${LKR_KEYS-} " == *" $__lkr_key "* ]] || \builtin typeset -gx LKR_KEYS="${LKR_KEYS:+$LKR_KEYS }$__lkr_key"
    \builtin typeset -gx LKR_STATE="${LKR_STATE:+$LKR_STATE }$1=$2"
    \builtin typeset -gx "$1"
}

# Says what was removed and loaded: words '-VARIABLE' and '+VARIABLE (key)'. Skips what did not load.
__lkr_say() {
    \builtin local __lkr_word __lkr_line=
    for __lkr_word; do
        [[ $__lkr_word != +* || " ${LKR_STATE-}" == *" ${${__lkr_word#+}%% *}="* ]] || \builtin continue
        __lkr_line+=" $__lkr_word"
    done
    [[ -z $__lkr_line ]] || \builtin print -ru2 -- "lkr:$__lkr_line"
}

# Turns commands into functions, so that lkr starts each with its own keys: MODE COMMAND...
__lkr_wrap() {
    \builtin local __lkr_mode="$1" __lkr_name
    \builtin shift
    for __lkr_name; do
        if (($+functions[$__lkr_name])); then
            \builtin print -ru2 -- "lkr: $__lkr_name is a function of yours, so lkr leaves it alone${${__lkr_mode:#exec}:+; it starts with this shell's keys}"
            \builtin continue
        fi
        __lkr_wrapped+=($__lkr_name)
        functions[$__lkr_name]="__lkr_run $__lkr_mode $__lkr_name \"\$@\""
    done
}

__lkr_run() {
    if [[ -x $__lkr_python && -e $__lkr_boot ]]; then
        "$__lkr_python" -I -S -X utf8 "$__lkr_boot" "$__lkr_site" "$@"
    else
        \builtin shift
        \command "$@"
    fi
}

# Makes direnv restore what it saved, if it loaded something while our keys were set: it may have saved one of our keys,
# which must not come back once LKR_STATE no longer lists it.
__lkr_let_go() {
    [[ -n ${LKR_STATE-} && -n ${DIRENV_DIFF-} && -z ${LKR_DIRENV+x} && $DIRENV_DIFF != "$__lkr_diff" ]] || \builtin return 0
    (($+functions[_direnv_hook])) || \builtin return 0
    \builtin eval "$(\builtin trap '' INT && \builtin cd -q / && \command direnv export zsh 2>/dev/null)"
}

# Removes what is loaded, except variables that direnv has replaced since: those wait until direnv lets go.
# __lkr_gone gets the names of what was removed.
__lkr_leave() {
    __lkr_let_go
    \builtin local __lkr_word __lkr_name __lkr_old __lkr_kept='' __lkr_todo="${LKR_STATE-}"
    for __lkr_name in $__lkr_wrapped; do # one that the user defined since is theirs
        [[ ${functions[$__lkr_name]-} != *__lkr_run* ]] || \builtin unset -f $__lkr_name
    done
    __lkr_wrapped=() __lkr_gone=''
    while [[ -n $__lkr_todo ]]; do
        __lkr_word=${__lkr_todo%% *}
        __lkr_todo=${__lkr_todo#"$__lkr_word"} __lkr_todo=${__lkr_todo# }
        __lkr_name=${__lkr_word%%=*}
        case $__lkr_name in no_proxy) ;; '' | [0-9]* | *[!A-Z0-9_]*) \builtin continue ;; esac
        case " ${LKR_DIRENV-} " in *" $__lkr_name "*)
            __lkr_kept+="${__lkr_kept:+ }$__lkr_word"
            \builtin continue
            ;;
        esac
        __lkr_old=LKR_OLD_$__lkr_name
        if [[ ${parameters[$__lkr_name]-} == *readonly* ]]; then
            \builtin typeset -g +x "$__lkr_name" 2>/dev/null
            \builtin print -ru2 -- "lkr: $__lkr_name has become readonly, so this shell keeps its key; start a new shell"
        else
            # If it has become an integer since, that goes first: or this would evaluate the old value.
            \builtin unset "$__lkr_name"
            __lkr_gone+=" -$__lkr_name"
            if [[ -n ${(P)__lkr_old+x} ]]; then
                \builtin typeset -gx "$__lkr_name=${(P)__lkr_old}"
            else
                __lkr_old=__lkr_old_$__lkr_name
                [[ -n ${(P)__lkr_old+x} ]] && \builtin typeset -g "$__lkr_name=${(P)__lkr_old}"
            fi
        fi
        LKR_STATE=$__lkr_kept${__lkr_kept:+${__lkr_todo:+ }}$__lkr_todo
        \builtin unset "LKR_OLD_$__lkr_name" "__lkr_old_$__lkr_name"
    done
    LKR_STATE=$__lkr_kept
    [[ -n $__lkr_kept ]] || \builtin unset LKR_STATE LKR_DIR LKR_KEYS
}

# Takes what `export` says about the new state: GENERATION EXPIRY QUIET PROFILE OVER, then FILE TEXT pairs.
# OVER lists variables whose key expired while this shell was in the folder.
# A text is =CONTENT, - for a missing file, or ! for a file that cannot be read or has a NUL byte.
__lkr_now() {
    __lkr_gen=$1 __lkr_until=$2 __lkr_quiet=$3 __lkr_profile=$4 __lkr_over=$5
    \builtin shift 5
    __lkr_watch=("$@")
}

# Runs at every prompt: finds the nearest manifest, and returns if the state is still right for it. It is one function,
# because this path must cost nothing. It compares whole files, so it misses no edit.
# Locals have our prefix from here on, because direnv runs inside, and its variables may have any name.
__lkr_hook() {
    \builtin emulate -LR zsh
    \builtin local __lkr_folder="$PWD" __lkr_file __lkr_text __lkr_chunk __lkr_part
    \builtin local -i __lkr_i=0 __lkr_got
    while [[ ! -e $__lkr_folder/.lkr.toml ]]; do
        if [[ $__lkr_folder == [/.] ]]; then
            __lkr_outside
            \builtin return
        fi
        __lkr_folder=${__lkr_folder:h}
    done
    if [[ $__lkr_folder == "$__lkr_at" && ${LKR_DIRENV_STATE-} == "$__lkr_held" && ${LKR_PROFILE-} == "$__lkr_profile" &&
        ( -z $__lkr_gen || -e $__lkr_generation/$__lkr_gen ) && ( -z $__lkr_until || $EPOCHSECONDS -lt $__lkr_until ) ]]; then
        for __lkr_file __lkr_text in "${(@)__lkr_watch}"; do
            if [[ -f $__lkr_file && -r $__lkr_file ]]; then
                __lkr_got=0
                \builtin sysread -s 4096 -c __lkr_got __lkr_chunk <$__lkr_file
                ((__lkr_got)) || __lkr_chunk=
                if ((__lkr_got == 4096)); then # one that comes short was the last
                    __lkr_chunk=
                    # At most 1 MiB, since a huge file would fill this shell's memory.
                    while (($#__lkr_chunk <= 1048576)) && \builtin sysread -s 65536 __lkr_part; do __lkr_chunk+=$__lkr_part; done <$__lkr_file
                    (($#__lkr_chunk <= 1048576)) || __lkr_chunk+=$'\0'x
                fi
                __lkr_chunk="=${__lkr_chunk%$'\0'}" # as in the other shells, which cannot see it at the end
                [[ $__lkr_chunk != *$'\0'* ]] || __lkr_chunk='!'
            elif [[ -e $__lkr_file ]]; then
                __lkr_chunk='!'
            else
                __lkr_chunk=-
            fi
            [[ $__lkr_chunk == "$__lkr_text" ]] || __lkr_i=1
        done
        ((__lkr_i)) || \builtin return 0
    fi
    # No trace or trap may see a key. Options and traps come back when this function returns.
    \builtin unsetopt xtrace
    \builtin functions +t +T __lkr_change __lkr_set __lkr_say __lkr_now __lkr_wrap
    \builtin trap - DEBUG ZERR
    __lkr_change $__lkr_folder
}

# Outside of projects: removes what is loaded.
__lkr_outside() {
    __lkr_at=
    \builtin unset LKR_ENDS
    if [[ -n ${LKR_STATE-}$__lkr_wrapped ]]; then
        \builtin local __lkr_before=${DIRENV_DIFF-}
        __lkr_leave
        [[ $__lkr_before == "${DIRENV_DIFF-}" ]] || _direnv_hook
        __lkr_tell_gone
    fi
}

__lkr_tell_gone() {
    if [[ -n $__lkr_gone && -z $__lkr_quiet && ${LKR_QUIET:-0} == 0 ]]; then
        \builtin print -ru2 -- "lkr:$__lkr_gone"
    fi
}

# Removes what is loaded, and asks lkr what $1, the folder of the nearest manifest, should have.
__lkr_change() {
    \builtin local __lkr_was="${LKR_STATE-}" __lkr_has_direnv= __lkr_statements
    if [[ $1 != "$__lkr_at" ]]; then
        __lkr_over=
        \builtin unset LKR_ENDS
    fi
    __lkr_at= # until it is done: Ctrl-C here means that the next prompt tries again
    [[ -n $__lkr_was$__lkr_wrapped ]] && __lkr_leave
    if (($+functions[_direnv_hook])); then
        __lkr_has_direnv=1
        # Our hook must run first, or direnv would see our keys.
        precmd_functions=(__lkr_hook ${precmd_functions:#__lkr_hook})
        chpwd_functions=(__lkr_hook ${chpwd_functions:#__lkr_hook})
        # direnv runs now, after our old keys are gone and before new ones arrive, so that it never takes a key for a
        # previous value of the shell.
        _direnv_hook
        __lkr_diff=${DIRENV_DIFF-}
    fi
    # If direnv manages this folder with `use lkr`, it sets the keys, and we handle only agents and expiry times.
    __lkr_held=${LKR_DIRENV_STATE-}
    __lkr_now - '' "$__lkr_quiet" "${LKR_PROFILE-}" "$__lkr_over"
    if [[ ! -x $__lkr_python || ! -e $__lkr_boot ]]; then
        [[ -n $__lkr_lost ]] || \builtin print -ru2 -- "lkr: the program was removed from ${(qq)__lkr_boot%/*}; after installing it again, run lkr install and open a new shell"
        [[ -z $__lkr_was ]] || __lkr_tell_gone
        __lkr_lost=1 __lkr_at=$1
        \builtin return
    fi
    # boot.py handles Ctrl-C once Python has started. Before that, it would print a traceback.
    __lkr_statements=$(\builtin trap '' INT && LKR_WAS=$__lkr_was LKR_OVER=$__lkr_over LKR_HAS_DIRENV=$__lkr_has_direnv \builtin exec "$__lkr_python" -I -S -X utf8 "$__lkr_boot" "$__lkr_site" zsh "$1" "$__lkr_version")
    \builtin eval "$__lkr_statements"
    [[ -n ${LKR_STATE-} ]] && \builtin typeset -gx LKR_DIR="$1"
    __lkr_at=$1
}

if ((${+functions[builtin]})); then
    \print -ru2 -- 'lkr: builtin is a function in this shell, so lkr cannot work; run unset -f builtin'
else () {
    \builtin emulate -LR zsh
    if [[ $ZSH_VERSION != (5.<3->*|<6->.*) ]]; then
        \builtin print -ru2 -- "lkr: zsh $ZSH_VERSION is too old; lkr needs 5.3 or later"
        \builtin return
    fi
    \builtin zmodload zsh/system zsh/parameter
    # A variable of that name from the environment would hide the clock.
    [[ ${(t)EPOCHSECONDS-} == *special* ]] || \builtin unset EPOCHSECONDS
    \builtin zmodload -F zsh/datetime p:EPOCHSECONDS
    \builtin typeset -g __lkr_at= __lkr_lost= __lkr_over= __lkr_gen= __lkr_until= __lkr_quiet= __lkr_profile= __lkr_held= __lkr_gone= __lkr_diff=${DIRENV_DIFF-}
    \builtin typeset -ga __lkr_watch __lkr_wrapped
    __lkr_watch=()
    \builtin typeset -ga precmd_functions chpwd_functions
    (($precmd_functions[(Ie)__lkr_hook])) || precmd_functions=(__lkr_hook $precmd_functions)
    (($chpwd_functions[(Ie)__lkr_hook])) || chpwd_functions=(__lkr_hook $chpwd_functions)
}; fi
