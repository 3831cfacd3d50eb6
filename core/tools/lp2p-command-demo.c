/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lp2p demo: every enabled way to connect, tried out between two processes. */

#include <lp2p/lp2p-plugin.h>

#include "tools/lp2p-demo-private.h"
#include "tools/lp2p-output-private.h"
#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>

#define WHAT         "demo"
#define DEFAULT_SIZE (64 * 1024 * 1024)

typedef struct
{
  gboolean json;
  gboolean keep;
  char *size;
} Options;

static const char description[] =
    N_("For every enabled transport with every enabled security protocol and muxer, it starts\n"
       "a second process that listens on the loopback interface, connects to it, verifies its\n"
       "peer id, pings it, uploads a file of pseudo-random bytes and downloads it again, and\n"
       "compares the SHA-256 on both sides. Then it prints a table. A transport that has\n"
       "security and muxing of its own makes one row. A transport that does not leave its\n"
       "process is tried within one; one that needs a third peer is left out, and named. One\n"
       "that listens with a certificate gets a temporary one.\n"
       "\n"
       "connect ms   until the peer is verified\n"
       "ping ms      mean of five round trips\n"
       "up, down     10^6 bytes per second, by the clock on the wall: from opening the stream\n"
       "             until the receiver has stored all of the file\n"
       "\n"
       "--json prints an object per row: transport, security, muxer, address, ok, error,\n"
       "connect_ms, ping_ms, up_mb_s, down_mb_s; what was not measured is null.\n"
       "\n"
       "The exit status is 0 only if there was a row and all rows passed.");

