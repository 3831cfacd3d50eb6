/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One option: its table entry, and which values it takes. Functions that refuse
 * something say why in a problem text, to which the caller adds where. */

#include "types/lp2p-config-defaults.h"
#include "types/lp2p-config-private.h"
#include "types/lp2p-i18n-private.h"

#include <lp2p/lp2p-version.h>
#include <lp2p/types/lp2p-multiaddr.h>
#include <lp2p/types/lp2p-quote.h>

#include <inttypes.h>
#include <string.h>

#define KIB G_GUINT64_CONSTANT (1024)
#define MIB (KIB * 1024)
#define GIB (MIB * 1024)

/* identify messages must fit into 4 KiB with everything else in them. */
#define MAX_AGENT_VERSION 128

/* How an option's values are checked beyond type and range. */
typedef enum
{
  CHECK_NONE,
  CHECK_NAMES,
  CHECK_MULTIADDRS,
  CHECK_DIRECTORIES,
  CHECK_AGENT_VERSION,
  CHECK_PROXY,
  CHECK_NAME,
  CHECK_NAME_OR_NONE,
} Check;

static const Lp2pOption host_options[] = {
  { "transports", "as", LP2P_DEFAULT_TRANSPORTS, 0, 0, N_("Transports to load, by name") },
  { "security", "as", "['noise', 'tls']", 0, 0, N_("Security protocols, the preferred one first") },
  { "muxers", "as", "['yamux', 'mplex']", 0, 0, N_("Stream muxers, the preferred one first") },
  { "services", "as", "['identify', 'ping']", 0, 0, N_("Services to load, by name") },
  { "discovery", "as", "[]", 0, 0, N_("Ways to find peers to load, by name") },
  { "key-stores", "as", "[]", 0, 0, N_("Places for private keys to load, by name") },
  { "listen", "as", "[]", 0, 0, N_("Multiaddrs to listen on") },
  { "key-store", "s", "'file'", 0, 0,
    N_("Where the private key is: 'file', or a loadable object such as 'secret'") },
  { "key-store-fallback", "s", "''", 0, 0,
    N_("Where it is when that key store cannot be reached; empty for nowhere") },
  { "identity", "s", "''", 0, 0,
    N_("Name of the private key in the key store, or path of its file; empty for a key that is not kept") },
  { "peer-store", "s", "''", 0, 0,
    N_("File of what is known of peers; empty to remember it in memory only") },
  { "agent-version", "s", "'lp2p/" LP2P_VERSION_S "'", 0, 0,
    N_("What this program calls itself to its peers") },
  { "handshake-timeout", "u", "15", 1, 3600, N_("Seconds until an unfinished handshake is given up") },
  { "dial-timeout", "u", "30", 1, 3600, N_("Seconds until a dial of all addresses of a peer is given up") },
  { "proxy", "s", "'none'", 0, 0,
    N_("Whether TCP dials go through proxies: 'none', or 'system' for those that the system's settings name") },
  { "max-connections", "u", "1024", 1, 1000000, N_("Most connections of the host") },
  { "max-connections-per-peer", "u", "8", 1, 1000000, N_("Most connections with one peer") },
  { "max-connections-per-ip", "u", "64", 1, 1000000,
    N_("Most connections with one IPv4 address or one IPv6 /64, but for this machine itself") },
  { "max-connections-per-subnet", "u", "256", 1, 1000000,
    N_("Most connections with one IPv4 /24 or one IPv6 /48, but for this machine itself") },
  { "connections-high", "u", "384", 0, 1000000,
    N_("Connections from which on those that nobody needs are closed") },
  { "connections-low", "u", "256", 0, 1000000, N_("Connections that are left when that was done") },
  { "connection-grace", "u", "30", 0, 86400,
    N_("Seconds for which a new connection is not closed for being too many") },
  { "max-half-open", "u", "256", 1, 1000000, N_("Most inbound connections that are in a handshake") },
  { "max-half-open-per-ip", "u", "64", 1, 1000000,
    N_("Most of them from one IPv4 address or one IPv6 /64") },
  { "max-streams", "u", "16384", 1, 10000000, N_("Most streams that all peers may hold open") },
  { "max-streams-per-peer", "u", "2048", 1, 1000000,
    N_("Most streams that a peer may hold open on all its connections") },
  { "max-streams-per-connection", "u", "1024", 1, 1000000,
    N_("Most streams that a peer may hold open on one connection") },
  { "memory-budget", "t", "268435456", MIB, G_MAXINT64,
    N_("Most bytes that all stream windows of the host may add up to") },
  { "stream-window-max", "u", "16777216", 256 * KIB, GIB,
    N_("Largest receive window of one stream, in bytes") },
  { "plugin-path", "as", "[]", 0, 0,
    N_("Directories in which to look for loadable objects before the installed ones") },
};

