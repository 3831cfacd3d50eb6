/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The key file behind a descriptor. It is strict: a key that is missing, wrong or
 * unknown is an error, for a descriptor that is half understood would load
 * something else than its author meant. */

#include "plugin/lp2p-descriptor-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/interfaces/lp2p-interfaces-types.h>
#include <lp2p/lp2p-version.h>
#include <lp2p/types/lp2p-multiaddr.h>
#include <lp2p/types/lp2p-quote.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUP "Plugin"

/* A descriptor has a dozen lines and their translations. */
#define MAX_FILE_SIZE (256 * 1024)
#define MAX_NAME      64

static const char *const known_keys[] = {
  "Name",   "Module", "Abi",     "Kind",  "Protocols",   "Addresses", "Traits",
  "Priority", "Schema", "License", "Title", "Description", NULL,
};

static const char *const kinds[] = {
  LP2P_KIND_TRANSPORT,
  LP2P_KIND_SECURITY,
  LP2P_KIND_MUXER,
  LP2P_KIND_SERVICE,
  LP2P_KIND_DISCOVERY,
  LP2P_KIND_KEY_STORE,
  NULL,
};

static const char *const traits_of_transports[] = { LP2P_TRAIT_NATIVE, LP2P_TRAIT_LOCAL, LP2P_TRAIT_CERTIFICATE, NULL };

typedef struct
{
  GKeyFile *keys;
  const char *file;
} Reader;

static gboolean
set_wrong (Reader *reader, const char *key, const char *got, const char *expected, GError **error)
{
  g_autofree char *quoted = got != NULL ? lp2p_quote (got, strlen (got)) : g_strdup (_("nothing"));

  g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN, _("%s: key %s: got %s, expected %s"),
               reader->file, key, quoted, expected);
  return FALSE;
}

static gboolean
is_name (const char *text)
{
  gsize len = strlen (text);

  return len <= MAX_NAME && g_ascii_islower (text[0]) &&
         strspn (text, "abcdefghijklmnopqrstuvwxyz0123456789-") == len;
}

/* Gets the value of a key that may be there once, or must be there. A key without
 * a value counts as wrong. */
static gboolean
get_string (Reader *reader,
            const char *key,
            gboolean required,
            const char *expected,
            char **value,
            GError **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autofree char *text = NULL;

  if (!g_key_file_has_key (reader->keys, GROUP, key, NULL))
    return required ? set_wrong (reader, key, NULL, expected, error) : TRUE;

  text = g_key_file_get_string (reader->keys, GROUP, key, &local_error);
  /* GLib gives both a text and an error where a backslash is wrong. */
  if (text == NULL || local_error != NULL)
    {
      g_autofree char *raw = g_key_file_get_value (reader->keys, GROUP, key, NULL);
      return set_wrong (reader, key, raw, expected, error);
    }
  g_strstrip (text);
  if (*text == '\0')
    return set_wrong (reader, key, text, expected, error);
  *value = g_steal_pointer (&text);
  return TRUE;
}

static gboolean
get_integer (Reader *reader,
             const char *key,
             gint64 min,
             gint64 max,
             const char *expected,
             gint64 *value,
             GError **error)
{
  g_autofree char *text = NULL;

  if (!get_string (reader, key, FALSE, expected, &text, error))
    return FALSE;
  if (text != NULL && !g_ascii_string_to_signed (text, 10, min, max, value, NULL))
    return set_wrong (reader, key, text, expected, error);
  return TRUE;
}

static gboolean
get_locale_string (Reader *reader, const char *key, char **value, GError **error)
{
  g_autofree char *untranslated = NULL;

  /* The text without a locale is what every other falls back to. */
  if (!get_string (reader, key, TRUE, _("a text"), &untranslated, error))
    return FALSE;
  *value = g_key_file_get_locale_string (reader->keys, GROUP, key, NULL, NULL);
  if (*value == NULL)
    *value = g_steal_pointer (&untranslated);
  return TRUE;
}

