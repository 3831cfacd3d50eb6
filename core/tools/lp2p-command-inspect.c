/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lp2p inspect: what can be loaded, what is, and what is wrong with the rest. */

#include <lp2p/lp2p-plugin.h>

#include "tools/lp2p-output-private.h"
#include "tools/lp2p-tool-private.h"
#include "types/lp2p-i18n-private.h"

#include <stdlib.h>
#include <string.h>

#define WHAT "inspect"

static const char description[] =
    N_("Reads the descriptors of all loadable objects, loads those that the configuration\n"
       "enables, and tells how that went. What is enabled but not installed is listed too.\n"
       "The exit status is 1 if something that is enabled has an error.\n"
       "\n"
       "--json prints an object per line: name, kind, protocols, enabled, loaded, file,\n"
       "error; with NAME also title, description, priority, license.");

/* One line of the table: a descriptor, or a name that has none. */
typedef struct
{
  Lp2pDescriptor *descriptor;
  char *name;
  const char *kind;
  char *error;
  gboolean enabled;
  guint order;
} Row;

static void
row_free (Row *row)
{
  g_clear_object (&row->descriptor);
  g_free (row->name);
  g_free (row->error);
  g_free (row);
}

/* Where a kind stands in the table; those without one come last. */
static guint
get_order (const char *kind)
{
  guint i = 0;

  while (tool_kinds[i].kind != NULL && g_strcmp0 (tool_kinds[i].kind, kind) != 0)
    i++;
  return i;
}

/* A descriptor that could not even tell its name goes by that of its file. */
static char *
dup_name (Lp2pDescriptor *descriptor)
{
  const char *name = lp2p_descriptor_get_name (descriptor);
  g_autofree char *base = g_path_get_basename (lp2p_descriptor_get_file (descriptor));

  if (name != NULL)
    return g_strdup (name);
  if (g_str_has_suffix (base, ".plugin"))
    base[strlen (base) - strlen (".plugin")] = '\0';
  return g_steal_pointer (&base);
}

static void
add_descriptors (GPtrArray *rows, Lp2pRegistry *registry)
{
  GListModel *descriptors = lp2p_registry_get_descriptors (registry);

  for (guint i = 0; i < g_list_model_get_n_items (descriptors); i++)
    {
      Row *row = g_new0 (Row, 1);
      const GError *error;

      row->descriptor = g_list_model_get_item (descriptors, i);
      row->name = dup_name (row->descriptor);
      row->kind = lp2p_descriptor_get_kind (row->descriptor);
      row->order = get_order (row->kind);
      /* One that came second for its name is not what is enabled. */
      row->enabled = lp2p_registry_is_enabled (registry, row->descriptor) &&
                     lp2p_registry_find (registry, row->name) == row->descriptor;
      if (row->enabled)
        lp2p_loader_load (row->descriptor, NULL);
      error = lp2p_descriptor_get_error (row->descriptor);
      row->error = error != NULL ? g_strdup (error->message) : NULL;
      g_ptr_array_add (rows, row);
    }
}

static gboolean
is_installed (Lp2pRegistry *registry, const char *name, const char *kind)
{
  Lp2pDescriptor *descriptor = lp2p_registry_find (registry, name);
  const char *actual = descriptor != NULL ? lp2p_descriptor_get_kind (descriptor) : NULL;

  return descriptor != NULL && (actual == NULL || g_str_equal (actual, kind));
}

static void
add_missing (GPtrArray *rows, Lp2pRegistry *registry)
{
  for (guint i = 0; tool_kinds[i].kind != NULL; i++)
    {
      g_auto (GStrv) enabled = lp2p_registry_dup_enabled (registry, tool_kinds[i].kind);

      for (gsize j = 0; enabled[j] != NULL; j++)
        {
          Row *row;

          if (is_installed (registry, enabled[j], tool_kinds[i].kind))
            continue;
          row = g_new0 (Row, 1);
          row->name = g_strdup (enabled[j]);
          row->kind = tool_kinds[i].kind;
          row->order = i;
          row->enabled = TRUE;
          row->error = g_strdup (_("enabled but not installed"));
          g_ptr_array_add (rows, row);
        }
    }
}

