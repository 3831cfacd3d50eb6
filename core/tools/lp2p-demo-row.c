/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The dialer of a row of the demo. */

#include "tools/lp2p-demo-private.h"
#include "tools/lp2p-output-private.h"
#include "types/lp2p-i18n-private.h"

#include <glib/gstdio.h>
#include <string.h>

#define CONNECT_SECONDS 20
#define PINGS           5
#define BYTES_PER_MB    1e6

/* Between two lines of progress, in microseconds: faster than that nobody reads. */
#define PROGRESS_INTERVAL 50000

/* What the line of progress shows. */
typedef struct
{
  const ToolDemoRow *row;
  const char *what;
  gint64 start;
  gint64 last;
} Progress;

ToolDemoRow *
tool_demo_row_new (Lp2pDescriptor *transport, const char *security, const char *muxer)
{
  ToolDemoRow *self = g_new0 (ToolDemoRow, 1);

  self->descriptor = g_object_ref (transport);
  self->transport = g_strdup (lp2p_descriptor_get_name (transport));
  self->security = g_strdup (security);
  self->muxer = g_strdup (muxer);
  self->connect_ms = self->ping_ms = self->up_mb_s = self->down_mb_s = -1;
  return self;
}

void
tool_demo_row_free (ToolDemoRow *self)
{
  g_object_unref (self->descriptor);
  g_free (self->transport);
  g_free (self->security);
  g_free (self->muxer);
  g_free (self->address);
  g_free (self->error);
  g_free (self);
}

static void
show_step (const ToolDemoRow *self, const char *what)
{
  tool_progress ("%s %s %s: %s", self->transport, self->security != NULL ? self->security : "-",
                 self->muxer != NULL ? self->muxer : "-", what);
}

static void
on_progress (guint64 done, guint64 size, gpointer user_data)
{
  Progress *progress = user_data;
  gint64 now = g_get_monotonic_time ();
  double seconds = (double) (now - progress->start) / G_USEC_PER_SEC;
  g_autofree char *what = NULL;

  if (now - progress->last < PROGRESS_INTERVAL)
    return;
  progress->last = now;
  what = g_strdup_printf (_("%s %3.0f%%, %.0f MB/s"), progress->what,
                          100.0 * (double) done / (double) size,
                          (double) done / BYTES_PER_MB / seconds);
  show_step (progress->row, what);
}

/* A connection that is not what the row is about would make its numbers a lie. */
static gboolean
check_name (const char *format, const char *actual, char **expected, GError **error)
{
  if (*expected == NULL)
    *expected = g_strdup (actual);
  if (g_strcmp0 (actual, *expected) == 0)
    return TRUE;
  g_set_error (error, LP2P_ERROR, LP2P_ERROR_FAILED, format, actual != NULL ? actual : _("(none)"), *expected);
  return FALSE;
}

static gboolean
check_connection (ToolDemoRow *self,
                  Lp2pConnection *connection,
                  Lp2pMultiaddr *address,
                  GError **error)
{
  g_autoptr (Lp2pPeerId) expected = lp2p_peer_id_from_multiaddr (address);
  Lp2pPeerId *actual = lp2p_connection_get_remote_peer (connection);

  if (expected == NULL || !lp2p_peer_id_equal (actual, expected))
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_WRONG_PEER, _("%s answered, expected %s"),
                   lp2p_peer_id_get_string (actual),
                   expected != NULL ? lp2p_peer_id_get_string (expected) : _("a peer id"));
      return FALSE;
    }
  return check_name (_("the connection has the transport %s, expected %s"),
                     lp2p_connection_get_transport (connection), &self->transport, error) &&
         check_name (_("the connection has the security %s, expected %s"),
                     lp2p_connection_get_security (connection), &self->security,
                     error);
}

static gboolean
run_pings (ToolDemoRow *self, Lp2pConnection *connection, GError **error)
{
  g_autoptr (Lp2pStream) stream = NULL;
  double sum = 0;

  show_step (self, _("ping"));
  stream = tool_connection_open_stream (connection, TOOL_PING_PROTOCOL, TOOL_STEP_SECONDS, error);
  if (stream == NULL)
    return FALSE;
  for (guint i = 0; i < PINGS; i++)
    {
      double time;

      if (!tool_stream_ping (stream, TOOL_STEP_SECONDS, &time, error))
        return FALSE;
      sum += time;
    }
  self->ping_ms = sum / PINGS;
  return tool_stream_end_writing (stream, TOOL_STEP_SECONDS, error);
}

