/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-error.h>

G_DEFINE_QUARK (lp2p-types-error-quark, lp2p_types_error)