static int
compare_rows (gconstpointer a, gconstpointer b)
{
  const Row *first = *(const Row *const *) a;
  const Row *second = *(const Row *const *) b;

  if (first->order != second->order)
    return first->order < second->order ? -1 : 1;
  return strcmp (first->name, second->name);
}

static const char *
get_file (const Row *row)
{
  return row->descriptor != NULL ? lp2p_descriptor_get_file (row->descriptor) : NULL;
}

static gboolean
get_loaded (const Row *row)
{
  return row->descriptor != NULL && lp2p_descriptor_get_loaded (row->descriptor);
}

static const char *const *
get_protocols (const Row *row)
{
  return row->descriptor != NULL ? lp2p_descriptor_get_protocols (row->descriptor) : NULL;
}

static char *
join_protocols (const Row *row, const char *separator)
{
  const char *const *protocols = get_protocols (row);

  return protocols != NULL ? g_strjoinv (separator, (char **) protocols) : g_strdup ("");
}

static void
print_json (const Row *row, gboolean detailed)
{
  g_autoptr (ToolJson) object = tool_json_new ();
  Lp2pDescriptor *descriptor = row->descriptor;

  tool_json_add_string (object, "name", row->name);
  tool_json_add_string (object, "kind", row->kind);
  tool_json_add_strings (object, "protocols", get_protocols (row));
  tool_json_add_boolean (object, "enabled", row->enabled);
  tool_json_add_boolean (object, "loaded", get_loaded (row));
  tool_json_add_string (object, "file", get_file (row));
  tool_json_add_string (object, "error", row->error);
  if (detailed && descriptor != NULL)
    {
      tool_json_add_string (object, "title", lp2p_descriptor_get_title (descriptor));
      tool_json_add_string (object, "description", lp2p_descriptor_get_description (descriptor));
      tool_json_add_integer (object, "priority", lp2p_descriptor_get_priority (descriptor));
      tool_json_add_string (object, "license", lp2p_descriptor_get_license (descriptor));
    }
  tool_json_print (object);
}

static const char *
yes_or_no (gboolean value)
{
  return value ? _("yes") : _("no");
}

static void
print_field_if_known (const char *name, const char *value)
{
  if (value != NULL && value[0] != '\0')
    tool_print_field (name, value);
}

static void
print_details (const Row *row)
{
  Lp2pDescriptor *descriptor = row->descriptor;
  g_autofree char *protocols = join_protocols (row, ", ");

  tool_print_field (_("name"), row->name);
  print_field_if_known (_("kind"), row->kind);
  if (descriptor != NULL)
    {
      g_autofree char *priority = g_strdup_printf ("%d", lp2p_descriptor_get_priority (descriptor));

      print_field_if_known (_("title"), lp2p_descriptor_get_title (descriptor));
      print_field_if_known (_("description"), lp2p_descriptor_get_description (descriptor));
      print_field_if_known (_("protocols"), protocols);
      tool_print_field (_("priority"), priority);
      print_field_if_known (_("license"), lp2p_descriptor_get_license (descriptor));
    }
  tool_print_field (_("enabled"), yes_or_no (row->enabled));
  tool_print_field (_("loaded"), yes_or_no (get_loaded (row)));
  print_field_if_known (_("file"), get_file (row));
  print_field_if_known (_("error"), row->error);
}

