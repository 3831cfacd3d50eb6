/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The listener of a row of the demo: a process of its own, or a second host in
 * this one for transports that do not leave the process. */

#include "tools/lp2p-demo-private.h"

#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

/* Between the start of a listener and its address. */
#define START_SECONDS 20
/* It closes its connections within a few seconds. */
#define STOP_SECONDS 20

struct _ToolDemoListener
{
  char *folder;
  char *log;
  Lp2pMultiaddr *address;
  Lp2pHost *host;
  GSubprocess *process;
  GDataInputStream *output;
};

static void
set_list (GKeyFile *keys, const char *key, const char *const *values)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_strv (values, -1));
  g_autofree char *text = g_variant_print (value, FALSE);

  /* An empty list has a type only where one is written. */
  g_key_file_set_value (keys, LP2P_CONFIG_GROUP_HOST, key, values[0] != NULL ? text : "[]");
}

static void
set_name (GKeyFile *keys, const char *key, const char *name)
{
  const char *const names[] = { name, NULL };

  set_list (keys, key, names);
}

/* The services of the user, and the one that the demo needs. */
static void
set_services (GKeyFile *keys, Lp2pConfig *config)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) configured = lp2p_config_get_strv (config, LP2P_CONFIG_GROUP_HOST, "services");
  g_auto (GStrv) services = NULL;

  g_strv_builder_addv (builder, (const char **) configured);
  if (!g_strv_contains ((const char *const *) configured, "ping"))
    g_strv_builder_add (builder, "ping");
  services = g_strv_builder_end (builder);
  set_list (keys, "services", (const char *const *) services);
}

static void
set_text (GKeyFile *keys, const char *group, const char *key, const char *text)
{
  g_autoptr (GVariant) value = g_variant_ref_sink (g_variant_new_string (text));
  g_autofree char *printed = g_variant_print (value, FALSE);

  g_key_file_set_value (keys, group, key, printed);
}

/* In place of the user's, which is hardly for the loopback interface. */
static gboolean
set_certificate (GKeyFile *keys, const ToolDemo *demo, const ToolDemoRow *row, GError **error)
{
  g_autofree char *group = g_strconcat ("plugin ", row->transport, NULL);
  g_autofree char *certificate = NULL;
  g_autofree char *key = NULL;

  if (!tool_demo_make_certificate (demo, &certificate, &key, error))
    return FALSE;
  set_text (keys, group, "certificate", certificate);
  set_text (keys, group, "private-key", key);
  set_text (keys, group, "ca-file", certificate);
  return TRUE;
}

static gboolean
load_user_keys (const ToolDemo *demo, GKeyFile *keys, GError **error)
{
  g_autofree char *file = demo->options->config_file != NULL ? g_strdup (demo->options->config_file)
                                                             : lp2p_config_find_default_file ();

  return file == NULL || g_key_file_load_from_file (keys, file, G_KEY_FILE_NONE, error);
}

/**
 * tool_demo_make_config:
 * @demo: the demo
 * @row: the row
 * @listens: whether it is for the listener
 * @file: where to write it
 * @error: return location for an error
 *
 * Writes the user's configuration with nothing enabled but what the row is about,
 * and loads it.
 *
 * Returns: (transfer full): what was loaded
 */
Lp2pConfig *
tool_demo_make_config (const ToolDemo *demo,
                       const ToolDemoRow *row,
                       gboolean listens,
                       const char *file,
                       GError **error)
{
  g_autoptr (GKeyFile) keys = g_key_file_new ();
  g_autoptr (Lp2pConfig) config = NULL;
  g_auto (GStrv) path = lp2p_config_get_strv (demo->config, LP2P_CONFIG_GROUP_HOST, "plugin-path");
  g_autofree char *address = tool_transport_dup_address (row->descriptor, "/ip4/127.0.0.1");

  if (!load_user_keys (demo, keys, error))
    return NULL;
  if (tool_transport_has (row->descriptor, LP2P_TRAIT_CERTIFICATE) && !set_certificate (keys, demo, row, error))
    return NULL;
  set_name (keys, "transports", row->transport);
  if (!tool_transport_has (row->descriptor, LP2P_TRAIT_NATIVE))
    {
      set_name (keys, "security", row->security);
      set_name (keys, "muxers", row->muxer);
    }
  set_name (keys, "listen", listens ? address : NULL);
  set_name (keys, "discovery", NULL);
  set_name (keys, "key-stores", NULL);
  set_services (keys, demo->config);
  set_list (keys, "plugin-path", (const char *const *) path);
  g_key_file_remove_key (keys, LP2P_CONFIG_GROUP_HOST, "identity", NULL);
  if (!g_key_file_save_to_file (keys, file, error))
    return NULL;

  config = lp2p_config_new ();
  return lp2p_config_load_file (config, file, error) ? g_steal_pointer (&config) : NULL;
}

