/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Asynchronous calls of the library, one after the other: a command is a list of
 * steps, each of which may time out or be interrupted. Meanwhile the default main
 * context runs, and with it everything else. */

#include "tools/lp2p-tool-private.h"

G_BEGIN_DECLS

/* How long a step may take, in seconds, unless there is an option for it. */
#define TOOL_STEP_SECONDS 15

/* What --help says of an ADDRESS to dial. */
#define TOOL_ADDRESS_HELP                                                                     \
  N_("ADDRESS is a multiaddr such as /ip4/192.0.2.1/tcp/4001/p2p/PEERID. With a peer id in\n"    \
  "it only that peer will do; without one, whoever answers there. A name in place of the\n"   \
  "IP address is resolved: /dns, /dns4 and /dns6, such as /dns/example.org/tcp/4001, and\n"   \
  "/dnsaddr, whose TXT records list addresses.\n")

/* One step. */
typedef struct
{
  GCancellable *cancellable;
  GAsyncResult *result;
  GSource *timer;
  double seconds;
  gulong interrupt_id;
  gboolean done;
  gboolean timed_out;
} ToolWait;

void tool_wait_init (ToolWait *self, double seconds);
void tool_wait_clear (ToolWait *self);
void tool_wait_ready (GObject *source, GAsyncResult *result, gpointer user_data);
GAsyncResult *tool_wait_run (ToolWait *self);
gboolean tool_wait_explain (ToolWait *self, GError **error);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ToolWait, tool_wait_clear)

void tool_watch_interrupts (void);
void tool_interrupt (void);
gboolean tool_is_interrupted (void);
gboolean tool_sleep (double seconds);

gboolean tool_load_kept_identity (ToolOptions *options,
                                  Lp2pConfig *config,
                                  Lp2pIdentity **identity,
                                  GError **error);
Lp2pIdentity *tool_load_identity (ToolOptions *options,
                                  Lp2pConfig *config,
                                  gboolean for_listening,
                                  GError **error);

Lp2pHost *tool_host_start (Lp2pConfig *config, Lp2pIdentity *identity, GError **error);
gboolean tool_host_listen (Lp2pHost *host, Lp2pMultiaddr *address, GError **error);
Lp2pConnection *
tool_host_connect (Lp2pHost *host, Lp2pMultiaddr *address, double seconds, GError **error);
void tool_host_close (Lp2pHost *host);

Lp2pStream *tool_connection_open_stream (Lp2pConnection *connection,
                                         const char *protocol,
                                         double seconds,
                                         GError **error);
gssize tool_stream_write (
    Lp2pStream *stream, const void *data, gsize size, double seconds, GError **error);
gboolean tool_stream_write_all (
    Lp2pStream *stream, const void *data, gsize size, double seconds, GError **error);
gssize
tool_stream_read (Lp2pStream *stream, void *buffer, gsize size, double seconds, GError **error);
gboolean
tool_stream_read_all (Lp2pStream *stream, void *buffer, gsize size, double seconds, GError **error);
gboolean tool_stream_end_writing (Lp2pStream *stream, double seconds, GError **error);

char *tool_describe_connection (Lp2pConnection *connection);

/* A host that only dials, and its connection. */
typedef struct
{
  Lp2pHost *host;
  Lp2pConnection *connection;
} ToolDial;

int tool_dial (ToolLine *line, const char *address, double seconds, ToolDial *dial);
void tool_dial_close (ToolDial *self);

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ToolDial, tool_dial_close)

/* The ping protocol on a stream that is open; the result is in milliseconds. */
#define TOOL_PING_PROTOCOL "/ipfs/ping/1.0.0"
gboolean tool_stream_ping (Lp2pStream *stream, double seconds, double *time, GError **error);

G_END_DECLS
