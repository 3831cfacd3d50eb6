/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/lp2p-local-private.h"

#include "types/lp2p-i18n-private.h"

#include <gio/gunixsocketaddress.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* As many as a burst may bring; the kernel has a limit of its own. */
#define BACKLOG 1024

/* Where one is, and what was made there.
 * @host: of TCP, else %NULL
 * @path: of a socket file, else %NULL
 * @device, @inode: of the socket file that is ours, 0 for none */
struct _ToolLocal
{
  char *text;
  char *host;
  guint16 port;
  char *path;
  dev_t device;
  ino_t inode;
};

static gboolean
fail (GError **error, const char *text, const char *expected)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_ARGUMENT, _("\"%s\" is no local socket, expected %s"),
               text, expected);
  return FALSE;
}

/* A port has to be there, though it may be 0: the default would show. */
static GNetworkAddress *
parse_host_and_port (const char *text)
{
  g_autoptr (GSocketConnectable) address = g_network_address_parse (text, 0, NULL);
  g_autoptr (GSocketConnectable) other = g_network_address_parse (text, 1, NULL);

  if (address == NULL || other == NULL ||
      g_network_address_get_port (G_NETWORK_ADDRESS (address)) !=
          g_network_address_get_port (G_NETWORK_ADDRESS (other)))
    return NULL;
  return G_NETWORK_ADDRESS (g_steal_pointer (&address));
}

static gboolean
parse_tcp (ToolLocal *self, const char *text, GError **error)
{
  g_autoptr (GNetworkAddress) address = parse_host_and_port (text + strlen ("tcp:"));

  if (address == NULL || g_network_address_get_hostname (address)[0] == '\0')
    return fail (error, text, _("tcp:HOST:PORT"));
  self->host = g_strdup (g_network_address_get_hostname (address));
  self->port = g_network_address_get_port (address);
  return TRUE;
}

static gboolean
parse_unix (ToolLocal *self, const char *text, GError **error)
{
  const char *path = text + strlen ("unix:");

  if (path[0] == '\0')
    return fail (error, text, _("a path behind unix:"));
  self->path = g_canonicalize_filename (path, NULL);
  return strlen (self->path) < sizeof (((struct sockaddr_un *) NULL)->sun_path) ||
         fail (error, text, _("a path of at most 107 bytes"));
}

/**
 * tool_local_new:
 * @text: what a user wrote
 * @error: return location for an error
 *
 * Returns: (transfer full): where that is
 */
ToolLocal *
tool_local_new (const char *text, GError **error)
{
  g_autoptr (ToolLocal) self = g_new0 (ToolLocal, 1);
  gboolean ok;

  self->text = g_strdup (text);
  if (g_str_has_prefix (text, "tcp:"))
    ok = parse_tcp (self, text, error);
  else if (g_str_has_prefix (text, "unix:"))
    ok = parse_unix (self, text, error);
  else
    ok = fail (error, text, _("tcp:HOST:PORT or unix:PATH"));
  return ok ? g_steal_pointer (&self) : NULL;
}

ToolLocal *
tool_local_new_unix (const char *path)
{
  ToolLocal *self = g_new0 (ToolLocal, 1);

  self->text = g_strconcat ("unix:", path, NULL);
  self->path = g_strdup (path);
  return self;
}

/* Another process may have put its own in the place of ours. */
static void
remove_own_file (ToolLocal *self)
{
  struct stat status;

  if (self->inode != 0 && lstat (self->path, &status) == 0 && status.st_dev == self->device &&
      status.st_ino == self->inode)
    unlink (self->path);
}

void
tool_local_free (ToolLocal *self)
{
  remove_own_file (self);
  g_free (self->text);
  g_free (self->host);
  g_free (self->path);
  g_free (self);
}

const char *
tool_local_get_text (const ToolLocal *self)
{
  return self->text;
}

/* Listening */

static gboolean
bind_and_listen (GSocket *socket, GSocketAddress *address, GError **error)
{
  g_socket_set_blocking (socket, FALSE);
  g_socket_set_listen_backlog (socket, BACKLOG);
  return g_socket_bind (socket, address, TRUE, error) && g_socket_listen (socket, error);
}