static gboolean
check_keys (Reader *reader, GError **error)
{
  g_auto (GStrv) groups = g_key_file_get_groups (reader->keys, NULL);
  g_auto (GStrv) keys = NULL;

  if (!g_key_file_has_group (reader->keys, GROUP))
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN, _("%s: group [%s] is missing"), reader->file,
                   GROUP);
      return FALSE;
    }
  for (gsize i = 0; groups[i] != NULL; i++)
    if (!g_str_equal (groups[i], GROUP) && !g_str_has_prefix (groups[i], "X-"))
      {
        g_autofree char *quoted = lp2p_quote (groups[i], strlen (groups[i]));
        g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN,
                     _("%s: group %s is unknown, expected only [%s] and groups in X-"), reader->file,
                     quoted, GROUP);
        return FALSE;
      }

  keys = g_key_file_get_keys (reader->keys, GROUP, NULL, NULL);
  for (gsize i = 0; keys[i] != NULL; i++)
    {
      const char *bracket = strchr (keys[i], '[');
      g_autofree char *base =
          bracket != NULL ? g_strndup (keys[i], (gsize) (bracket - keys[i])) : g_strdup (keys[i]);
      gboolean translatable = g_str_equal (base, "Title") || g_str_equal (base, "Description");

      if (g_str_has_prefix (keys[i], "X-"))
        continue;
      if (!g_strv_contains (known_keys, base) || (bracket != NULL && !translatable))
        {
          g_autofree char *quoted = lp2p_quote (keys[i], strlen (keys[i]));
          g_autofree char *known = g_strjoinv (", ", (char **) known_keys);
          g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN,
                       _("%s: key %s is unknown, expected %s or a key in X-"), reader->file, quoted,
                       known);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
get_name (Reader *reader, char **name, GError **error)
{
  const char *expected = _("a name of at most 64 lower-case letters, digits and hyphens");
  g_autofree char *text = NULL;

  if (!get_string (reader, "Name", TRUE, expected, &text, error))
    return FALSE;
  if (!is_name (text))
    return set_wrong (reader, "Name", text, expected, error);
  *name = g_steal_pointer (&text);
  return TRUE;
}

/* A path would let a descriptor in a trusted folder load from another one. */
static gboolean
get_module (Reader *reader, char **module, GError **error)
{
  const char *expected = _("the bare name of a file beside the descriptor");
  g_autofree char *text = NULL;

  if (!get_string (reader, "Module", TRUE, expected, &text, error))
    return FALSE;
  if (strpbrk (text, "/\\") != NULL || text[0] == '.' || strstr (text, "..") != NULL)
    return set_wrong (reader, "Module", text, expected, error);
  *module = g_steal_pointer (&text);
  return TRUE;
}

static gboolean
get_abi (Reader *reader, guint *abi, GError **error)
{
  g_autofree char *expected = g_strdup_printf (_("the number %d, the plugin ABI of this library"), LP2P_PLUGIN_ABI);
  g_autofree char *text = NULL;
  gint64 number;

  if (!get_string (reader, "Abi", TRUE, expected, &text, error))
    return FALSE;
  if (!g_ascii_string_to_signed (text, 10, 0, G_MAXINT32, &number, NULL))
    return set_wrong (reader, "Abi", text, expected, error);
  *abi = (guint) number;
  if (*abi != LP2P_PLUGIN_ABI)
    return set_wrong (reader, "Abi", text, expected, error);
  return TRUE;
}

static gboolean
get_kind (Reader *reader, char **kind, GError **error)
{
  g_autofree char *list = g_strjoinv (", ", (char **) kinds);
  g_autofree char *expected = g_strdup_printf (_("one of %s"), list);
  g_autofree char *text = NULL;

  if (!get_string (reader, "Kind", TRUE, expected, &text, error))
    return FALSE;
  if (!g_strv_contains (kinds, text))
    return set_wrong (reader, "Kind", text, expected, error);
  *kind = g_steal_pointer (&text);
  return TRUE;
}

/* @is_right: (nullable): of each member, none of which is empty */
static gboolean
get_list (Reader *reader,
          const char *key,
          gboolean (*is_right) (const char *text),
          const char *expected,
          char ***list,
          GError **error)
{
  g_autofree char *raw = NULL;
  g_auto (GStrv) texts = NULL;

  if (!get_string (reader, key, FALSE, expected, &raw, error))
    return FALSE;
  if (raw == NULL)
    return TRUE;

  texts = g_key_file_get_string_list (reader->keys, GROUP, key, NULL, NULL);
  if (texts == NULL || texts[0] == NULL)
    return set_wrong (reader, key, raw, expected, error);
  for (gsize i = 0; texts[i] != NULL; i++)
    if (texts[i][0] == '\0' || (is_right != NULL && !is_right (texts[i])))
      return set_wrong (reader, key, raw, expected, error);
  *list = g_steal_pointer (&texts);
  return TRUE;
}

static gboolean
is_form_of_address (const char *text)
{
  g_autofree char *rest = lp2p_descriptor_fill_address (text, NULL);
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (rest, NULL);

  return address != NULL;
}

static gboolean
is_trait (const char *text)
{
  return g_strv_contains (traits_of_transports, text);
}

/* What transports have besides the rest. */
static gboolean
get_transport_keys (Reader *reader, Lp2pDescriptorFields *fields, GError **error)
{
  static const char *const keys[] = { "Addresses", "Traits" };
  g_autofree char *known_traits = g_strjoinv (", ", (char **) traits_of_transports);
  g_autofree char *expected_traits = g_strdup_printf (_("some of %s"), known_traits);

  if (g_str_equal (fields->kind, LP2P_KIND_TRANSPORT))
    return get_list (reader, "Addresses", is_form_of_address,
                     _("addresses such as /ip/tcp/0, each followed by a semicolon"), &fields->addresses, error) &&
           get_list (reader, "Traits", is_trait, expected_traits, &fields->traits, error);

  for (gsize i = 0; i < G_N_ELEMENTS (keys); i++)
    {
      g_autofree char *raw = g_key_file_get_value (reader->keys, GROUP, keys[i], NULL);

      if (raw != NULL)
        return set_wrong (reader, keys[i], raw, _("no such key: only transports have it"), error);
    }
  return TRUE;
}

static gboolean
get_schema (Reader *reader, char **schema, GError **error)
{
  const char *expected = _("the id of a settings schema, such as org.lp2p.plugin.NAME");
  g_autofree char *text = NULL;

  if (!get_string (reader, "Schema", FALSE, expected, &text, error))
    return FALSE;
  if (text != NULL && strspn (text, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS ".-") != strlen (text))
    return set_wrong (reader, "Schema", text, expected, error);
  *schema = g_steal_pointer (&text);
  return TRUE;
}

/*
 * lp2p_descriptor_parse:
 * @fields: zeroed; to be cleared also after an error, which leaves what was read
 *   before it
 * @file: where @data is from, for messages
 * @data: the text of a key file
 * @len: its length
 * @error: return location for a %LP2P_ERROR_PLUGIN error
 *
 * Reads and checks a descriptor.
 *
 * Returns: whether all of it is right
 */
gboolean
lp2p_descriptor_parse (
    Lp2pDescriptorFields *fields, const char *file, const char *data, gsize len, GError **error)
{
  g_autoptr (GKeyFile) keys = g_key_file_new ();
  g_autoptr (GError) local_error = NULL;
  Reader reader = { keys, file };
  gint64 priority = 0;

  if (!g_key_file_load_from_data (keys, data, len, G_KEY_FILE_KEEP_TRANSLATIONS, &local_error))
    {
      g_autofree char *message = g_utf8_make_valid (local_error->message, -1);
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN, _("%s: not a key file: %s"), file, message);
      return FALSE;
    }

  /* The name first: it tells to whom the other errors belong. */
  if (!check_keys (&reader, error) || !get_name (&reader, &fields->name, error) ||
      !get_kind (&reader, &fields->kind, error) ||
      !get_locale_string (&reader, "Title", &fields->title, error) ||
      !get_locale_string (&reader, "Description", &fields->description, error) ||
      !get_string (&reader, "License", TRUE, _("an SPDX expression"), &fields->license, error) ||
      !get_list (&reader, "Protocols", NULL, _("protocol names, each followed by a semicolon"), &fields->protocols,
                 error) ||
      !get_transport_keys (&reader, fields, error) ||
      !get_integer (&reader, "Priority", G_MININT32, G_MAXINT32, _("a whole number"), &priority,
                    error) ||
      !get_schema (&reader, &fields->schema, error) ||
      !get_module (&reader, &fields->module, error) || !get_abi (&reader, &fields->abi, error))
    return FALSE;

  fields->priority = (int) priority;
  return TRUE;
}

