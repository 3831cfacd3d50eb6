/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* lp2p id: the private key that gives a peer its id. */

#include "tools/lp2p-output-private.h"
#include "tools/lp2p-tool-private.h"

#include <errno.h>
#include <string.h>

#define WHAT "id"

typedef struct
{
  gboolean make;
  gboolean force;
  gboolean json;
  char *type;
  char *file;
  char *export_file;
  char *import_file;
} Options;

static const char description[] =
    "Without options it shows the key in the key file, which is the one of --file or\n"
    "--identity, or else lp2p/identity.key in the user's data folder. Key files can\n"
    "only be read by their owner, and are never replaced without --force.\n"
    "\n"
    "--import reads the protobuf PrivateKey that other implementations of libp2p\n"
    "export, binary or in base64, and unencrypted PEM; --export writes it in base64.\n"
    "\n"
    "Examples:\n"
    "  lp2p id --make                    make the key that lp2p listen uses\n"
    "  lp2p id --file peer.key --json    show another one\n"
    "  lp2p id --import key.pem --file peer.key";

static void
options_clear (Options *self)
{
  g_free (self->type);
  g_free (self->file);
  g_free (self->export_file);
  g_free (self->import_file);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Options, options_clear)

char *
tool_find_key_file (void)
{
  return g_build_filename (g_get_user_data_dir (), "lp2p", "identity.key", NULL);
}

static gboolean
check_options (const Options *options, Lp2pKeyType *type)
{
  if (options->make && options->import_file != NULL)
    tool_fail (TOOL_EXIT_USAGE, WHAT, "--make and --import exclude each other");
  else if (options->type != NULL && !options->make)
    tool_fail (TOOL_EXIT_USAGE, WHAT, "--type only goes with --make");
  else if (options->force && !options->make && options->import_file == NULL &&
           options->export_file == NULL)
    tool_fail (TOOL_EXIT_USAGE, WHAT, "--force only goes with --make, --import or --export");
  else if (options->type != NULL && !lp2p_key_type_from_string (options->type, type))
    tool_fail (TOOL_EXIT_USAGE, WHAT,
               "unknown type \"%s\", expected ed25519, secp256k1, ecdsa or rsa", options->type);
  else
    return TRUE;
  return FALSE;
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
save (Lp2pIdentity *identity, const char *file, gboolean force, GError **error)
{
  Lp2pIdentityFileFlags flags = force ? LP2P_IDENTITY_FILE_REPLACE : LP2P_IDENTITY_FILE_NONE;
  g_autoptr (GError) local_error = NULL;

  if (lp2p_identity_save_file (identity, file, flags, &local_error))
    return TRUE;
  if (g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_EXISTS))
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                 "%s: the file exists, --force would replace it", file);
  else
    g_propagate_error (error, g_steal_pointer (&local_error));
  return FALSE;
}

/* The key that is shown in the end. */
static Lp2pIdentity *
get_identity (const Options *options, Lp2pKeyType type, const char *file, GError **error)
{
  g_autoptr (Lp2pIdentity) identity = NULL;
  g_autoptr (GError) local_error = NULL;

  if (options->make)
    {
      identity = lp2p_identity_generate (type, error);
    }
  else if (options->import_file != NULL)
    {
      /* Others export with whatever mode; what is stored here has the right one. */
      identity =
          lp2p_identity_load_file (options->import_file, LP2P_IDENTITY_FILE_ALLOW_SHARED, error);
    }
  else
    {
      identity = lp2p_identity_load_file (file, LP2P_IDENTITY_FILE_NONE, &local_error);
      if (g_error_matches (local_error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND))
        g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND,
                     "%s: there is no key yet, lp2p id --make would make one", file);
      else if (local_error != NULL)
        g_propagate_error (error, g_steal_pointer (&local_error));
      return g_steal_pointer (&identity);
    }

  if (identity == NULL || !make_folder (file, error) ||
      !save (identity, file, options->force, error))
    return NULL;
  return g_steal_pointer (&identity);
}

static void
show (Lp2pIdentity *identity, const char *file, gboolean json)
{
  Lp2pPeerId *peer = lp2p_identity_get_peer_id (identity);
  const char *type = lp2p_key_type_to_string (lp2p_identity_get_key_type (identity));
  g_autofree char *cid = lp2p_peer_id_to_cid (peer);
  g_autofree char *file_name = g_filename_display_name (file);

  if (json)
    {
      g_autoptr (ToolJson) object = tool_json_new ();

      tool_json_add_string (object, "peer_id", lp2p_peer_id_get_string (peer));
      tool_json_add_string (object, "cid", cid);
      tool_json_add_string (object, "key_type", type);
      tool_json_add_string (object, "file", file_name);
      tool_json_print (object);
      return;
    }
  tool_print_field ("peer id", lp2p_peer_id_get_string (peer));
  tool_print_field ("as CID", cid);
  tool_print_field ("key type", type);
  tool_print_field ("file", file_name);
}

int
tool_command_id (ToolLine *line)
{
  g_auto (Options) options = { FALSE };
  const GOptionEntry entries[] = {
    { "make", 0, 0, G_OPTION_ARG_NONE, &options.make, "Make a new key", NULL },
    { "type", 0, 0, G_OPTION_ARG_STRING, &options.type,
      "Kind of the new key: ed25519 (the default), secp256k1, ecdsa or rsa", "TYPE" },
    { "file", 0, 0, G_OPTION_ARG_FILENAME, &options.file, "The key file", "FILE" },
    { "import", 0, 0, G_OPTION_ARG_FILENAME, &options.import_file,
      "Copy the key in this file to the key file", "FILE" },
    { "export", 0, 0, G_OPTION_ARG_FILENAME, &options.export_file,
      "Copy the key in the key file to this file", "FILE" },
    { "force", 0, 0, G_OPTION_ARG_NONE, &options.force, "Replace a file that exists", NULL },
    { "json", 0, 0, G_OPTION_ARG_NONE, &options.json, "Print a JSON object", NULL },
    { NULL },
  };
  Lp2pKeyType type = LP2P_KEY_TYPE_ED25519;
  g_autoptr (Lp2pIdentity) identity = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *file = NULL;

  if (!tool_line_parse (line, entries, description, 0, 0) || !check_options (&options, &type))
    return TOOL_EXIT_USAGE;

  if (options.file != NULL)
    file = g_strdup (options.file);
  else if (line->options->identity_file != NULL)
    file = g_strdup (line->options->identity_file);
  else
    file = tool_find_key_file ();

  identity = get_identity (&options, type, file, &error);
  if (identity == NULL ||
      (options.export_file != NULL && !save (identity, options.export_file, options.force, &error)))
    return tool_fail_error (WHAT, error);
  show (identity, file, options.json);
  return TOOL_EXIT_OK;
}