static gboolean
run_transfers (ToolDemoRow *self, const ToolDemo *demo, Lp2pConnection *connection, GError **error)
{
  g_autofree char *path = g_build_filename (demo->folder, "downloaded", NULL);
  Progress up = { self, _("upload"), g_get_monotonic_time (), 0 };
  Progress down = { self, _("download"), 0, 0 };
  double megabytes = (double) demo->file->size / BYTES_PER_MB;
  double seconds;
  gboolean downloaded;

  if (!tool_transfer_upload (connection, demo->file, on_progress, &up, &seconds, error))
    return FALSE;
  self->up_mb_s = megabytes / seconds;
  down.start = g_get_monotonic_time ();
  downloaded =
      tool_transfer_download (connection, demo->file, path, on_progress, &down, &seconds, error);
  g_unlink (path);
  if (!downloaded)
    return FALSE;
  self->down_mb_s = megabytes / seconds;
  return TRUE;
}

/* The steps behind the connection. An error says in which one it was. */
static gboolean
run_steps (ToolDemoRow *self, const ToolDemo *demo, Lp2pConnection *connection, GError **error)
{
  if (!run_pings (self, connection, error))
    {
      g_prefix_error (error, "%s: ", _("ping"));
      return FALSE;
    }
  if (!run_transfers (self, demo, connection, error))
    {
      g_prefix_error (error, "%s: ", self->up_mb_s < 0 ? _("upload") : _("download"));
      return FALSE;
    }
  return TRUE;
}

static gboolean
connect_and_run (
    ToolDemoRow *self, const ToolDemo *demo, Lp2pHost *host, Lp2pMultiaddr *address, GError **error)
{
  g_autoptr (Lp2pConnection) connection = NULL;
  gint64 start = g_get_monotonic_time ();

  show_step (self, _("connect"));
  connection = tool_host_connect (host, address, CONNECT_SECONDS, error);
  if (connection == NULL)
    return FALSE;
  self->connect_ms = (double) (g_get_monotonic_time () - start) / 1000;
  return check_connection (self, connection, address, error) &&
         run_steps (self, demo, connection, error) &&
         check_name (_("the connection has the muxer %s, expected %s"), lp2p_connection_get_muxer (connection),
                     &self->muxer, error);
}

static gboolean
run_dialer (
    ToolDemoRow *self, const ToolDemo *demo, guint number, Lp2pMultiaddr *address, GError **error)
{
  g_autofree char *name = g_strdup_printf ("dialer-%u.conf", number);
  g_autofree char *file = g_build_filename (demo->folder, name, NULL);
  g_autoptr (Lp2pConfig) config = tool_demo_make_config (demo, self, FALSE, file, error);
  g_autoptr (Lp2pHost) host = NULL;
  gboolean ok;

  if (config == NULL)
    return FALSE;
  host = tool_host_start (config, demo->identity, error);
  if (host == NULL)
    return FALSE;
  ok = connect_and_run (self, demo, host, address, error);
  tool_host_close (host);
  return ok;
}

/**
 * tool_demo_row_run:
 * @self: a row
 * @demo: what the rows share
 * @number: which row it is
 *
 * Runs a row: starts its listener, connects, checks who answered, pings, uploads
 * and downloads, and stops the listener.
 */
void
tool_demo_row_run (ToolDemoRow *self, const ToolDemo *demo, guint number)
{
  g_autoptr (ToolDemoListener) listener = NULL;
  g_autoptr (GError) error = NULL;

  show_step (self, _("start a listener"));
  listener = tool_demo_listener_start (demo, self, number, &error);
  if (listener != NULL)
    {
      Lp2pMultiaddr *address = tool_demo_listener_get_address (listener);

      self->address = g_strdup (lp2p_multiaddr_get_string (address));
      self->ok = run_dialer (self, demo, number, address, &error);
      self->ok = tool_demo_listener_stop (listener, self->ok ? &error : NULL) && self->ok;
    }
  if (!self->ok)
    self->error = g_strdup (error != NULL ? error->message : _("failed"));
}
