/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Runs the steps one after the other and reports each as a line of JSON. */

#include "lp2p-peer-dial.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STEP_SECONDS 30

typedef struct
{
  const char *name;
  PeerStepFunc func;
  /* Done only when it is named. */
  gboolean extra;
} Step;

static const Step all_steps[] = {
  { "connect", peer_step_connect, FALSE },   { "first-byte", peer_step_first_byte, TRUE },
  { "identify", peer_step_identify, FALSE }, { "ping", peer_step_ping, FALSE },
  { "quiet", peer_step_quiet, TRUE },        { "upload", peer_step_upload, FALSE },
  { "lend", peer_step_lend, TRUE },
  { "download", peer_step_download, FALSE }, { "streams", peer_step_streams, FALSE },
  { "half-close", peer_step_half_close, FALSE }, { "reset", peer_step_reset, FALSE },
  { "datagrams", peer_step_datagrams, TRUE }, { "wrong-peer", peer_step_wrong_peer, FALSE },
};

typedef struct
{
  PeerDialer dialer;
  GMainLoop *loop;
  gboolean chosen[G_N_ELEMENTS (all_steps)];
  guint current;
  GCancellable *cancellable;
  GSource *deadline;
  gint64 began;
  gboolean expired;
  gboolean not_connected;
  int status;
} Run;

char *
peer_json_string (const char *text)
{
  GString *json = g_string_new ("\"");

  for (const guchar *p = (const guchar *) text; *p != '\0'; p++)
    {
      if (*p == '"' || *p == '\\')
        g_string_append_printf (json, "\\%c", *p);
      else if (*p < 0x20)
        g_string_append_printf (json, "\\u%04x", *p);
      else
        g_string_append_c (json, *p);
    }
  g_string_append_c (json, '"');
  return g_string_free (json, FALSE);
}

static void
report (const char *step, double ms, const char *error, const char *detail)
{
  g_autofree char *quoted = error != NULL ? peer_json_string (error) : g_strdup ("null");
  char number[G_ASCII_DTOSTR_BUF_SIZE];

  printf ("{\"step\":\"%s\",\"ok\":%s,\"ms\":%s,\"error\":%s,\"detail\":", step,
          error == NULL ? "true" : "false", g_ascii_formatd (number, sizeof number, "%.3f", ms),
          quoted);
  if (detail != NULL)
    printf ("{%s}}\n", detail);
  else
    printf ("null}\n");
  fflush (stdout);
}

static void
on_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Run *run = user_data;

  lp2p_host_close_finish (run->dialer.host, result, NULL);
  g_main_loop_quit (run->loop);
}

/* The kernel tells the peer: what it sends then knows all that we got. For UDP it
 * does not, but there one packet of ours is all. */
static void G_GNUC_NORETURN
end_abruptly (Run *run)
{
  if (run->dialer.connection != NULL && lp2p_multiaddr_find (run->dialer.address, LP2P_PROTOCOL_UDP, 0) >= 0)
    lp2p_connection_abort (run->dialer.connection, LP2P_CODE_NONE);
  _exit (run->status);
}

static void
run_end (Run *run)
{
  if (run->dialer.options->abrupt)
    end_abruptly (run);
  lp2p_host_close_async (run->dialer.host, NULL, on_closed, run);
}

static void run_next (Run *run);

static void
on_step_done (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Run *run = user_data;
  const Step *step = &all_steps[run->current];
  double ms = (g_get_monotonic_time () - run->began) / 1000.0;
  g_autoptr (GError) error = NULL;
  g_autofree char *detail = g_task_propagate_pointer (G_TASK (result), &error);

  g_source_destroy (run->deadline);
  g_clear_pointer (&run->deadline, g_source_unref);
  g_clear_object (&run->cancellable);
  if (error != NULL)
    {
      if (run->expired)
        g_prefix_error (&error, "no end within %d s: ", STEP_SECONDS);
      run->status = 1;
      run->not_connected |= step->func == peer_step_connect;
    }
  report (step->name, ms, error != NULL ? error->message : NULL, detail);
  run->current++;
  run_next (run);
}