static void
print_table (GPtrArray *rows)
{
  static const char *const titles[] = { N_("NAME"),   N_("KIND"), N_("PROTOCOLS"), N_("ENABLED"),
                                        N_("LOADED"), N_("FILE"), N_("ERROR"),     NULL };
  g_autoptr (ToolTable) table = tool_table_new (titles);

  for (guint i = 0; i < rows->len; i++)
    {
      const Row *row = g_ptr_array_index (rows, i);
      g_autofree char *protocols = join_protocols (row, " ");
      gboolean loaded = get_loaded (row);

      tool_table_add (table, TOOL_STYLE_PLAIN, row->name);
      tool_table_add (table, TOOL_STYLE_PLAIN, row->kind != NULL ? row->kind : "-");
      tool_table_add (table, TOOL_STYLE_PLAIN, protocols[0] != '\0' ? protocols : "-");
      tool_table_add (table, TOOL_STYLE_PLAIN, yes_or_no (row->enabled));
      tool_table_add (table,
                      loaded         ? TOOL_STYLE_GOOD
                      : row->enabled ? TOOL_STYLE_BAD
                                     : TOOL_STYLE_PLAIN,
                      yes_or_no (loaded));
      tool_table_add (table, TOOL_STYLE_PLAIN, get_file (row) != NULL ? get_file (row) : "-");
      tool_table_add (table, TOOL_STYLE_BAD, row->error);
    }
  tool_table_print (table);
}

/* Leaves the rows of that name. */
static int
select_name (GPtrArray *rows, const char *name)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) names = NULL;
  const char *nearest;

  for (guint i = 0; i < rows->len; i++)
    g_strv_builder_add (builder, ((const Row *) g_ptr_array_index (rows, i))->name);
  names = g_strv_builder_end (builder);

  for (guint i = rows->len; i > 0; i--)
    if (!g_str_equal (names[i - 1], name))
      g_ptr_array_remove_index (rows, i - 1);
  if (rows->len > 0)
    return TOOL_EXIT_OK;

  nearest = tool_find_nearest (name, (const char *const *) names);
  if (nearest != NULL)
    return tool_fail (TOOL_EXIT_FAILURE, WHAT, _("nothing of the name \"%s\", did you mean \"%s\"?"), name, nearest);
  return tool_fail (TOOL_EXIT_FAILURE, WHAT, _("nothing of the name \"%s\" is installed or enabled"), name);
}

static int
print_rows (GPtrArray *rows, const char *name, gboolean json)
{
  int status = TOOL_EXIT_OK;

  for (guint i = 0; i < rows->len; i++)
    {
      const Row *row = g_ptr_array_index (rows, i);

      if (row->enabled && row->error != NULL)
        status = TOOL_EXIT_FAILURE;
      if (json)
        print_json (row, name != NULL);
      else if (name != NULL)
        print_details (row);
      if (!json && name != NULL && i + 1 < rows->len)
        tool_print ("\n");
    }
  if (!json && name == NULL && rows->len > 0)
    print_table (rows);
  return status;
}

int
tool_command_inspect (ToolLine *line)
{
  gboolean json = FALSE;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_("Print a JSON object for each"), NULL },
    { NULL },
  };
  g_autoptr (GPtrArray) rows = g_ptr_array_new_with_free_func ((GDestroyNotify) row_free);
  g_autoptr (Lp2pRegistry) registry = NULL;
  g_autoptr (Lp2pConfig) config = NULL;
  g_autoptr (GError) error = NULL;
  const char *name;
  int status;

  if (!tool_line_parse (line, entries, description, 0, 1))
    return TOOL_EXIT_USAGE;
  name = line->arguments != NULL ? line->arguments[0] : NULL;

  config = tool_options_load_config (line->options, &error);
  if (config == NULL)
    return tool_fail_error (WHAT, error);
  registry = lp2p_registry_new (config);
  lp2p_registry_scan (registry);

  add_descriptors (rows, registry);
  add_missing (rows, registry);
  g_ptr_array_sort (rows, compare_rows);
  if (name != NULL)
    {
      status = select_name (rows, name);
      if (status != TOOL_EXIT_OK)
        return status;
    }
  return print_rows (rows, name, json);
}