static void
options_clear (Options *self)
{
  g_free (self->size);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static void
demo_clear (ToolDemo *self)
{
  g_clear_pointer (&self->file, tool_file_free);
  g_clear_object (&self->config);
  g_clear_object (&self->identity);
  g_free (self->folder);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (ToolDemo, demo_clear)

/* Folders */

static void
remove_folder (const char *path)
{
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    {
      g_autofree char *entry = g_build_filename (path, name, NULL);

      /* A link is not a folder to go into. */
      if (g_file_test (entry, G_FILE_TEST_IS_DIR) && !g_file_test (entry, G_FILE_TEST_IS_SYMLINK))
        remove_folder (entry);
      else
        g_unlink (entry);
    }
  g_rmdir (path);
}

/* Rows */

/* The descriptors of what is enabled of a kind and can be loaded; the rest is named. */
static GPtrArray *
list_usable (Lp2pConfig *config, Lp2pRegistry *registry, const ToolKind *kind)
{
  g_auto (GStrv) names = lp2p_config_get_strv (config, LP2P_CONFIG_GROUP_HOST, kind->option);
  GPtrArray *usable = g_ptr_array_new_with_free_func (g_object_unref);

  for (gsize i = 0; names[i] != NULL; i++)
    {
      Lp2pDescriptor *descriptor = lp2p_registry_find (registry, names[i]);
      /* Translators: a kind of loadable object, and its name */
      g_autofree char *what = g_strdup_printf (_("demo: %s %s left out"), kind->kind, names[i]);
      g_autoptr (GError) error = NULL;

      if (descriptor == NULL || g_strcmp0 (lp2p_descriptor_get_kind (descriptor), kind->kind) != 0)
        tool_fail (TOOL_EXIT_FAILURE, what, _("enabled but not installed"));
      else if (lp2p_loader_load (descriptor, &error) == G_TYPE_INVALID)
        tool_fail (TOOL_EXIT_FAILURE, what, "%s", error->message);
      else
        g_ptr_array_add (usable, g_object_ref (descriptor));
    }
  return usable;
}

/* Why there can be no row, NULL where there can. */
static const char *
find_obstacle (Lp2pDescriptor *transport)
{
  if (tool_transport_needs_relay (transport))
    return _("it needs a relay besides the two peers");
  if (lp2p_descriptor_get_addresses (transport)[0] == NULL)
    return _("its descriptor does not say where it listens");
  return NULL;
}

static const char *
name_at (GPtrArray *descriptors, guint i)
{
  return lp2p_descriptor_get_name (g_ptr_array_index (descriptors, i));
}

static void
add_rows (GPtrArray *rows, Lp2pDescriptor *transport, GPtrArray *security, GPtrArray *muxers)
{
  const char *obstacle = find_obstacle (transport);

  if (obstacle != NULL)
    {
      g_autofree char *what =
          g_strdup_printf (_("demo: transport %s left out"), lp2p_descriptor_get_name (transport));
      tool_fail (TOOL_EXIT_OK, what, "%s", obstacle);
      return;
    }
  if (tool_transport_has (transport, LP2P_TRAIT_NATIVE))
    {
      g_ptr_array_add (rows, tool_demo_row_new (transport, NULL, NULL));
      return;
    }
  for (guint i = 0; i < security->len; i++)
    for (guint j = 0; j < muxers->len; j++)
      g_ptr_array_add (rows, tool_demo_row_new (transport, name_at (security, i), name_at (muxers, j)));
}

static const ToolKind *
find_kind (const char *name)
{
  const ToolKind *kind = tool_kinds;

  while (!g_str_equal (kind->kind, name))
    kind++;
  return kind;
}

static GPtrArray *
plan_rows (Lp2pConfig *config)
{
  g_autoptr (Lp2pRegistry) registry = lp2p_registry_new (config);
  g_autoptr (GPtrArray) transports = NULL;
  g_autoptr (GPtrArray) security = NULL;
  g_autoptr (GPtrArray) muxers = NULL;
  GPtrArray *rows = g_ptr_array_new_with_free_func ((GDestroyNotify) tool_demo_row_free);

  lp2p_registry_scan (registry);
  transports = list_usable (config, registry, find_kind (LP2P_KIND_TRANSPORT));
  security = list_usable (config, registry, find_kind (LP2P_KIND_SECURITY));
  muxers = list_usable (config, registry, find_kind (LP2P_KIND_MUXER));
  for (guint i = 0; i < transports->len; i++)
    add_rows (rows, g_ptr_array_index (transports, i), security, muxers);
  return rows;
}

/* Output */

static void
add_measure (ToolJson *object, const char *name, double value, guint decimals)
{
  if (value < 0)
    tool_json_add_null (object, name);
  else
    tool_json_add_number (object, name, value, decimals);
}

static void
print_json (const ToolDemoRow *row)
{
  g_autoptr (ToolJson) object = tool_json_new ();

  tool_json_add_string (object, "transport", row->transport);
  tool_json_add_string (object, "security", row->security);
  tool_json_add_string (object, "muxer", row->muxer);
  tool_json_add_string (object, "address", row->address);
  tool_json_add_boolean (object, "ok", row->ok);
  tool_json_add_string (object, "error", row->error);
  add_measure (object, "connect_ms", row->connect_ms, 3);
  add_measure (object, "ping_ms", row->ping_ms, 3);
  add_measure (object, "up_mb_s", row->up_mb_s, 1);
  add_measure (object, "down_mb_s", row->down_mb_s, 1);
  tool_json_print (object);
}

static void
add_cell (ToolTable *table, double value, const char *format)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  tool_table_add (table, TOOL_STYLE_PLAIN,
                  value < 0 ? "-" : g_ascii_formatd (buffer, sizeof buffer, format, value));
}

/* The peer id is another one in each run, and long. */
static char *
shorten_address (const ToolDemoRow *row)
{
  const char *peer = row->address != NULL ? strstr (row->address, "/p2p/") : NULL;

  if (peer != NULL)
    return g_strndup (row->address, (gsize) (peer - row->address));
  return g_strdup (row->address != NULL ? row->address : "-");
}

static void
print_table (GPtrArray *rows)
{
  static const char *const titles[] = { N_("TRANSPORT"),  N_("SECURITY"),    N_("MUXER"),    N_("ADDRESS"),
                                        N_("OK"),         N_(">CONNECT MS"), N_(">PING MS"), N_(">UP MB/S"),
                                        N_(">DOWN MB/S"), N_("ERROR"),       NULL };
  g_autoptr (ToolTable) table = tool_table_new (titles);

  for (guint i = 0; i < rows->len; i++)
    {
      const ToolDemoRow *row = g_ptr_array_index (rows, i);
      g_autofree char *address = shorten_address (row);

      tool_table_add (table, TOOL_STYLE_PLAIN, row->transport);
      tool_table_add (table, TOOL_STYLE_PLAIN, row->security != NULL ? row->security : "-");
      tool_table_add (table, TOOL_STYLE_PLAIN, row->muxer != NULL ? row->muxer : "-");
      tool_table_add (table, TOOL_STYLE_PLAIN, address);
      tool_table_add (table, row->ok ? TOOL_STYLE_GOOD : TOOL_STYLE_BAD, row->ok ? _("yes") : _("no"));
      add_cell (table, row->connect_ms, "%.2f");
      add_cell (table, row->ping_ms, "%.3f");
      add_cell (table, row->up_mb_s, "%.1f");
      add_cell (table, row->down_mb_s, "%.1f");
      tool_table_add (table, TOOL_STYLE_BAD, row->error);
    }
  tool_table_print (table);
}

static void
print_notes (GPtrArray *rows, const ToolDemo *demo)
{
  g_autofree char *size = g_format_size_full (demo->file->size, G_FORMAT_SIZE_IEC_UNITS);

  tool_print (_("\nEach row: two processes on this machine, a file of %s.\n"), size);
  for (guint i = 0; i < rows->len; i++)
    {
      const ToolDemoRow *row = g_ptr_array_index (rows, i);

      if (tool_transport_has (row->descriptor, LP2P_TRAIT_LOCAL))
        {
          tool_print (_("Except %s, which does not leave its process: there both peers are in one.\n"),
                      row->transport);
          return;
        }
    }
}

/* The demo */

static gboolean
prepare (ToolDemo *demo, guint64 size, GError **error)
{
  g_autofree char *path = NULL;

  demo->identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, error);
  if (demo->identity == NULL)
    return FALSE;
  tool_note (demo->options, _("temporary identity %s"),
             lp2p_peer_id_get_string (lp2p_identity_get_peer_id (demo->identity)));
  demo->folder = g_dir_make_tmp ("lp2p-demo-XXXXXX", error);
  if (demo->folder == NULL)
    return FALSE;
  path = g_build_filename (demo->folder, "random", NULL);
  tool_progress (_("making a file of pseudo-random bytes"));
  demo->file = tool_file_new_random (path, size, error);
  return demo->file != NULL;
}

