# SPDX-License-Identifier: LGPL-2.1-or-later

"""The completion of zsh."""

import values

TEMPLATE = r'''#compdef lp2p
# Completion of lp2p for zsh. Made from lp2p --help.

_lp2p_names ()
{
  @LIST_NAMES@
}

_lp2p_objects ()
{
  compadd host ${(f)"$(_lp2p_names lp2p '[^"]*')"}
}

_lp2p_services ()
{
  compadd ${(f)"$(_lp2p_names lp2p service)"}
}

_lp2p_stores ()
{
  compadd file ${(f)"$(_lp2p_names lp2p key-store)"}
}

_lp2p ()
{
  local curcontext=$curcontext state line
  local -a commands

  commands=(
@COMMANDS@
  )
  _arguments -C \
@TOP_OPTIONS@
    '(-): :->command' \
    '(-)*:: :->rest' && return
  case $state in
    command) _describe -t commands command commands ;;
    rest)
      case $words[1] in
@CASES@
      esac
      ;;
  esac
}

_lp2p "$@"
'''

ACTIONS = {
    values.FILES: "_files",
    values.FOLDERS: "_files -/",
    values.OBJECTS: "_lp2p_objects",
    values.SERVICES: "_lp2p_services",
    values.STORES: "_lp2p_stores",
}


def quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


def escape(text):
    """What stands in a specification, where brackets and colons have a meaning."""
    for character in "\\[]:":
        text = text.replace(character, "\\" + character)
    return text


def make_action(what, nothing):
    if what is None:
        return nothing
    return ACTIONS[what] if isinstance(what, str) else f"({' '.join(what)})"


def make_option(option, indent):
    value = f":{escape(option.value)}:{make_action(values.of_option(option), ' ')}" if option.value else ""
    many = "*" if "several times" in option.text else ""
    specs = [f"{many}{option.name}{'=' if option.value else ''}[{escape(option.text)}]{value}"]
    if option.short:
        specs.append(f"{many}{option.short}[{escape(option.text)}]{value}")
    return [f"{indent}{quote(spec)} \\" for spec in specs]


def make_options(page, indent):
    return "\n".join(line for option in page.options for line in make_option(option, indent))


def make_case(name, page):
    # With a message, which a space would be, zsh would not insert an option.
    action = make_action(values.of_argument(name), "()")
    label = escape(page.arguments or "argument")
    return (f"        {name})\n          _arguments \\\n{make_options(page, ' ' * 12)}\n"
            f"            {quote(f'*:{label}:{action}')}\n          ;;")


def make(top, commands):
    parts = {
        "@LIST_NAMES@": values.LIST_NAMES.strip(),
        "@COMMANDS@": "\n".join(f"    {quote(f'{name}:{escape(text)}')}" for name, text in top.commands),
        "@TOP_OPTIONS@": make_options(top, " " * 4),
        "@CASES@": "\n".join(make_case(name, page) for name, page in commands.items()),
    }
    text = TEMPLATE
    for mark, part in parts.items():
        text = text.replace(mark, part)
    return text
