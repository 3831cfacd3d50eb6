# SPDX-License-Identifier: LGPL-2.1-or-later

"""What may stand behind an option, or as an argument: what to offer there.

Either a list of words, or one of the names below, or nothing.
"""

import re

FILES = "files"
FOLDERS = "folders"
OBJECTS = "objects"  # loadable objects, and the library itself
SERVICES = "services"
STORES = "stores"

# All else that a value is called is known to nobody but the user.
OPTION_VALUES = {"FILE": FILES, "DIR": FOLDERS, "STORE": STORES}
ARGUMENTS = {
    "send": FILES,
    "config": OBJECTS,
    "inspect": OBJECTS,
}

# Prints a name for each loadable object of the kind that is $2, by the command that is $1.
LIST_NAMES = r'''"$1" inspect --json 2>/dev/null |
    sed -n 's/^{"name": "\([^"]*\)", "kind": "'"$2"'".*/\1/p' '''


def of_option(option):
    if option.value == "TYPE":
        # As in "Kind of the new key: one (the default), another or a third".
        return re.findall(r"[\w-]+", re.sub(r"\(.*?\)| or ", " ", option.text.partition(":")[2]))
    if option.name == "--service":
        return SERVICES
    return OPTION_VALUES.get(option.value)


def of_argument(command):
    return ARGUMENTS.get(command)
