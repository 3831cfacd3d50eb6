/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

char *redis_command (const char *address, GError **error, ...) G_GNUC_NULL_TERMINATED;
