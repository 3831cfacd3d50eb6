/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/types/lp2p-error.h>

/**
 * lp2p_types_error_quark:
 *
 * Gets the error domain of the basic types.
 *
 * Returns: the quark
 */
G_DEFINE_QUARK (lp2p-types-error-quark, lp2p_types_error)