static gboolean
on_deadline (gpointer user_data)
{
  Run *run = user_data;

  run->expired = TRUE;
  g_cancellable_cancel (run->cancellable);
  return G_SOURCE_CONTINUE;
}

static void
run_step (Run *run)
{
  GTask *task;

  run->expired = FALSE;
  run->began = g_get_monotonic_time ();
  run->cancellable = g_cancellable_new ();
  run->deadline = g_timeout_source_new_seconds (STEP_SECONDS);
  g_source_set_callback (run->deadline, on_deadline, run, NULL);
  g_source_attach (run->deadline, NULL);

  task = g_task_new (NULL, run->cancellable, on_step_done, run);
  g_task_set_name (task, all_steps[run->current].name);
  /* A step says itself what the deadline interrupted. */
  g_task_set_check_cancellable (task, FALSE);
  all_steps[run->current].func (&run->dialer, task);
}

static void
run_next (Run *run)
{
  for (; run->current < G_N_ELEMENTS (all_steps); run->current++)
    {
      if (!run->chosen[run->current])
        continue;
      if (!run->not_connected)
        {
          run_step (run);
          return;
        }
      report (all_steps[run->current].name, 0, "skipped: not connected", NULL);
    }
  run_end (run);
}

static void
on_started (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Run *run = user_data;
  g_autoptr (GError) error = NULL;

  if (lp2p_host_start_finish (run->dialer.host, result, &error) &&
      peer_host_check_stack (run->dialer.host, run->dialer.options, &error))
    {
      run_next (run);
      return;
    }
  run->status = peer_fail_usage ("%s", error->message);
  run_end (run);
}

static gboolean
choose (Run *run, const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (all_steps); i++)
    if (g_str_equal (all_steps[i].name, name))
      return run->chosen[i] = TRUE;
  return FALSE;
}

/* Returns NULL, or the name that is no step. */
static char *
choose_steps (Run *run, const char *list)
{
  g_auto (GStrv) names = NULL;

  run->chosen[0] = list == NULL || !g_str_equal (list, "first-byte");
  for (guint i = 0; list == NULL && i < G_N_ELEMENTS (all_steps); i++)
    run->chosen[i] = !all_steps[i].extra;
  if (list == NULL)
    return NULL;

  names = g_strsplit (list, ",", -1);
  for (guint i = 0; names[i] != NULL; i++)
    if (!choose (run, names[i]))
      return g_strdup (names[i]);
  return NULL;
}

int
peer_dial (const PeerOptions *options)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  Run run = { .dialer.options = options, .loop = loop };
  g_autofree char *unknown = choose_steps (&run, options->steps);
  g_autoptr (Lp2pMultiaddr) address = NULL;
  g_autoptr (Lp2pPeerId) peer = NULL;
  g_autoptr (Lp2pHost) host = NULL;

  if (unknown != NULL)
    return peer_fail_usage ("unknown step \"%s\"", unknown);
  if (options->streams < 1 || options->parallel < 1 || options->upload_bytes < 0)
    return peer_fail_usage ("--streams, --parallel and --upload-bytes must be positive");
  address = lp2p_multiaddr_new_from_string (options->address, &error);
  if (address == NULL)
    return peer_fail_usage ("%s", error->message);
  peer = lp2p_peer_id_from_multiaddr (address);
  if (peer == NULL)
    return peer_fail_usage ("the address %s names no peer", options->address);
  host = peer_host_new (options, &error);
  if (host == NULL)
    return peer_fail_usage ("%s", error->message);

  run.dialer.host = host;
  run.dialer.address = address;
  run.dialer.peer = peer;
  lp2p_host_start_async (host, NULL, on_started, &run);
  g_main_loop_run (loop);
  g_clear_object (&run.dialer.connection);
  return run.status;
}
