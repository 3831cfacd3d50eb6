# SPDX-License-Identifier: LGPL-2.1-or-later

"""The completion of bash. It needs nothing but bash itself."""

import values

TEMPLATE = r'''# Completion of lp2p for bash. Made from lp2p --help.

_lp2p_names ()
{
  @LIST_NAMES@
}

# _lp2p_offer LP2P WORD WHAT: WHAT is a kind of values, or the words themselves.
_lp2p_offer ()
{
  local words=$3

  case $3 in
    files | folders)
      compopt -o filenames 2>/dev/null
      [ "$3" = files ] && mapfile -t COMPREPLY < <(compgen -f -- "$2")
      [ "$3" = folders ] && mapfile -t COMPREPLY < <(compgen -d -- "$2")
      return 0
      ;;
    objects) words="host $(_lp2p_names "$1" '[^"]*')" ;;
    services) words=$(_lp2p_names "$1" service) ;;
    stores) words="file $(_lp2p_names "$1" key-store)" ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$2")
}

# Sets command to the first word that is neither an option nor the value of one.
_lp2p_find_command ()
{
  local i

  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      @TOP_TAKES@)
        i=$((i + 1))
        [ "${COMP_WORDS[i]}" != '=' ] || i=$((i + 1))
        ;;
      -* | help) ;;
      *)
        command=${COMP_WORDS[i]}
        return
        ;;
    esac
  done
}

_lp2p ()
{
  local lp2p=$1 word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=

  COMPREPLY=()
  # --key=value is three words here.
  if [ "$word" = '=' ]; then
    word=
  elif [ "$before" = '=' ] && [ "$COMP_CWORD" -ge 2 ]; then
    before=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  _lp2p_find_command

  case $command:$before in
@VALUES@
  esac
  case $command:$word in
@OPTIONS@
@ARGUMENTS@
  esac
}

complete -F _lp2p lp2p
'''


def name_option(option):
    return [option.short, option.name] if option.short else [option.name]


def list_options(options):
    return " ".join(word for option in options for word in name_option(option))


def make_values(command, options):
    for option in options:
        if not option.value:
            continue
        what = values.of_option(option)
        patterns = " | ".join(f"{command}:{word}" for word in name_option(option))
        if what is None:
            yield f"    {patterns}) return ;;"
            continue
        words = what if isinstance(what, str) else " ".join(what)
        yield f"    {patterns})\n      _lp2p_offer \"$lp2p\" \"$word\" '{words}'\n      return\n      ;;"


def make_all_values(top, commands):
    yield from make_values("*", top.options)
    for name, page in commands.items():
        yield from make_values(name, [option for option in page.options if option not in top.options])


def make_offer(pattern, what):
    return f"    {pattern}) _lp2p_offer \"$lp2p\" \"$word\" '{what}' ;;"


def make(top, commands):
    pages = {"": top, **commands}
    takes_value = [word for option in top.options if option.value for word in name_option(option)]
    arguments = [make_offer(f"{name}:*", values.of_argument(name))
                 for name in commands if values.of_argument(name)]
    arguments.append(make_offer(":*", " ".join([*commands, "help"])))
    parts = {
        "@LIST_NAMES@": values.LIST_NAMES.strip(),
        "@TOP_TAKES@": " | ".join(takes_value),
        "@VALUES@": "\n".join(make_all_values(top, commands)),
        "@OPTIONS@": "\n".join(make_offer(f"{name}:-*", list_options(page.options)) for name, page in pages.items()),
        "@ARGUMENTS@": "\n".join(arguments),
    }
    text = TEMPLATE
    for mark, part in parts.items():
        text = text.replace(mark, part)
    return text
