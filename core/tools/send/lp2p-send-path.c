/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-send-path-private.h"

#include "types/lp2p-i18n-private.h"

#include <lp2p/lp2p.h>
#include <string.h>

static gboolean
refuse (GError **error, const char *why)
{
  g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL, why);
  return FALSE;
}

/* What is wrong with a name for this system, where a backslash, a colon or CON are
 * names like others. */
static const char *
find_fault (const guint8 *name, gsize size)
{
  if (size == 0)
    return N_("the path has an empty component");
  if (size > SEND_MAX_NAME)
    return N_("the path has a component of more than 255 bytes");
  if (memchr (name, '/', size) != NULL)
    return N_("the path has a component with a slash in it");
  if (memchr (name, '\0', size) != NULL)
    return N_("the path has a component with a NUL in it");
  if (name[0] == '.' && (size == 1 || (size == 2 && name[1] == '.')))
    return N_("the path has a component that is . or ..");
  return NULL;
}

/* Also in other cases, which some file systems do not tell apart. */
static gboolean
is_state_folder (const ProtobufCBinaryData *name)
{
  return name->len == strlen (SEND_STATE_FOLDER) &&
         g_ascii_strncasecmp ((const char *) name->data, SEND_STATE_FOLDER, name->len) == 0;
}

/**
 * send_path_new:
 * @components: (array length=n): what a peer sent
 * @n: how many
 * @error: return location for an error
 *
 * Joins the components of a path that a peer sent, if it stays below the folder that
 * it is used in.
 *
 * Returns: (transfer full): a relative path, in bytes of no particular encoding
 */
char *
send_path_new (const ProtobufCBinaryData *components, gsize n, GError **error)
{
  g_autoptr (GString) path = g_string_new (NULL);

  if (n == 0 || n > SEND_MAX_DEPTH)
    {
      refuse (error, n == 0 ? N_("the path is empty") : N_("the path has more than 256 components"));
      return NULL;
    }
  for (gsize i = 0; i < n; i++)
    {
      const char *fault = find_fault (components[i].data, components[i].len);

      if (fault == NULL && is_state_folder (&components[i]))
        fault = N_("the path has a component that is .lp2p-receive, where the receiver keeps its state");
      if (fault != NULL)
        {
          refuse (error, fault);
          return NULL;
        }
      if (i > 0)
        g_string_append_c (path, '/');
      g_string_append_len (path, (const char *) components[i].data, (gssize) components[i].len);
    }
  if (path->len > SEND_MAX_PATH)
    {
      refuse (error, N_("the path has more than 4095 bytes"));
      return NULL;
    }
  return g_string_free (g_steal_pointer (&path), FALSE);
}

static gsize
count_slashes (const char *path)
{
  gsize n = 0;

  for (const char *p = path; *p != '\0'; p++)
    n += *p == '/';
  return n;
}

/**
 * send_link_check:
 * @path: where a symbolic link is to be
 * @target: (array length=size): where it is to lead
 * @size: how many bytes that has
 * @error: return location for an error
 *
 * Checks that a symbolic link does not lead out of the folder that the path is used
 * in. `..` is allowed only at the start, where it is about folders that are known to
 * be none: behind the name of another link it would be about wherever that leads.
 *
 * Returns: whether it stays inside
 */
gboolean
send_link_check (const char *path, const guint8 *target, gsize size, GError **error)
{
  g_autofree char *text = g_strndup ((const char *) target, size);
  g_auto (GStrv) names = NULL;
  gsize up = 0;
  gboolean down = FALSE;

  if (size == 0 || size > SEND_MAX_TARGET || strlen (text) != size)
    return refuse (error, N_("the symbolic link leads nowhere"));
  if (text[0] == '/')
    return refuse (error, N_("the symbolic link leads to an absolute path"));
  names = g_strsplit (text, "/", -1);
  for (gsize i = 0; names[i] != NULL; i++)
    {
      gboolean parent = g_str_equal (names[i], "..");

      if (names[i][0] == '\0' || g_str_equal (names[i], "."))
        continue;
      if (parent && down)
        return refuse (error, N_("the symbolic link has a .. behind a name"));
      up += parent;
      down = down || !parent;
    }
  return up <= count_slashes (path) ||
         refuse (error, N_("the symbolic link leads out of the target folder"));
}
