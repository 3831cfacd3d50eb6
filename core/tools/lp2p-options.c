/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The options that every command takes, the parsing of a command's line, and what
 * is said when something is wrong. */

#include "tools/lp2p-output-private.h"
#include "tools/lp2p-tool-private.h"
#include "types/lp2p-i18n-private.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

/* Of what an option may ask for, in bytes. */
#define MAX_SIZE (G_GUINT64_CONSTANT (1) << 40)

/* Where GSettings keeps the options of this command. */
#define SETTINGS_PATH "/org/lp2p/"

const ToolKind tool_kinds[] = {
  { LP2P_KIND_TRANSPORT, "transports" },
  { LP2P_KIND_SECURITY, "security" },
  { LP2P_KIND_MUXER, "muxers" },
  { LP2P_KIND_SERVICE, "services" },
  { LP2P_KIND_DISCOVERY, "discovery" },
  { LP2P_KIND_KEY_STORE, "key-stores" },
  { NULL, NULL },
};

/* Options */

/* Callbacks, as they may stand both before and behind the command: then the later
 * one counts, and lists grow. */
static gboolean
take_option (const char *option, const char *value, gpointer data, GError **error)
{
  ToolOptions *self = data;

  if (g_str_equal (option, "--config"))
    {
      g_free (self->config_file);
      self->config_file = g_strdup (value);
    }
  else if (g_str_equal (option, "--identity"))
    {
      g_free (self->identity_file);
      self->identity_file = g_strdup (value);
    }
  else if (g_str_equal (option, "--plugin-path"))
    {
      if (self->plugin_path == NULL)
        self->plugin_path = g_ptr_array_new_with_free_func (g_free);
      g_ptr_array_add (self->plugin_path, g_canonicalize_filename (value, NULL));
    }
  else
    {
      self->verbose = TRUE;
    }
  return TRUE;
}

static const GOptionEntry common_entries[] = {
  { "config", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, take_option,
    N_("Configuration file; the default is lp2p/lp2p.conf in the user's configuration folder, "
       "then in the system's"),
    N_("FILE") },
  { "identity", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, take_option,
    N_("File of the private key"), N_("FILE") },
  { "plugin-path", 0, G_OPTION_FLAG_FILENAME, G_OPTION_ARG_CALLBACK, take_option,
    N_("Look for loadable objects in this folder first; may be given several times"), N_("DIR") },
  { "verbose", 0, G_OPTION_FLAG_NO_ARG, G_OPTION_ARG_CALLBACK, take_option,
    N_("Say on standard error what is going on"), NULL },
  { NULL },
};

/**
 * tool_options_add:
 * @self: where the values go
 * @context: a parser
 *
 * Makes a parser take the common options, to which others may be added then.
 */
void
tool_options_add (ToolOptions *self, GOptionContext *context)
{
  GOptionGroup *group = g_option_group_new ("lp2p", _("Options:"), _("Show the options"), self, NULL);

  g_option_group_set_translation_domain (group, GETTEXT_PACKAGE);
  g_option_group_add_entries (group, common_entries);
  g_option_context_set_main_group (context, group);
}

void
tool_options_clear (ToolOptions *self)
{
  g_clear_pointer (&self->config_file, g_free);
  g_clear_pointer (&self->identity_file, g_free);
  g_clear_pointer (&self->plugin_path, g_ptr_array_unref);
}

static gboolean
add_plugin_path (ToolOptions *self, Lp2pConfig *config, GError **error)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) configured = NULL;
  g_auto (GStrv) path = NULL;

  if (self->plugin_path == NULL)
    return TRUE;
  for (guint i = 0; i < self->plugin_path->len; i++)
    g_strv_builder_add (builder, g_ptr_array_index (self->plugin_path, i));
  configured = lp2p_config_get_strv (config, LP2P_CONFIG_GROUP_HOST, "plugin-path");
  g_strv_builder_addv (builder, (const char **) configured);
  path = g_strv_builder_end (builder);
  return lp2p_config_set (config, LP2P_CONFIG_GROUP_HOST, "plugin-path",
                          g_variant_new_strv ((const char *const *) path, -1), error);
}