static int
run_rows (const ToolDemo *demo, GPtrArray *rows, gboolean json)
{
  gboolean all_ok = rows->len > 0;
  guint n_run = 0;

  while (n_run < rows->len && !tool_is_interrupted ())
    {
      ToolDemoRow *row = g_ptr_array_index (rows, n_run);

      tool_demo_row_run (row, demo, n_run++);
      all_ok = all_ok && row->ok;
      if (json)
        print_json (row);
    }
  all_ok = all_ok && n_run == rows->len;
  g_ptr_array_set_size (rows, (int) n_run);
  if (!json)
    {
      print_table (rows);
      print_notes (rows, demo);
    }
  return all_ok ? TOOL_EXIT_OK : TOOL_EXIT_FAILURE;
}

static int
run (ToolDemo *demo, guint64 size, gboolean json)
{
  g_autoptr (GPtrArray) rows = NULL;
  g_autoptr (GError) error = NULL;

  demo->config = tool_options_load_config (demo->options, &error);
  if (demo->config == NULL)
    return tool_fail_error (WHAT, error);
  rows = plan_rows (demo->config);
  if (rows->len == 0)
    return tool_fail (TOOL_EXIT_FAILURE, WHAT,
                      _("there is nothing to try: no enabled transport works, or none of the "
                        "security protocols or muxers; see lp2p inspect"));
  if (!prepare (demo, size, &error))
    return tool_fail_error (WHAT, error);
  return run_rows (demo, rows, json);
}

int
tool_command_demo (ToolLine *line)
{
  g_auto (Options) options = { FALSE };
  const GOptionEntry entries[] = {
    { "size", 0, 0, G_OPTION_ARG_STRING, &options.size,
      N_("Size of the file, in bytes or with K, M or G; the default is 64M"), N_("SIZE") },
    { "keep", 0, 0, G_OPTION_ARG_NONE, &options.keep,
      N_("Leave the temporary folder with files, configurations and logs"), NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, N_("Print a JSON object for each row"), NULL },
    { NULL },
  };
  g_auto (ToolDemo) demo = { .options = line->options };
  guint64 size = DEFAULT_SIZE;
  int status;

  if (!tool_line_parse (line, entries, description, 0, 0))
    return TOOL_EXIT_USAGE;
  if (options.size != NULL && !tool_parse_size (options.size, 1, &size))
    return tool_fail (TOOL_EXIT_USAGE, WHAT,
                      _("a size of \"%s\", expected a number of bytes from 1 to 1024G, such as "
                        "1000000 or 64M"),
                      options.size);

  tool_watch_interrupts ();
  status = run (&demo, size, options.json);
  if (demo.folder != NULL && options.keep)
    tool_fail (TOOL_EXIT_OK, WHAT, _("files, configurations and logs are in %s"), demo.folder);
  else if (demo.folder != NULL)
    remove_folder (demo.folder);
  return status;
}
