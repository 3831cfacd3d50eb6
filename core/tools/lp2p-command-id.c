/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lp2p id: the private key that gives a peer its id. */

#include "tools/lp2p-keys-private.h"
#include "tools/lp2p-output-private.h"
#include "tools/lp2p-session-private.h"
#include "types/lp2p-i18n-private.h"

#include <errno.h>
#include <string.h>

#define WHAT "id"

typedef struct
{
  gboolean make;
  gboolean force;
  gboolean json;
  gboolean list;
  char *type;
  char *file;
  char *store;
  char *name;
  char *export_file;
  char *import_file;
  char *move;
  char *copy;
  char *remove;
  char *to;
} Options;

/* Which key is meant: one in a file, or one in a key store that is none of files. */
typedef struct
{
  char *file;
  Lp2pKeyStore *store;
  char *store_name; /* NULL for a file that is in no key store */
  char *name;
} Place;

static const char description[] =
    N_("Without options it shows the key of --name in the key store of --store. These are, if\n"
       "not given, what the configuration has as identity and key-store, or else the key named\n"
       "identity in the store \"file\", which has lp2p/NAME.key in the user's data folder. --file\n"
       "or --identity name any other key file. Key files can only be read by their owner. No\n"
       "key is replaced, but for files with --force.\n"
       "\n"
       "--import reads the protobuf PrivateKey that other implementations of libp2p\n"
       "export, binary or in base64, and unencrypted PEM; --export writes it in base64.\n"
       "\n"
       "--list shows the keys of all enabled key stores. --move and --copy take a key of\n"
       "--store to the key store of --to: it is written and read back, and only when that gave\n"
       "the very same key is it removed where it was. --remove asks before it does.\n"
       "\n"
       "Exit status: 0 all was done, 1 there is no such key, or it could not be read or written.\n"
       "\n"
       "Examples:\n"
       "  lp2p id --make                    make the key that lp2p listen uses\n"
       "  lp2p id --file peer.key --json    show another one\n"
       "  lp2p id --import key.pem --file peer.key\n"
       "  lp2p id --move identity --to secret");

static void
options_clear (Options *self)
{
  g_free (self->type);
  g_free (self->file);
  g_free (self->store);
  g_free (self->name);
  g_free (self->export_file);
  g_free (self->import_file);
  g_free (self->move);
  g_free (self->copy);
  g_free (self->remove);
  g_free (self->to);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

static void
place_clear (Place *self)
{
  g_free (self->file);
  g_clear_object (&self->store);
  g_free (self->store_name);
  g_free (self->name);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Place, place_clear)

/* What is done is one thing at a time. */
static guint
count_actions (const Options *options)
{
  return (options->make || options->import_file != NULL || options->export_file != NULL) + options->list +
         (options->move != NULL) + (options->copy != NULL) + (options->remove != NULL);
}

static gboolean
check_options (const Options *options, Lp2pKeyType *type)
{
  if (options->make && options->import_file != NULL)
    tool_fail (TOOL_EXIT_USAGE, WHAT, _("--make and --import exclude each other"));
  else if (count_actions (options) > 1)
    tool_fail (TOOL_EXIT_USAGE, WHAT,
               _("--list, --move, --copy and --remove exclude each other, and --make, --import and --export"));
  else if (options->file != NULL && (options->store != NULL || options->name != NULL))
    tool_fail (TOOL_EXIT_USAGE, WHAT, _("--file excludes --store and --name"));
  else if ((options->move != NULL || options->copy != NULL) != (options->to != NULL))
    tool_fail (TOOL_EXIT_USAGE, WHAT, _("--move and --copy need --to, which goes with nothing else"));
  else if ((options->list || options->move != NULL || options->copy != NULL || options->remove != NULL) &&
           (options->file != NULL || options->name != NULL))
    tool_fail (TOOL_EXIT_USAGE, WHAT, _("--file and --name go with none of --list, --move, --copy and --remove"));
  else if (options->list && options->store != NULL)
    tool_fail (TOOL_EXIT_USAGE, WHAT, _("--list shows all key stores, --store does not go with it"));
  else if (options->type != NULL && !options->make)
    tool_fail (TOOL_EXIT_USAGE, WHAT, _("--type only goes with --make"));
  else if (options->force && !options->make && options->import_file == NULL &&
           options->export_file == NULL && options->remove == NULL)
    tool_fail (TOOL_EXIT_USAGE, WHAT, _("--force only goes with --make, --import, --export or --remove"));
  else if (options->type != NULL && !lp2p_key_type_from_string (options->type, type))
    tool_fail (TOOL_EXIT_USAGE, WHAT,
               _("unknown type \"%s\", expected ed25519, secp256k1, ecdsa or rsa"), options->type);
  else
    return TRUE;
  return FALSE;
}

static char *
choose_store (const Options *options, Lp2pConfig *config)
{
  return options->store != NULL ? g_strdup (options->store)
                                : lp2p_config_get_string (config, LP2P_CONFIG_GROUP_HOST, "key-store");
}

static char *
choose_name (const Options *options, Lp2pConfig *config)
{
  g_autofree char *configured = lp2p_config_get_string (config, LP2P_CONFIG_GROUP_HOST, "identity");

  if (options->name != NULL)
    return g_strdup (options->name);
  /* A path is of no use to somebody who names a store. */
  if (configured[0] == '\0' || (options->store != NULL && strchr (configured, G_DIR_SEPARATOR) != NULL))
    return g_strdup (TOOL_KEY_NAME);
  return g_steal_pointer (&configured);
}

static gboolean
find_place (Place *self, const Options *options, ToolOptions *common, Lp2pConfig *config, GError **error)
{
  const char *file = options->file != NULL ? options->file : common->identity_file;

  if (options->store == NULL && options->name == NULL && file != NULL)
    {
      self->file = g_strdup (file);
      return TRUE;
    }
  self->name = choose_name (options, config);
  if (options->name == NULL && strchr (self->name, G_DIR_SEPARATOR) != NULL)
    {
      self->file = g_steal_pointer (&self->name);
      return TRUE;
    }
  if (!lp2p_key_store_is_name (self->name))
    {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT,
                   _("\"%s\" is no name of a key, expected letters, digits, dots, hyphens and underscores"),
                   self->name);
      return FALSE;
    }
  self->store_name = choose_store (options, config);
  self->store = lp2p_key_stores_open (config, self->store_name, error);
  if (self->store == NULL)
    return FALSE;
  /* Of which the file can be told, and replaced. */
  if (LP2P_IS_FILE_KEY_STORE (self->store))
    self->file = lp2p_file_key_store_dup_path (LP2P_FILE_KEY_STORE (self->store), self->name);
  return TRUE;
}