static char *
find_config_file (ToolOptions *self)
{
  return self->config_file != NULL ? g_strdup (self->config_file)
                                   : lp2p_config_find_default_file ();
}

/**
 * tool_options_load_config:
 * @self: the common options
 * @error: return location for an error, which names file, line, group and key
 *
 * Loads the configuration file that the options name, or else the default one;
 * where there is none, what is set in GSettings counts.
 *
 * Returns: (transfer full): the configuration
 */
Lp2pConfig *
tool_options_load_config (ToolOptions *self, GError **error)
{
  g_autoptr (Lp2pConfig) config = lp2p_config_new ();
  g_autofree char *file = find_config_file (self);

  if (file != NULL)
    tool_note (self, _("configuration file %s"), file);
  else if (lp2p_settings_bind_all (config, SETTINGS_PATH) > 0)
    tool_note (self, _("no configuration file: options are those of GSettings"));
  else
    tool_note (self, _("no configuration file: all options have their defaults"));
  if (file != NULL &&
      (!lp2p_config_load_file (config, file, error) || !lp2p_config_validate (config, error)))
    return NULL;
  if (!add_plugin_path (self, config, error))
    return NULL;
  return g_steal_pointer (&config);
}

/**
 * tool_options_reload_config:
 * @self: the common options
 * @config: what tool_options_load_config() gave
 * @error: return location for an error, which names file, line, group and key
 *
 * Reads the configuration file again. After an error, nothing has changed.
 *
 * Returns: whether all was well
 */
gboolean
tool_options_reload_config (ToolOptions *self, Lp2pConfig *config, GError **error)
{
  g_autofree char *file = find_config_file (self);

  return file == NULL ||
         (lp2p_config_replace_file (config, file, error) && add_plugin_path (self, config, error));
}

/* Logs */

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer data)
{
  ToolOptions *self = data;

  if ((level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL | G_LOG_LEVEL_WARNING)) != 0 ||
      g_getenv ("G_MESSAGES_DEBUG") != NULL)
    {
      tool_progress_clear ();
      return lp2p_log_writer (level, fields, n_fields, NULL);
    }
  /* Messages of the library are about what the command reports itself. */
  if (!self->verbose || (level & G_LOG_LEVEL_DEBUG) != 0)
    return G_LOG_WRITER_HANDLED;
  for (gsize i = 0; i < n_fields; i++)
    if (g_str_equal (fields[i].key, "MESSAGE"))
      tool_note (self, "%s", (const char *) fields[i].value);
  return G_LOG_WRITER_HANDLED;
}

/**
 * tool_options_listen_to_logs:
 * @self: the common options, for as long as the process lives
 *
 * Makes the log messages of the library follow --verbose, and all others
 * `G_MESSAGES_DEBUG`, in which `lp2p*` stands for the library and all that it loads.
 * Standard output is for what a command reports.
 */
void
tool_options_listen_to_logs (ToolOptions *self)
{
  g_log_writer_default_set_use_stderr (TRUE);
  g_log_set_writer_func (write_log, self, NULL);
}

/* Messages */

static void
print_line (const char *prefix, const char *text)
{
  g_autofree char *printable = NULL;
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);
  g_autofree char *joined = g_strjoinv ("; ", lines);

  printable = tool_make_printable (joined);
  tool_progress_clear ();
  /* What was printed before stays before it where both go to one place. */
  fflush (stdout);
  g_printerr ("lp2p: %s%s%s\n", prefix, prefix[0] != '\0' ? ": " : "", printable);
}

/**
 * tool_fail:
 * @status: what the process is to end with
 * @what: what was being done
 * @format: why it failed
 *
 * Reports a failure on standard error, in one line.
 *
 * Returns: @status
 */
