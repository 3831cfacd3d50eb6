/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/interfaces/lp2p-interfaces-types.h>

/**
 * lp2p_error_quark:
 *
 * Gets the error domain of connections, streams and plugins.
 *
 * Returns: the quark
 */
G_DEFINE_QUARK (lp2p-error-quark, lp2p_error)