void
lp2p_descriptor_fields_clear (Lp2pDescriptorFields *fields)
{
  g_clear_pointer (&fields->name, g_free);
  g_clear_pointer (&fields->module, g_free);
  g_clear_pointer (&fields->kind, g_free);
  g_clear_pointer (&fields->protocols, g_strfreev);
  g_clear_pointer (&fields->addresses, g_strfreev);
  g_clear_pointer (&fields->traits, g_strfreev);
  g_clear_pointer (&fields->schema, g_free);
  g_clear_pointer (&fields->license, g_free);
  g_clear_pointer (&fields->title, g_free);
  g_clear_pointer (&fields->description, g_free);
}

static gboolean
read_all (int fd, char *buffer, gsize size, gsize *len)
{
  *len = 0;
  while (*len < size)
    {
      gssize n = read (fd, buffer + *len, size - *len);

      if (n < 0 && errno == EINTR)
        continue;
      if (n < 0)
        return FALSE;
      if (n == 0)
        break;
      *len += (gsize) n;
    }
  return TRUE;
}

/*
 * lp2p_descriptor_read_file:
 * @file: a path
 * @len: (out): return location for the length
 * @error: return location for a %LP2P_ERROR_PLUGIN error
 *
 * Reads a regular file of sensible size; a FIFO or a device must not make the
 * host hang.
 *
 * Returns: (transfer full): what is in it
 */
char *
lp2p_descriptor_read_file (const char *file, gsize *len, GError **error)
{
  int fd = open (file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  g_autofree char *data = NULL;
  struct stat info;

  if (fd < 0 || fstat (fd, &info) < 0)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN, _("%s: cannot be read: %s"), file,
                   g_strerror (errno));
    }
  else if (!S_ISREG (info.st_mode))
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN, _("%s: not a regular file"), file);
    }
  else if (info.st_size > MAX_FILE_SIZE)
    {
      g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN,
                   _("%s: got a file of %" PRId64 " bytes, expected at most %d"), file,
                   (gint64) info.st_size, MAX_FILE_SIZE);
    }
  else
    {
      data = g_malloc ((gsize) info.st_size + 1);
      if (!read_all (fd, data, (gsize) info.st_size, len))
        {
          g_set_error (error, LP2P_ERROR, LP2P_ERROR_PLUGIN, _("%s: cannot be read: %s"), file,
                       g_strerror (errno));
          g_clear_pointer (&data, g_free);
        }
    }
  if (fd >= 0)
    close (fd);
  return g_steal_pointer (&data);
}