int
tool_fail (ToolExit status, const char *what, const char *format, ...)
{
  g_autofree char *why = NULL;
  va_list args;

  va_start (args, format);
  why = g_strdup_vprintf (format, args);
  va_end (args);
  print_line (what, why);
  return status;
}

static ToolExit
choose_status (const GError *error)
{
  if (g_error_matches (error, LP2P_ERROR, LP2P_ERROR_WRONG_PEER))
    return TOOL_EXIT_WRONG_PEER;
  if (g_error_matches (error, LP2P_ERROR, LP2P_ERROR_NO_TRANSPORT) ||
      g_error_matches (error, LP2P_ERROR, LP2P_ERROR_NO_ADDRESS))
    return TOOL_EXIT_NO_CONNECTION;
  if (error->domain == G_RESOLVER_ERROR)
    return TOOL_EXIT_NO_CONNECTION;
  if (error->domain != G_IO_ERROR)
    return TOOL_EXIT_FAILURE;
  switch (error->code)
    {
    case G_IO_ERROR_TIMED_OUT:
      return TOOL_EXIT_TIMED_OUT;
    case G_IO_ERROR_CONNECTION_REFUSED:
    case G_IO_ERROR_HOST_NOT_FOUND:
    case G_IO_ERROR_HOST_UNREACHABLE:
    case G_IO_ERROR_NETWORK_UNREACHABLE:
    case G_IO_ERROR_PROXY_FAILED:
    case G_IO_ERROR_PROXY_AUTH_FAILED:
    case G_IO_ERROR_PROXY_NEED_AUTH:
    case G_IO_ERROR_PROXY_NOT_ALLOWED:
      return TOOL_EXIT_NO_CONNECTION;
    default:
      return TOOL_EXIT_FAILURE;
    }
}

/**
 * tool_fail_error:
 * @what: what was being done
 * @error: why it failed
 *
 * Reports a failure on standard error, in one line.
 *
 * Returns: the exit status that tells of that kind of error
 */
int
tool_fail_error (const char *what, const GError *error)
{
  g_autofree char *reason = tool_translate_reason (error->message);

  print_line (what, reason);
  return choose_status (error);
}

/* What only --verbose shows. */
void
tool_note (ToolOptions *options, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  if (!options->verbose)
    return;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  print_line ("", text);
}

/* The line of a command */

static gboolean
check_arguments (ToolLine *line, guint min, guint max)
{
  guint n = line->arguments != NULL ? g_strv_length (line->arguments) : 0;

  if (n < min)
    tool_fail (TOOL_EXIT_USAGE, line->command->name, _("missing %s, try lp2p %s --help"),
               tool_translate (line->command->arguments), line->command->name);
  else if (n > max)
    tool_fail (TOOL_EXIT_USAGE, line->command->name,
               _("unexpected argument \"%s\", try lp2p %s --help"), line->arguments[max],
               line->command->name);
  return n >= min && n <= max;
}

/* It is for programs, which know messages in English only, if at all. */
static void
speak_english_in_json (const GOptionEntry *entries)
{
  for (; entries->long_name != NULL; entries++)
    if (g_str_equal (entries->long_name, "json") && *(gboolean *) entries->arg_data)
      {
        g_setenv ("LANGUAGE", "C", TRUE);
        setlocale (LC_MESSAGES, "C");
      }
}

/**
 * tool_line_parse:
 * @line: what the command was called with
 * @entries: its own options
 * @description: what --help says after them
 * @min_arguments: how many arguments it needs
 * @max_arguments: how many it takes
 *
 * Parses the line of a command; --help prints its text and ends the process.
 *
 * Returns: whether it is right; else the process is to end with
 *   %TOOL_EXIT_USAGE, and what is wrong was said
 */