static const struct
{
  const char *name;
  Check check;
} host_checks[] = {
  { "transports", CHECK_NAMES },
  { "security", CHECK_NAMES },
  { "muxers", CHECK_NAMES },
  { "services", CHECK_NAMES },
  { "discovery", CHECK_NAMES },
  { "key-stores", CHECK_NAMES },
  { "key-store", CHECK_NAME },
  { "key-store-fallback", CHECK_NAME_OR_NONE },
  { "listen", CHECK_MULTIADDRS },
  { "agent-version", CHECK_AGENT_VERSION },
  { "proxy", CHECK_PROXY },
  { "plugin-path", CHECK_DIRECTORIES },
};

const Lp2pOption *
lp2p_config_get_host_options (gsize *n_options)
{
  *n_options = G_N_ELEMENTS (host_options);
  return host_options;
}

static Check
find_check (const char *group, const char *name)
{
  if (!g_str_equal (group, LP2P_CONFIG_GROUP_HOST))
    return CHECK_NONE;
  for (gsize i = 0; i < G_N_ELEMENTS (host_checks); i++)
    if (g_str_equal (host_checks[i].name, name))
      return host_checks[i].check;
  return CHECK_NONE;
}

/* Names of options and of what is loaded by name. */
static gboolean
is_name (const char *text)
{
  return g_ascii_islower (text[0]) &&
         strspn (text, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen (text);
}

/* Completes the sentence "expected ...". */
static char *
describe_expected (const Lp2pOption *option)
{
  const char *type = option->type;

  if (strlen (type) == 1 && strchr ("ynqiuxt", type[0]) != NULL)
    {
      if (option->min != 0 || option->max != 0)
        return g_strdup_printf (_("a whole number from %" PRIu64 " to %" PRIu64
                                  " (type %s)"),
                                option->min, option->max, type);
      return g_strdup_printf (_("a whole number (type %s)"), type);
    }
  if (g_str_equal (type, "b"))
    return g_strdup (_("true or false (type b)"));
  if (g_str_equal (type, "s"))
    return g_strdup (_("a string in quotes, such as 'text' (type s)"));
  if (g_str_equal (type, "as"))
    return g_strdup (_("a list of strings, such as ['one', 'two'] (type as)"));
  return g_strdup_printf (_("a value of type %s"), type);
}

static gboolean
check_range (const Lp2pOption *option, GVariant *value)
{
  guint64 number;
  gint64 signed_number = 0;

  if (option->min == 0 && option->max == 0)
    return TRUE;

  switch (g_variant_classify (value))
    {
    case G_VARIANT_CLASS_BYTE:
      number = g_variant_get_byte (value);
      break;
    case G_VARIANT_CLASS_UINT16:
      number = g_variant_get_uint16 (value);
      break;
    case G_VARIANT_CLASS_UINT32:
      number = g_variant_get_uint32 (value);
      break;
    case G_VARIANT_CLASS_UINT64:
      number = g_variant_get_uint64 (value);
      break;
    case G_VARIANT_CLASS_INT16:
      number = (guint64) (signed_number = g_variant_get_int16 (value));
      break;
    case G_VARIANT_CLASS_INT32:
      number = (guint64) (signed_number = g_variant_get_int32 (value));
      break;
    case G_VARIANT_CLASS_INT64:
      number = (guint64) (signed_number = g_variant_get_int64 (value));
      break;
    case G_VARIANT_CLASS_DOUBLE:
      return g_variant_get_double (value) >= (double) option->min &&
             g_variant_get_double (value) <= (double) option->max;
    default:
      return TRUE;
    }
  return signed_number >= 0 && number >= option->min && number <= option->max;
}

static gboolean
check_names (GVariant *value, char **problem)
{
  g_autofree const char **names = g_variant_get_strv (value, NULL);
  g_autoptr (GHashTable) seen = g_hash_table_new (g_str_hash, g_str_equal);

  for (gsize i = 0; names[i] != NULL; i++)
    {
      g_autofree char *quoted = lp2p_quote (names[i], strlen (names[i]));

      if (!is_name (names[i]))
        {
          *problem = g_strdup_printf (
              _("got %s, expected names of lower-case letters, digits and hyphens"), quoted);
          return FALSE;
        }
      if (!g_hash_table_add (seen, (gpointer) names[i]))
        {
          *problem = g_strdup_printf (_("got %s twice, expected each name once"), quoted);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
check_name (GVariant *value, gboolean none, char **problem)
{
  const char *text = g_variant_get_string (value, NULL);
  g_autofree char *quoted = NULL;

  if (is_name (text) || (none && text[0] == '\0'))
    return TRUE;
  quoted = lp2p_quote (text, strlen (text));
  *problem = g_strdup_printf (
      none ? _("got %s, expected a name of lower-case letters, digits and hyphens, or nothing")
           : _("got %s, expected a name of lower-case letters, digits and hyphens"),
      quoted);
  return FALSE;
}

static gboolean
check_multiaddrs (GVariant *value, char **problem)
{
  g_autofree const char **texts = g_variant_get_strv (value, NULL);

  for (gsize i = 0; texts[i] != NULL; i++)
    {
      g_autoptr (GError) error = NULL;
      g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (texts[i], &error);

      if (address == NULL)
        {
          g_autofree char *quoted = lp2p_quote (texts[i], strlen (texts[i]));
          *problem = g_strdup_printf (_("got %s, expected multiaddrs: %s"), quoted, error->message);
          return FALSE;
        }
    }
  return TRUE;
}

static gboolean
check_directories (GVariant *value, char **problem)
{
  g_autofree const char **paths = g_variant_get_strv (value, NULL);

  for (gsize i = 0; paths[i] != NULL; i++)
    if (!g_path_is_absolute (paths[i]))
      {
        g_autofree char *quoted = lp2p_quote (paths[i], strlen (paths[i]));
        *problem = g_strdup_printf (_("got %s, expected absolute paths of directories"), quoted);
        return FALSE;
      }
  return TRUE;
}

static gboolean
check_agent_version (GVariant *value, char **problem)
{
  gsize len;

  g_variant_get_string (value, &len);
  if (len > MAX_AGENT_VERSION)
    {
      *problem = g_strdup_printf (_("got a text of %zu bytes, expected at most %d"),
                                  len, MAX_AGENT_VERSION);
      return FALSE;
    }
  return TRUE;
}

static gboolean
check_proxy (GVariant *value, char **problem)
{
  const char *text = g_variant_get_string (value, NULL);
  g_autofree char *quoted = NULL;

  if (g_str_equal (text, "none") || g_str_equal (text, "system"))
    return TRUE;
  quoted = lp2p_quote (text, strlen (text));
  *problem = g_strdup_printf (_("got %s, expected 'none' or 'system'"), quoted);
  return FALSE;
}

/*
 * lp2p_config_option_check:
 * @option: an option
 * @group: the group it is in
 * @value: a value for it
 * @problem: (out): return location for what is wrong
 *
 * Tells whether an option takes a value.
 */
gboolean
lp2p_config_option_check (const Lp2pConfigOption *option,
                          const char *group,
                          GVariant *value,
                          char **problem)
{
  if (!g_variant_is_of_type (value, G_VARIANT_TYPE (option->option.type)) ||
      !check_range (&option->option, value))
    {
      g_autofree char *text = g_variant_print (value, FALSE);
      g_autofree char *quoted = lp2p_quote (text, strlen (text));
      g_autofree char *expected = describe_expected (&option->option);

      *problem = g_strdup_printf (_("got %s of type %s, expected %s"), quoted,
                                  g_variant_get_type_string (value), expected);
      return FALSE;
    }

  switch (find_check (group, option->option.name))
    {
    case CHECK_NAMES:
      return check_names (value, problem);
    case CHECK_MULTIADDRS:
      return check_multiaddrs (value, problem);
    case CHECK_DIRECTORIES:
      return check_directories (value, problem);
    case CHECK_AGENT_VERSION:
      return check_agent_version (value, problem);
    case CHECK_PROXY:
      return check_proxy (value, problem);
    case CHECK_NAME:
    case CHECK_NAME_OR_NONE:
      return check_name (value, find_check (group, option->option.name) == CHECK_NAME_OR_NONE, problem);
    case CHECK_NONE:
    default:
      return TRUE;
    }
}

/*
 * lp2p_config_option_parse:
 * @option: an option
 * @group: the group it is in
 * @text: GVariant text of a value for it
 * @problem: (out): return location for what is wrong
 *
 * Reads a value and checks it.
 *
 * Returns: (transfer full) (nullable): the value
 */
GVariant *
lp2p_config_option_parse (const Lp2pConfigOption *option,
                          const char *group,
                          const char *text,
                          char **problem)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GVariant) value =
      g_variant_parse (G_VARIANT_TYPE (option->option.type), text, NULL, NULL, &error);

  if (value == NULL)
    {
      /* What it would be without the demand tells a wrong type from no value. */
      g_autoptr (GVariant) other = g_variant_parse (NULL, text, NULL, NULL, NULL);
      g_autofree char *quoted = lp2p_quote (text, strlen (text));
      g_autofree char *expected = describe_expected (&option->option);

      if (other != NULL)
        *problem = g_strdup_printf (_("got %s of type %s, expected %s"), quoted,
                                    g_variant_get_type_string (other), expected);
      else
        /* The message starts with a position. */
        *problem = g_strdup_printf (_("got %s (%s), expected %s"), quoted,
                                    error->message + strspn (error->message, "0123456789-,:"),
                                    expected);
      return NULL;
    }
  if (!lp2p_config_option_check (option, group, value, problem))
    return NULL;
  return g_steal_pointer (&value);
}

/*
 * lp2p_config_option_new:
 * @option: a table entry, perhaps of a plugin that others wrote
 * @problem: (out): return location for what is wrong
 *
 * Checks and copies a table entry.
 *
 * Returns: (transfer full) (nullable): the option
 */
Lp2pConfigOption *
lp2p_config_option_new (const Lp2pOption *option, char **problem)
{
  Lp2pConfigOption *copy;

  if (option->name == NULL || !is_name (option->name))
    {
      *problem = g_strdup (_("the name must be of lower-case letters, digits and hyphens"));
      return NULL;
    }
  if (option->type == NULL || !g_variant_type_string_is_valid (option->type) ||
      !g_variant_type_is_definite ((const GVariantType *) option->type))
    {
      *problem = g_strdup (_("the type is not a GVariant type"));
      return NULL;
    }
  if (option->min > option->max)
    {
      *problem = g_strdup (_("the smallest value is above the largest"));
      return NULL;
    }

  copy = g_new0 (Lp2pConfigOption, 1);
  copy->option = *option;
  copy->option.name = g_strdup (option->name);
  copy->option.type = g_strdup (option->type);
  copy->option.default_value = g_strdup (option->default_value);
  copy->option.description = g_strdup (option->description);

  if (option->default_value != NULL)
    copy->default_value = lp2p_config_option_parse (copy, "", option->default_value, problem);
  else
    *problem = g_strdup (_("there is no default"));
  if (copy->default_value == NULL)
    g_clear_pointer (&copy, lp2p_config_option_free);
  return copy;
}

void
lp2p_config_option_free (Lp2pConfigOption *option)
{
  g_free ((char *) option->option.name);
  g_free ((char *) option->option.type);
  g_free ((char *) option->option.default_value);
  g_free ((char *) option->option.description);
  g_clear_pointer (&option->default_value, g_variant_unref);
  g_clear_pointer (&option->value, g_variant_unref);
  g_free (option);
}

gboolean
lp2p_config_option_is_same (const Lp2pConfigOption *a, const Lp2pConfigOption *b)
{
  return g_str_equal (a->option.name, b->option.name) &&
         g_str_equal (a->option.type, b->option.type) && a->option.min == b->option.min &&
         a->option.max == b->option.max && g_variant_equal (a->default_value, b->default_value);
}

/* The value, not a new reference. */
GVariant *
lp2p_config_option_get (const Lp2pConfigOption *option)
{
  return option->value != NULL ? option->value : option->default_value;
}

/*
 * lp2p_config_option_store:
 * @option: an option
 * @value: a value that was checked
 *
 * Stores a value.
 *
 * Returns: whether it is another one than before
 */
gboolean
lp2p_config_option_store (Lp2pConfigOption *option, GVariant *value)
{
  gboolean changed = !g_variant_equal (lp2p_config_option_get (option), value);
  GVariant *old = option->value;

  option->value = g_variant_ref (value);
  g_clear_pointer (&old, g_variant_unref);
  return changed;
}