/* The address of a host that runs here. Some transports know it only later. */
static Lp2pMultiaddr *
wait_for_address (Lp2pHost *host, GError **error)
{
  Lp2pMultiaddr *address = NULL;
  g_auto (ToolWait) wait;

  tool_wait_init (&wait, START_SECONDS);
  while (address == NULL && !g_cancellable_is_cancelled (wait.cancellable))
    {
      g_autoptr (GPtrArray) addresses = lp2p_host_dup_listen_addresses (host);

      if (addresses->len > 0)
        address = lp2p_multiaddr_ref (g_ptr_array_index (addresses, 0));
      else
        g_main_context_iteration (NULL, TRUE);
    }
  if (address == NULL)
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT,
                         _("the listener has no address to dial"));
  return address;
}

static gboolean
start_here (ToolDemoListener *self, const ToolDemo *demo, Lp2pConfig *config, GError **error)
{
  g_autoptr (Lp2pIdentity) identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, error);

  if (identity == NULL)
    return FALSE;
  self->host = tool_host_start (config, identity, error);
  if (self->host == NULL)
    return FALSE;
  tool_transfer_serve (self->host, self->folder, lp2p_identity_get_peer_id (demo->identity),
                       demo->file->size);
  self->address = wait_for_address (self->host, error);
  return self->address != NULL;
}

/* Why a process ended is in the last line that it wrote. */
static void
prefix_log (ToolDemoListener *self, GError **error)
{
  g_autofree char *text = NULL;
  char *line;

  if (error == NULL || *error == NULL || !g_file_get_contents (self->log, &text, NULL, NULL))
    return;
  g_strchomp (text);
  line = strrchr (text, '\n');
  line = line != NULL ? line + 1 : text;
  if (line[0] != '\0')
    {
      g_autofree char *valid = g_utf8_make_valid (line, -1);
      g_prefix_error (error, "%s: ", valid);
    }
}

/* It prints one name and value per line; each address has the peer id in it. */
static gboolean
read_address (ToolDemoListener *self, GError **error)
{
  while (self->address == NULL)
    {
      g_autofree char *line = NULL;
      GError *local_error = NULL;
      g_auto (ToolWait) wait;

      tool_wait_init (&wait, START_SECONDS);
      g_data_input_stream_read_line_async (self->output, G_PRIORITY_DEFAULT, wait.cancellable,
                                           tool_wait_ready, &wait);
      line = g_data_input_stream_read_line_finish_utf8 (self->output, tool_wait_run (&wait), NULL,
                                                        &local_error);
      if (line == NULL && local_error == NULL)
        local_error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED,
                                           _("the listener ended before it was ready"));
      if (local_error != NULL)
        {
          tool_wait_explain (&wait, &local_error);
          g_propagate_error (error, local_error);
          return FALSE;
        }
      /* In whichever language. */
      if (strchr (line, '/') != NULL)
        {
          self->address = lp2p_multiaddr_new_from_string (g_strchomp (strchr (line, '/')), error);
          if (self->address == NULL)
            return FALSE;
        }
    }
  return TRUE;
}