static gboolean
make_folder (const char *file, GError **error)
{
  g_autofree char *folder = g_path_get_dirname (file);

  if (g_mkdir_with_parents (folder, 0700) == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "%s: %s", folder,
               g_strerror (errno));
  return FALSE;
}

/* Says what would help where a file is in the way. */
static gboolean
save_file (Lp2pIdentity *identity, const char *file, gboolean force, GError **error)
{
  Lp2pIdentityFileFlags flags = force ? LP2P_IDENTITY_FILE_REPLACE : LP2P_IDENTITY_FILE_NONE;
  g_autoptr (GError) local_error = NULL;

  if (lp2p_identity_save_file (identity, file, flags, &local_error))
    return TRUE;
  if (g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_EXISTS))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                 _("%s: the file exists, --force would replace it"), file);
  else
    g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

static gboolean
save (const Place *place, Lp2pIdentity *identity, gboolean force, GError **error)
{
  if (place->file != NULL)
    return make_folder (place->file, error) && save_file (identity, place->file, force, error);
  if (tool_key_save (place->store, place->name, identity, error))
    return TRUE;
  g_prefix_error (error, _("key store %s: "), place->store_name);
  return FALSE;
}

/* Says what would help where there is none. */
static Lp2pIdentity *
load (const Place *place, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  Lp2pIdentity *identity;

  if (place->file != NULL)
    identity = lp2p_identity_load_file (place->file, LP2P_IDENTITY_FILE_NONE, &local_error);
  else
    identity = tool_key_load (place->store, place->name, &local_error);
  if (identity != NULL)
    return identity;
  if (!g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
    {
      if (place->file == NULL)
        g_prefix_error (&local_error, _("key store %s: "), place->store_name);
      g_propagate_error (error, g_steal_pointer (&local_error));
    }
  else if (place->file != NULL)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 _("%s: there is no key yet, lp2p id --make would make one"), place->file);
  else
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                 _("key store %s: there is no key named %s yet, lp2p id --make would make one"), place->store_name,
                 place->name);
  return NULL;
}

/* The key that is shown in the end. */
static Lp2pIdentity *
get_identity (const Options *options, Lp2pKeyType type, const Place *place, GError **error)
{
  g_autoptr (Lp2pIdentity) identity = NULL;

  if (options->make)
    identity = lp2p_identity_generate (type, error);
  else if (options->import_file != NULL)
    /* Others export with whatever mode; what is stored here has the right one. */
    identity =
        lp2p_identity_load_file (options->import_file, LP2P_IDENTITY_FILE_ALLOW_SHARED, error);
  else
    return load (place, error);

  if (identity == NULL || !save (place, identity, options->force, error))
    return NULL;
  return g_steal_pointer (&identity);
}

static void
print_field_if_known (const char *name, const char *value)
{
  if (value != NULL)
    tool_print_field (name, value);
}

