/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lp2p config: every option there is, as a configuration file, as JSON, or as a
 * settings schema. */

#include "tools/lp2p-output-private.h"
#include "tools/lp2p-session-private.h"
#include "types/lp2p-i18n-private.h"

#include <inttypes.h>
#include <string.h>

#define WHAT        "config"
#define HOST_SCHEMA "org.lp2p.Host"

static const char description[] =
    N_("Shows every option of the library and of the enabled loadable objects in the form of\n"
       "a configuration file: what it does, its default behind a #, or its value where one is\n"
       "set. With NAMEs, which are host or those of loadable objects, only the options of\n"
       "these, enabled or not. What is wrong in the configuration is told with file and line,\n"
       "and the exit status is 1: so this also checks a configuration file.\n"
       "\n"
       "--json prints an object per line: group, key, type, default, value, description.\n"
       "--schema NAME prints a GSettings schema, org.lp2p.Host or org.lp2p.plugin.NAME.\n"
       "\n"
       "Example:\n"
       "  lp2p config >~/.config/lp2p/lp2p.conf");

/* Printing one option */

static char *
describe_range (const Lp2pOption *option)
{
  if (option->min == 0 && option->max == 0)
    return g_strdup ("");
  /* Translators: what follows the type of an option, in brackets */
  return g_strdup_printf (_(", from %" PRIu64 " to %" PRIu64), option->min,
                          option->max);
}

static char *
dup_value_text (Lp2pConfig *config, const char *group, const Lp2pOption *option)
{
  g_autoptr (GVariant) value = lp2p_config_get (config, group, option->name);

  return g_variant_print (value, FALSE);
}

static void
print_line (Lp2pConfig *config, const char *group, const Lp2pOption *option)
{
  g_autofree char *range = describe_range (option);
  g_autofree char *value = dup_value_text (config, group, option);
  gboolean is_default = g_str_equal (value, option->default_value);

  tool_print ("\n# %s (%s%s)\n", tool_translate (option->description), option->type, range);
  tool_print ("%s%s=%s\n", is_default ? "#" : "", option->name, value);
}

static void
print_json (Lp2pConfig *config, const char *group, const Lp2pOption *option)
{
  g_autoptr (ToolJson) object = tool_json_new ();
  g_autofree char *value = dup_value_text (config, group, option);

  tool_json_add_string (object, "group", group);
  tool_json_add_string (object, "key", option->name);
  tool_json_add_string (object, "type", option->type);
  tool_json_add_string (object, "default", option->default_value);
  tool_json_add_string (object, "value", value);
  tool_json_add_string (object, "description", option->description);
  tool_json_print (object);
}

static void
print_schema_key (Lp2pConfig *config, const char *group, const Lp2pOption *option)
{
  g_autofree char *value = g_markup_escape_text (option->default_value, -1);
  g_autofree char *summary = g_markup_escape_text (option->description, -1);

  tool_print ("    <key name=\"%s\" type=\"%s\">\n", option->name, option->type);
  if (option->min != 0 || option->max != 0)
    tool_print ("      <range min=\"%" G_GUINT64_FORMAT "\" max=\"%" G_GUINT64_FORMAT "\"/>\n",
                option->min, option->max);
  tool_print ("      <default>%s</default>\n      <summary>%s</summary>\n    </key>\n", value,
              summary);
}

/* Printing a group */

typedef void (*PrintGroup) (Lp2pConfig *config, const char *group);
typedef void (*PrintOption) (Lp2pConfig *config, const char *group, const Lp2pOption *option);

static void
print_options (Lp2pConfig *config, const char *group, PrintOption print)
{
  gsize n;
  g_autofree const Lp2pOption **options = lp2p_config_list_options (config, group, &n);

  for (gsize i = 0; i < n; i++)
    print (config, group, options[i]);
}

static void
print_group (Lp2pConfig *config, const char *group)
{
  tool_print ("[%s]\n", group);
  print_options (config, group, print_line);
  tool_print ("\n");
}

static void
print_json_group (Lp2pConfig *config, const char *group)
{
  print_options (config, group, print_json);
}

static void
print_schema (Lp2pConfig *config, const char *group)
{
  g_autofree char *id = g_str_equal (group, LP2P_CONFIG_GROUP_HOST)
                            ? g_strdup (HOST_SCHEMA)
                            : g_strconcat ("org.lp2p.plugin.", strchr (group, ' ') + 1, NULL);

  tool_print ("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
              "<schemalist gettext-domain=\"lp2p\">\n  <schema id=\"%s\">\n", id);
  print_options (config, group, print_schema_key);
  tool_print ("  </schema>\n</schemalist>\n");
}

/* Which groups */

static gboolean
check_names (Lp2pRegistry *registry, const char *const *names, GError **error)
{
  for (gsize i = 0; names[i] != NULL; i++)
    if (!g_str_equal (names[i], LP2P_CONFIG_GROUP_HOST) &&
        lp2p_registry_find (registry, names[i]) == NULL)
      {
        g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN,
                     _("nothing of the name \"%s\" is installed"), names[i]);
        return FALSE;
      }
  return TRUE;
}