static gboolean
start_process (ToolDemoListener *self, const ToolDemo *demo, const char *file, GError **error)
{
  g_autoptr (GSubprocessLauncher) launcher =
      g_subprocess_launcher_new (G_SUBPROCESS_FLAGS_STDIN_PIPE | G_SUBPROCESS_FLAGS_STDOUT_PIPE);
  /* Ourselves, wherever we are installed. */
  g_autofree char *program = g_file_read_link ("/proc/self/exe", error);
  g_autofree char *size = g_strdup_printf ("%" G_GUINT64_FORMAT, demo->file->size);
  const char *peer = lp2p_peer_id_get_string (lp2p_identity_get_peer_id (demo->identity));
  const char *argv[] = { program,
                         "listen",
                         "--config",
                         file,
                         "--identity",
                         NULL,
                         "--demo-folder",
                         self->folder,
                         "--demo-peer",
                         peer,
                         "--demo-size",
                         size,
                         demo->options->verbose ? "--verbose" : NULL,
                         NULL };
  g_autofree char *identity_file = g_strconcat (file, ".key", NULL);
  g_autoptr (Lp2pIdentity) identity = NULL;

  if (program == NULL)
    return FALSE;
  identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, error);
  if (identity == NULL ||
      !lp2p_identity_save_file (identity, identity_file, LP2P_IDENTITY_FILE_NONE, error))
    return FALSE;
  argv[5] = identity_file;

  if (!demo->options->verbose)
    g_subprocess_launcher_set_stderr_file_path (launcher, self->log);
  self->process = g_subprocess_launcher_spawnv (launcher, argv, error);
  if (self->process == NULL)
    return FALSE;
  self->output = g_data_input_stream_new (g_subprocess_get_stdout_pipe (self->process));
  return read_address (self, error);
}

/**
 * tool_demo_listener_start:
 * @demo: the demo
 * @row: the row
 * @number: the number of the row
 * @error: return location for an error
 *
 * Starts the listener of a row and learns its address.
 *
 * Returns: (transfer full): the listener, which is to be stopped
 */
ToolDemoListener *
tool_demo_listener_start (const ToolDemo *demo,
                          const ToolDemoRow *row,
                          guint number,
                          GError **error)
{
  g_autoptr (ToolDemoListener) self = g_new0 (ToolDemoListener, 1);
  g_autofree char *name = g_strdup_printf ("listener-%u", number);
  g_autofree char *file = NULL;
  g_autoptr (Lp2pConfig) config = NULL;
  gboolean started;

  self->folder = g_build_filename (demo->folder, name, NULL);
  self->log = g_strconcat (self->folder, ".log", NULL);
  file = g_strconcat (self->folder, ".conf", NULL);
  if (g_mkdir (self->folder, 0700) != 0)
    {
      g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: %s", self->folder,
                   g_strerror (errno));
      return NULL;
    }
  config = tool_demo_make_config (demo, row, TRUE, file, error);
  if (config == NULL)
    return NULL;
  if (tool_transport_has (row->descriptor, LP2P_TRAIT_LOCAL))
    started = start_here (self, demo, config, error);
  else
    started = start_process (self, demo, file, error);
  if (started)
    return g_steal_pointer (&self);
  tool_demo_listener_stop (self, NULL);
  prefix_log (self, error);
  return NULL;
}

Lp2pMultiaddr *
tool_demo_listener_get_address (ToolDemoListener *self)
{
  return self->address;
}

static gboolean
stop_process (ToolDemoListener *self, GError **error)
{
  GError *local_error = NULL;
  ToolWait wait;

  g_subprocess_send_signal (self->process, SIGTERM);
  tool_wait_init (&wait, STOP_SECONDS);
  g_subprocess_wait_check_async (self->process, wait.cancellable, tool_wait_ready, &wait);
  if (!g_subprocess_wait_check_finish (self->process, tool_wait_run (&wait), &local_error))
    {
      tool_wait_explain (&wait, &local_error);
      g_subprocess_force_exit (self->process);
      g_prefix_error (&local_error, _("the listener did not end in order: "));
      prefix_log (self, &local_error);
    }
  tool_wait_clear (&wait);
  g_clear_object (&self->process);
  if (local_error == NULL)
    return TRUE;
  g_propagate_error (error, local_error);
  return FALSE;
}

/**
 * tool_demo_listener_stop:
 * @self: a listener
 * @error: return location for an error
 *
 * Ends a listener.
 *
 * Returns: whether it ended in order
 */
gboolean
tool_demo_listener_stop (ToolDemoListener *self, GError **error)
{
  if (self->host != NULL)
    tool_host_close (self->host);
  g_clear_object (&self->host);
  return self->process == NULL || stop_process (self, error);
}

void
tool_demo_listener_free (ToolDemoListener *self)
{
  g_clear_object (&self->host);
  g_clear_object (&self->output);
  g_clear_object (&self->process);
  g_clear_pointer (&self->address, lp2p_multiaddr_unref);
  g_free (self->folder);
  g_free (self->log);
  g_free (self);
}