static void
show (Lp2pIdentity *identity, const Place *place, gboolean json)
{
  Lp2pPeerId *peer = lp2p_identity_get_peer_id (identity);
  const char *type = lp2p_key_type_to_string (lp2p_identity_get_key_type (identity));
  g_autofree char *cid = lp2p_peer_id_to_cid (peer);
  g_autofree char *file_name = place->file != NULL ? g_filename_display_name (place->file) : NULL;

  if (json)
    {
      g_autoptr (ToolJson) object = tool_json_new ();

      tool_json_add_string (object, "peer_id", lp2p_peer_id_get_string (peer));
      tool_json_add_string (object, "cid", cid);
      tool_json_add_string (object, "key_type", type);
      tool_json_add_string (object, "file", file_name);
      tool_json_add_string (object, "store", place->store_name);
      tool_json_add_string (object, "name", place->name);
      tool_json_print (object);
      return;
    }
  tool_print_field (_("peer id"), lp2p_peer_id_get_string (peer));
  tool_print_field (_("as CID"), cid);
  tool_print_field (_("key type"), type);
  print_field_if_known (_("store"), place->store_name);
  print_field_if_known (_("name"), place->name);
  print_field_if_known (_("file"), file_name);
}

static int
show_one (const Options *options, ToolOptions *common, Lp2pConfig *config, Lp2pKeyType type)
{
  g_auto (Place) place = { NULL };
  g_autoptr (Lp2pIdentity) identity = NULL;
  g_autoptr (GError) error = NULL;

  if (find_place (&place, options, common, config, &error))
    identity = get_identity (options, type, &place, &error);
  if (identity == NULL || (options->export_file != NULL &&
                           !save_file (identity, options->export_file, options->force, &error)))
    return tool_fail_error (WHAT, error);
  show (identity, &place, options->json);
  return TOOL_EXIT_OK;
}

static int
run (const Options *options, ToolOptions *common, Lp2pConfig *config, Lp2pKeyType type)
{
  g_autofree char *from = choose_store (options, config);
  const char *name = options->move != NULL ? options->move : options->copy;

  if (options->list)
    return tool_keys_list (config, options->json);
  if (options->remove != NULL)
    return tool_keys_remove (config, from, options->remove, options->force);
  if (name == NULL)
    return show_one (options, common, config, type);
  if (g_str_equal (from, options->to))
    return tool_fail (TOOL_EXIT_USAGE, WHAT, _("the key is in the key store %s already, --store names another one"),
                      from);
  return tool_keys_copy (config, from, name, options->to, options->move != NULL);
}

int
tool_command_id (ToolLine *line)
{
  g_auto (Options) options = { FALSE };
  const GOptionEntry entries[] = {
    { "make", 0, 0, G_OPTION_ARG_NONE, &options.make, N_("Make a new key"), NULL },
    { "type", 0, 0, G_OPTION_ARG_STRING, &options.type,
      N_("Kind of the new key: ed25519 (the default), secp256k1, ecdsa or rsa"), N_("TYPE") },
    { "store", 0, 0, G_OPTION_ARG_STRING, &options.store, N_("The key store, such as file or secret"), N_("STORE") },
    { "name", 0, 0, G_OPTION_ARG_STRING, &options.name, N_("The name of the key in it"), N_("NAME") },
    { "file", 0, 0, G_OPTION_ARG_FILENAME, &options.file, N_("The key file, instead of a key store"), N_("FILE") },
    { "import", 0, 0, G_OPTION_ARG_FILENAME, &options.import_file,
      N_("Store the key in this file"), N_("FILE") },
    { "export", 0, 0, G_OPTION_ARG_FILENAME, &options.export_file,
      N_("Copy the key to this file"), N_("FILE") },
    { "list", 0, 0, G_OPTION_ARG_NONE, &options.list, N_("List the keys of all enabled key stores"), NULL },
    { "move", 0, 0, G_OPTION_ARG_STRING, &options.move, N_("Move this key to another key store"), N_("NAME") },
    { "copy", 0, 0, G_OPTION_ARG_STRING, &options.copy, N_("Copy this key to another key store"), N_("NAME") },
    { "to", 0, 0, G_OPTION_ARG_STRING, &options.to, N_("Where --move and --copy take it"), N_("STORE") },
    { "remove", 0, 0, G_OPTION_ARG_STRING, &options.remove, N_("Remove this key for good"), N_("NAME") },
    { "force", 0, 0, G_OPTION_ARG_NONE, &options.force, N_("Replace a file that exists; remove without asking"), NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, N_("Print JSON objects"), NULL },
    { NULL },
  };
  Lp2pKeyType type = LP2P_KEY_TYPE_ED25519;
  g_autoptr (Lp2pConfig) config = NULL;
  g_autoptr (GError) error = NULL;

  if (!tool_line_parse (line, entries, description, 0, 0) || !check_options (&options, &type))
    return TOOL_EXIT_USAGE;
  config = tool_options_load_config (line->options, &error);
  if (config == NULL)
    return tool_fail_error (WHAT, error);
  tool_watch_interrupts ();
  return run (&options, line->options, config, type);
}