static GSocket *
listen_tcp (ToolLocal *self, GError **error)
{
  gboolean local = g_ascii_strcasecmp (self->host, "localhost") == 0;
  g_autoptr (GSocketAddress) address =
      g_inet_socket_address_new_from_string (local ? "127.0.0.1" : self->host, self->port);
  g_autoptr (GSocketAddress) bound = NULL;
  g_autoptr (GSocket) socket = NULL;
  g_autofree char *text = NULL;

  if (address == NULL)
    {
      fail (error, self->text, _("an IP address to listen on"));
      return NULL;
    }
  socket = g_socket_new (g_socket_address_get_family (address), G_SOCKET_TYPE_STREAM,
                         G_SOCKET_PROTOCOL_TCP, error);
  if (socket == NULL || !bind_and_listen (socket, address, error))
    return NULL;
  bound = g_socket_get_local_address (socket, error);
  if (bound == NULL)
    return NULL;
  text = g_socket_connectable_to_string (G_SOCKET_CONNECTABLE (bound));
  g_free (self->text);
  self->text = g_strconcat ("tcp:", text, NULL);
  return g_steal_pointer (&socket);
}

/**
 * tool_remove_stale_socket:
 * @path: the path of a file
 *
 * Removes the file if it is a socket that nobody listens on any more.
 */
void
tool_remove_stale_socket (const char *path)
{
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (path);
  g_autoptr (GSocket) probe =
      g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, NULL);
  g_autoptr (GError) error = NULL;
  struct stat status;

  /* What is no socket refuses connections too. */
  if (probe == NULL || lstat (path, &status) != 0 || !S_ISSOCK (status.st_mode))
    return;
  g_socket_set_blocking (probe, FALSE);
  if (!g_socket_connect (probe, address, NULL, &error) &&
      g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CONNECTION_REFUSED))
    unlink (path);
}

/* The mode is right from the first moment on. */
static gboolean
bind_private (GSocket *socket, GSocketAddress *address, GError **error)
{
  mode_t old = umask (0177);
  gboolean ok = bind_and_listen (socket, address, error);

  umask (old);
  return ok;
}

static GSocket *
listen_unix (ToolLocal *self, GError **error)
{
  g_autoptr (GSocketAddress) address = g_unix_socket_address_new (self->path);
  g_autoptr (GSocket) socket =
      g_socket_new (G_SOCKET_FAMILY_UNIX, G_SOCKET_TYPE_STREAM, G_SOCKET_PROTOCOL_DEFAULT, error);
  struct stat status;

  if (socket == NULL)
    return NULL;
  tool_remove_stale_socket (self->path);
  if (!bind_private (socket, address, error))
    return NULL;
  if (lstat (self->path, &status) == 0)
    {
      self->device = status.st_dev;
      self->inode = status.st_ino;
    }
  return g_steal_pointer (&socket);
}

GSocket *
tool_local_listen (ToolLocal *self, GError **error)
{
  GSocket *socket = self->path != NULL ? listen_unix (self, error) : listen_tcp (self, error);

  if (socket == NULL)
    g_prefix_error (error, _("cannot listen on %s: "), self->text);
  return socket;
}

/* Connecting */

static void
on_connected (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GTask) task = user_data;
  GError *error = NULL;
  GSocketConnection *connection =
      g_socket_client_connect_finish (G_SOCKET_CLIENT (source), result, &error);

  if (connection != NULL)
    g_task_return_pointer (task, connection, g_object_unref);
  else
    g_task_return_error (task, error);
}

void
tool_local_connect_async (const ToolLocal *self,
                          GCancellable *cancellable,
                          GAsyncReadyCallback callback,
                          gpointer user_data)
{
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GTask) task = g_task_new (NULL, cancellable, callback, user_data);
  g_autoptr (GSocketConnectable) where =
      self->path != NULL ? G_SOCKET_CONNECTABLE (g_unix_socket_address_new (self->path))
                         : g_network_address_new (self->host, self->port);

  g_task_set_source_tag (task, tool_local_connect_async);
  /* What is named is here, whatever the system's proxies are. */
  g_socket_client_set_enable_proxy (client, FALSE);
  g_socket_client_connect_async (client, where, cancellable, on_connected, g_steal_pointer (&task));
}

GSocketConnection *
tool_local_connect_finish (GAsyncResult *result, GError **error)
{
  return g_task_propagate_pointer (G_TASK (result), error);
}

/* Files */

void
tool_raise_file_limit (void)
{
  struct rlimit limit;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
    return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
}
