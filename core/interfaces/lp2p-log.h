/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-connection.h>
#include <lp2p/types/lp2p-peer-id.h>

G_BEGIN_DECLS

/**
 * LP2P_LOG_PEER:
 *
 * The field of a log message that has the peer id it is about.
 */
#define LP2P_LOG_PEER "LP2P_PEER"
/**
 * LP2P_LOG_CONNECTION:
 *
 * The field of a log message that has the [method@Connection.get_id] of the connection
 * it is about.
 */
#define LP2P_LOG_CONNECTION "LP2P_CONNECTION"

LP2P_AVAILABLE_IN_1_0
gboolean lp2p_log_is_wanted (const char *domain, GLogLevelFlags level);
LP2P_AVAILABLE_IN_1_0
GLogWriterOutput lp2p_log_writer (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data);
LP2P_AVAILABLE_IN_1_0
void lp2p_log_write (const char *domain,
                     GLogLevelFlags level,
                     Lp2pPeerId *peer,
                     Lp2pConnection *connection,
                     const char *format,
                     ...) G_GNUC_PRINTF (5, 6);

/**
 * lp2p_log_peer: (skip)
 * @level: such as %G_LOG_LEVEL_DEBUG
 * @peer: (nullable): the peer that the message is about, if it is known
 * @...: the message, as for printf()
 *
 * Logs a message that is about a peer. Where nobody would see it, its arguments are
 * not evaluated.
 */
#define lp2p_log_peer(level, peer, ...)                                       \
  G_STMT_START                                                                \
  {                                                                           \
    if (lp2p_log_is_wanted (G_LOG_DOMAIN, (level)))                           \
      lp2p_log_write (G_LOG_DOMAIN, (level), (peer), NULL, __VA_ARGS__);      \
  }                                                                           \
  G_STMT_END

/**
 * lp2p_log_connection: (skip)
 * @level: such as %G_LOG_LEVEL_DEBUG
 * @connection: the connection that the message is about, and with it its peer
 * @...: the message, as for printf()
 *
 * Logs a message that is about a connection. Where nobody would see it, its arguments
 * are not evaluated.
 */
#define lp2p_log_connection(level, connection, ...)                           \
  G_STMT_START                                                                \
  {                                                                           \
    if (lp2p_log_is_wanted (G_LOG_DOMAIN, (level)))                           \
      lp2p_log_write (G_LOG_DOMAIN, (level), NULL, (connection), __VA_ARGS__); \
  }                                                                           \
  G_STMT_END

G_END_DECLS
