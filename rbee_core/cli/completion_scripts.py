"""The completion scripts of the shells: each asks ``rbee`` for candidates and hands them to its shell as they are.

What is asked for goes over in the environment: ``_RBEE_COMPLETE=complete_SHELL``, and ``_TYPER_COMPLETE_ARGS``, the
command line up to the cursor. Back comes one candidate a line, in zsh and fish with a tab and a description.
A candidate is never evaluated; where there is none, files are completed.
"""

from __future__ import annotations

# COMP_WORDBREAKS cuts `ollama:llama` in three: the whole line goes over, and with it the word that bash will replace.
BASH = r"""_rbee_completion() {
    local line word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    while IFS= read -r line; do
        COMPREPLY+=("$line")
    done < <(env _RBEE_COMPLETE=complete_bash _RBEE_WORD="$word" \
        _TYPER_COMPLETE_ARGS="${COMP_LINE:0:COMP_POINT}" "${1/#\~/$HOME}" 2>/dev/null)
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:/] ]]; then
        compopt -o nospace 2>/dev/null
    fi
}

complete -o default -F _rbee_completion rbee
"""

ZSH = r"""#compdef rbee

_rbee_completion() {
    local line value
    local -a whole open whole_shown open_shown
    while IFS= read -r line; do
        value=${line%%$'\t'*}
        [[ $line == *$'\t'* ]] && line="$value  -- ${line#*$'\t'}"
        if [[ $value == *[:/] ]]; then
            open+=("$value") open_shown+=("$line")
        else
            whole+=("$value") whole_shown+=("$line")
        fi
    done < <(env _RBEE_COMPLETE=complete_zsh _TYPER_COMPLETE_ARGS="${(j: :)words[1,CURRENT-1]} $PREFIX" \
        "${${(Q)words[1]}/#\~/$HOME}" 2>/dev/null)
    if (( ${#whole} + ${#open} == 0 )); then
        compset -P '*='
        _files
        return
    fi
    (( ${#whole} )) && compadd -l -d whole_shown -a whole
    (( ${#open} )) && compadd -l -S '' -d open_shown -a open
}

if [[ ${zsh_eval_context[-1]} == loadautofunc ]]; then
    _rbee_completion "$@"
else
    compdef _rbee_completion rbee
fi
"""

FISH = r"""function __rbee_complete
    set -lx _RBEE_COMPLETE complete_fish
    set -lx _TYPER_COMPLETE_ARGS (commandline -cp | string collect)
    set -l found (command rbee 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end

complete --command rbee --no-files --arguments '(__rbee_complete)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