static GVariant *
select_kind (Lp2pRegistry *registry, const char *const *names, const char *kind)
{
  GVariantBuilder builder;

  g_variant_builder_init (&builder, G_VARIANT_TYPE_STRING_ARRAY);
  for (gsize i = 0; names[i] != NULL; i++)
    {
      Lp2pDescriptor *descriptor = lp2p_registry_find (registry, names[i]);

      if (descriptor != NULL && g_strcmp0 (lp2p_descriptor_get_kind (descriptor), kind) == 0)
        g_variant_builder_add (&builder, "s", names[i]);
    }
  return g_variant_builder_end (&builder);
}

/* A config for a host in which nothing is enabled but @names. */
static gboolean
enable_only (Lp2pConfig *config, const char *const *names, GError **error)
{
  g_autoptr (Lp2pRegistry) registry = lp2p_registry_new (config);

  lp2p_registry_scan (registry);
  if (!check_names (registry, names, error))
    return FALSE;
  for (guint i = 0; tool_kinds[i].kind != NULL; i++)
    if (!lp2p_config_set (config, LP2P_CONFIG_GROUP_HOST, tool_kinds[i].option,
                          select_kind (registry, names, tool_kinds[i].kind), error))
      return FALSE;
  return TRUE;
}

static gboolean
register_same (Lp2pConfig *config, Lp2pConfig *other, const char *group, GError **error)
{
  gsize n;
  g_autofree const Lp2pOption **options = lp2p_config_list_options (other, group, &n);
  g_autofree Lp2pOption *copies = g_new (Lp2pOption, MAX (n, 1));

  for (gsize i = 0; i < n; i++)
    copies[i] = *options[i];
  return lp2p_config_register_group (config, group, copies, n, error);
}

/* Objects tell their options when a host starts them. */
static gboolean
register_groups (Lp2pConfig *config, GError **error)
{
  g_autoptr (Lp2pHost) host = NULL;

  if (!lp2p_config_set_from_string (config, LP2P_CONFIG_GROUP_HOST, "listen", "[]", error))
    return FALSE;
  host = tool_host_start (config, NULL, error);
  if (host == NULL)
    return FALSE;
  tool_host_close (host);
  return lp2p_config_validate (config, error);
}

/* Starts the objects in a config of its own, as that needs other values than those
 * that are shown. */
static Lp2pConfig *
load (ToolLine *line, const char *const *names, GError **error)
{
  g_autoptr (Lp2pConfig) config = tool_options_load_config (line->options, error);
  g_autoptr (Lp2pConfig) started = NULL;
  g_auto (GStrv) groups = NULL;

  if (config == NULL)
    return NULL;
  started = tool_options_load_config (line->options, error);
  if (started == NULL || (names != NULL && names[0] != NULL && !enable_only (started, names, error)) ||
      !register_groups (started, error))
    return NULL;
  groups = lp2p_config_list_groups (started);
  for (gsize i = 0; groups[i] != NULL; i++)
    if (!register_same (config, started, groups[i], error))
      return NULL;
  return g_steal_pointer (&config);
}

static int
print_named (Lp2pConfig *config, const char *name, PrintGroup print)
{
  g_autofree char *group = g_str_equal (name, LP2P_CONFIG_GROUP_HOST)
                               ? g_strdup (name)
                               : g_strconcat ("plugin ", name, NULL);
  g_auto (GStrv) groups = lp2p_config_list_groups (config);

  if (!g_strv_contains ((const char *const *) groups, group))
    return tool_fail (TOOL_EXIT_FAILURE, WHAT,
                      _("%s has no options or cannot be loaded: lp2p inspect %s tells"), name, name);
  print (config, group);
  return TOOL_EXIT_OK;
}

static int
print_all (Lp2pConfig *config, PrintGroup print)
{
  g_auto (GStrv) groups = lp2p_config_list_groups (config);

  for (gsize i = 0; groups[i] != NULL; i++)
    print (config, groups[i]);
  return TOOL_EXIT_OK;
}

int
tool_command_config (ToolLine *line)
{
  gboolean json = FALSE, schema = FALSE;
  const GOptionEntry entries[] = {
    { "json", 0, 0, G_OPTION_ARG_NONE, &json, N_("Print a JSON object for each option"), NULL },
    { "schema", 0, 0, G_OPTION_ARG_NONE, &schema, N_("Print the GSettings schema of a NAME"), NULL },
    { NULL },
  };
  g_autoptr (Lp2pConfig) config = NULL;
  g_autoptr (GError) error = NULL;
  PrintGroup print;
  const char *const *names;
  int status = TOOL_EXIT_OK;

  if (!tool_line_parse (line, entries, description, 0, G_MAXUINT))
    return TOOL_EXIT_USAGE;
  names = (const char *const *) line->arguments;
  if (schema && (json || names == NULL || names[0] == NULL || names[1] != NULL))
    return tool_fail (TOOL_EXIT_USAGE, WHAT, _("--schema takes one NAME and no --json"));
  print = schema ? print_schema : json ? print_json_group : print_group;

  config = load (line, names, &error);
  if (config == NULL)
    return tool_fail_error (WHAT, error);
  if (names == NULL || names[0] == NULL)
    return print_all (config, print);
  for (gsize i = 0; names[i] != NULL && status == TOOL_EXIT_OK; i++)
    status = print_named (config, names[i], print);
  return status;
}