gboolean
tool_line_parse (ToolLine *line,
                 const GOptionEntry *entries,
                 const char *description,
                 guint min_arguments,
                 guint max_arguments)
{
  const GOptionEntry rest[] = {
    { G_OPTION_REMAINING, 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &line->arguments, NULL, NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (tool_translate (line->command->arguments));
  g_autoptr (GError) error = NULL;
  g_autofree char *program = g_strconcat ("lp2p ", line->command->name, NULL);
  gboolean parsed;

  g_option_context_set_summary (context, _(line->command->summary));
  g_option_context_set_description (context, _(description));
  tool_options_add (line->options, context);
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_add_main_entries (context, rest, NULL);

  /* The help text starts with the name of the program. */
  g_set_prgname (program);
  parsed = g_option_context_parse_strv (context, &line->argv, &error);
  g_set_prgname ("lp2p");
  speak_english_in_json (entries);
  if (!parsed)
    tool_fail (TOOL_EXIT_USAGE, line->command->name, _("%s, try %s --help"), error->message, program);
  return parsed && check_arguments (line, min_arguments, max_arguments);
}

/* Sizes */

/**
 * tool_parse_size:
 * @text: a number of bytes, or of K, M or G, which are powers of 1024
 * @min: the smallest size that is allowed
 * @size: (out): the bytes, 1024 G at most
 *
 * Returns: whether @text is such a size
 */
gboolean
tool_parse_size (const char *text, guint64 min, guint64 *size)
{
  static const char *const units[] = { "", "k", "m", "g" };
  g_autofree char *digits = g_strndup (text, strspn (text, "0123456789"));
  const char *unit = text + strlen (digits);
  guint64 number;

  if (!g_ascii_string_to_unsigned (digits, 10, min, MAX_SIZE, &number, NULL))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (units); i++)
    if (g_ascii_strcasecmp (unit, units[i]) == 0 ||
        (i > 0 && g_ascii_strncasecmp (unit, units[i], 1) == 0 && g_str_equal (unit + 1, "iB")))
      {
        *size = number << (10 * i);
        return number <= MAX_SIZE >> (10 * i);
      }
  return FALSE;
}

/* Suggestions */

/* The number of letters to insert, remove, replace or swap with their neighbour. */
static guint
measure_distance (const char *a, const char *b)
{
  gsize n_a = strlen (a), n_b = strlen (b), width = n_b + 1;
  g_autofree guint *cells = g_new0 (guint, (n_a + 1) * width);

  for (gsize i = 0; i <= n_a; i++)
    for (gsize j = 0; j <= n_b; j++)
      {
        guint *cell = &cells[i * width + j];

        if (i == 0 || j == 0)
          {
            *cell = (guint) (i + j);
            continue;
          }
        *cell = cells[(i - 1) * width + j - 1] + (a[i - 1] != b[j - 1]);
        *cell = MIN (*cell, cells[(i - 1) * width + j] + 1);
        *cell = MIN (*cell, cells[i * width + j - 1] + 1);
        if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
          *cell = MIN (*cell, cells[(i - 2) * width + j - 2] + 1);
      }
  return cells[n_a * width + n_b];
}

/**
 * tool_find_nearest:
 * @wanted: what the user wrote
 * @names: (array zero-terminated=1): what there is
 *
 * Guesses what was meant.
 *
 * Returns: (nullable): one of @names, unless none is like it
 */
const char *
tool_find_nearest (const char *wanted, const char *const *names)
{
  const char *nearest = NULL;
  guint least = G_MAXUINT;

  /* Nobody means a name of a dozen letters with something of a thousand. */
  if (strlen (wanted) > 64)
    return NULL;
  for (gsize i = 0; names[i] != NULL; i++)
    {
      guint distance = measure_distance (wanted, names[i]);

      if (distance < least)
        {
          least = distance;
          nearest = names[i];
        }
    }
  return nearest != NULL && least <= MAX (1, strlen (nearest) / 2) ? nearest : NULL;
}
