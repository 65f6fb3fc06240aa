# Completion of `corbel` for bash. It asks the command itself, so it knows what the command knows.

_corbel_complete()
{
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} choices
    COMPREPLY=()
    if ((COMP_CWORD == 1)); then
        choices="help $(corbel help | sed -n '/^Commands/,/^$/s/^  \([a-z]*\) .*/\1/p')"
    elif [[ $word == -* ]]; then
        choices=$(corbel "${COMP_WORDS[1]}" --help | sed -n 's/^  \(--[a-z-]*\).*/\1/p')
    else
        case $previous in
        --device-map) choices="auto $(corbel devices | sed -n 's/^name *//p')" ;;
        --dtype) choices="auto float32 float16 bfloat16" ;;
        --format) choices="text dot binary json" ;;
        *)
            mapfile -t COMPREPLY < <(compgen -f -- "$word")
            return
            ;;
        esac
    fi
    mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word")
}
complete -o filenames -F _corbel_complete corbel
