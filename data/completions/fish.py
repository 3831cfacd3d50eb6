# SPDX-License-Identifier: LGPL-2.1-or-later

"""The completion of fish."""

import values

HEAD = r'''# Completion of lp2p for fish. Made from lp2p --help.

function __lp2p_names
    lp2p inspect --json 2>/dev/null | string replace -rf '^\{"name": "([^"]*)", "kind": "'$argv[1]'".*' '$1'
end

complete -c lp2p -f'''

WORDS = {
    values.FOLDERS: "(__fish_complete_directories)",
    values.OBJECTS: "host (__lp2p_names '[^\"]*')",
    values.SERVICES: "(__lp2p_names service)",
    values.STORES: "file (__lp2p_names key-store)",
}


def quote(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def make_offer(what):
    if what == values.FILES:
        return "-F"
    if what is None:
        return ""
    words = WORDS[what] if isinstance(what, str) else " ".join(what)
    return f"-a {quote(words)}"


def make_option(condition, option):
    short = f" -s {option.short[1:]}" if option.short else ""
    value = ""
    if option.value:
        what = values.of_option(option)
        value = f" {'-r' if what == values.FILES else '-x'} {make_offer(what)}".rstrip()
    return f"complete -c lp2p -n {quote(condition)}{short} -l {option.name[2:]}{value} -d {quote(option.text)}"


def make(top, commands):
    lines = [HEAD]
    for name, text in top.commands:
        lines.append(f"complete -c lp2p -n __fish_use_subcommand -a {name} -d {quote(text)}")
    lines += [make_option("__fish_use_subcommand", option) for option in top.options]
    for name, page in commands.items():
        condition = f"__fish_seen_subcommand_from {name}"
        lines += [make_option(condition, option) for option in page.options]
        if values.of_argument(name):
            lines.append(f"complete -c lp2p -n {quote(condition)} {make_offer(values.of_argument(name))}")
    return "\n".join(lines) + "\n"
