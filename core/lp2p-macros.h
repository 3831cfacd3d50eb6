/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#ifdef LP2P_COMPILATION
#define LP2P_AVAILABLE_IN_1_0 __attribute__ ((visibility ("default"))) extern
#else
#define LP2P_AVAILABLE_IN_1_0 extern
#endif
