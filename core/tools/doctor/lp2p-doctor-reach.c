/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Why a peer cannot be reached: its addresses one by one, each dialed by a host of
 * its own, so that none hides behind another one or behind what failed before. */

#include "tools/doctor/lp2p-doctor-private.h"

#include "tools/lp2p-session-private.h"
#include "types/lp2p-i18n-private.h"

#include <string.h>

#define WHAT "doctor"

/* A dial that is refused for what the address is fails within this time; only then
 * the way there is tried on its own too. */
#define GRACE_S 0.05

/* @peer: (nullable): who it has to be
 * @worst: (nullable): the failure that tells most
 * @n_reached: over how many addresses the peer was reached */
typedef struct
{
  ToolDoctor *doctor;
  Lp2pConfig *config;
  Lp2pIdentity *identity;
  Lp2pPeerId *peer;
  GPtrArray *addresses;
  GError *worst;
  guint n_reached;
} Reach;

/* The way to an address alone, without what is spoken there.
 * @seconds: how long it took, negative where it was not tried */
typedef struct
{
  double seconds;
  GError *error;
} Way;

static void
reach_clear (Reach *self)
{
  g_clear_object (&self->config);
  g_clear_object (&self->identity);
  g_clear_pointer (&self->peer, lp2p_peer_id_unref);
  g_clear_pointer (&self->addresses, g_ptr_array_unref);
  g_clear_error (&self->worst);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Reach, reach_clear)

static double
get_seconds (gint64 start)
{
  return (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
}

/* Failures */

/* How near to the peer it came. */
static guint
rank (const GError *error)
{
  if (g_error_matches (error, LP2P_ERROR, LP2P_ERROR_WRONG_PEER))
    return 4;
  if (error->domain == LP2P_ERROR && error->code != LP2P_ERROR_NO_TRANSPORT && error->code != LP2P_ERROR_NO_ADDRESS)
    return 3;
  return g_error_matches (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT) ? 2 : 1;
}

static void
remember (Reach *self, const GError *error)
{
  if (self->worst != NULL && rank (self->worst) >= rank (error))
    return;
  g_clear_error (&self->worst);
  self->worst = g_error_copy (error);
}

static gboolean
is_open (const Way *way)
{
  return way->seconds >= 0 && way->error == NULL;
}

/* A dial lists its addresses with their reasons; here there is one, which is told
 * already. */
static const char *
shorten (const char *message)
{
  g_autofree char *start = g_strdup_printf (_("Cannot connect: %s"), "/");
  const char *reason = g_str_has_prefix (message, start) ? strstr (message + strlen (start), ": ") : NULL;

  return reason != NULL ? reason + strlen (": ") : message;
}

static void
tell_failure (Reach *self, Lp2pMultiaddr *address, const Way *way, double seconds, const GError *error)
{
  const char *text = lp2p_multiaddr_get_string (address);
  g_auto (ToolDiagnosis) diagnosis = { NULL };

  remember (self, error);
  tool_diagnose (error, self->config, address, &diagnosis);
  /* Where the way is open, it is not what failed. */
  if (is_open (way) && g_str_equal (diagnosis.check, "connect"))
    {
      tool_doctor_tell (self->doctor, text, "handshake", TOOL_VERDICT_FAILURE, seconds, shorten (error->message),
                        _("the port is open, but nothing sensible comes from it: is it libp2p?"));
      return;
    }
  tool_doctor_tell (self->doctor, text, diagnosis.check, TOOL_VERDICT_FAILURE, seconds,
                    shorten (error->message), diagnosis.advice);
}

/* One address */

/* Whether the error is one of the address itself, for which nothing was sent. */
static gboolean
is_untried (const GError *error)
{
  return g_error_matches (error, LP2P_ERROR, LP2P_ERROR_NO_TRANSPORT) ||
         g_error_matches (error, LP2P_ERROR, LP2P_ERROR_NO_ADDRESS) ||
         g_error_matches (error, LP2P_ERROR, LP2P_ERROR_REFUSED_BY_GATER);
}

static GSocketAddress *
dup_tcp_address (Reach *self, Lp2pMultiaddr *address)
{
  g_autofree char *proxy = lp2p_config_get_string (self->config, LP2P_CONFIG_GROUP_HOST, "proxy");

  /* Over a relay or a proxy the way is not that of a socket. */
  if (lp2p_multiaddr_find (address, LP2P_PROTOCOL_TCP, 0) < 0 || !lp2p_multiaddr_is_ip (address) ||
      lp2p_multiaddr_find (address, LP2P_PROTOCOL_P2P_CIRCUIT, 0) >= 0 || g_str_equal (proxy, "system"))
    return NULL;
  return lp2p_multiaddr_get_socket_address (address, NULL);
}

/* Goes the way of TCP while the dial goes on. */
static void
try_way (Reach *self, Lp2pMultiaddr *address, Way *way)
{
  g_autoptr (GSocketAddress) socket_address = dup_tcp_address (self, address);
  g_autoptr (GSocketClient) client = g_socket_client_new ();
  g_autoptr (GSocketConnection) connection = NULL;
  gint64 start = g_get_monotonic_time ();
  g_auto (ToolWait) wait;

  if (socket_address == NULL)
    return;
  tool_wait_init (&wait, self->doctor->timeout);
  g_socket_client_set_enable_proxy (client, FALSE);
  g_socket_client_connect_async (client, G_SOCKET_CONNECTABLE (socket_address), wait.cancellable,
                                 tool_wait_ready, &wait);
  connection = g_socket_client_connect_finish (client, tool_wait_run (&wait), &way->error);
  if (connection == NULL)
    tool_wait_explain (&wait, &way->error);
  way->seconds = get_seconds (start);
  if (connection != NULL)
    tool_doctor_tell (self->doctor, lp2p_multiaddr_get_string (address), "connect", TOOL_VERDICT_OK,
                      way->seconds, _("the port is open"), NULL);
}

static void
wait_for_grace (ToolWait *dial)
{
  g_auto (ToolWait) grace;

  tool_wait_init (&grace, GRACE_S);
  while (!dial->done && !g_cancellable_is_cancelled (grace.cancellable))
    g_main_context_iteration (NULL, TRUE);
}

static void
tell_reached (Reach *self, Lp2pMultiaddr *address, Lp2pConnection *connection, double seconds)
{
  g_autofree char *detail = tool_describe_connection (connection);

  self->n_reached++;
  tool_doctor_tell (self->doctor, lp2p_multiaddr_get_string (address), "reached", TOOL_VERDICT_OK,
                    seconds, detail, NULL);
}

static void
dial (Reach *self, Lp2pHost *host, Lp2pMultiaddr *address)
{
  g_autoptr (GPtrArray) addresses = g_ptr_array_new ();
  g_autoptr (Lp2pConnection) connection = NULL;
  g_autoptr (GError) error = NULL;
  gint64 start = g_get_monotonic_time ();
  Way way = { .seconds = -1 };
  double seconds;
  g_auto (ToolWait) wait;

  g_ptr_array_add (addresses, address);
  tool_wait_init (&wait, self->doctor->timeout);
  lp2p_host_connect_peer_async (host, self->peer, addresses, wait.cancellable, tool_wait_ready, &wait);
  wait_for_grace (&wait);
  if (wait.done)
    connection = lp2p_host_connect_finish (host, wait.result, &error);
  if (!is_untried (error))
    try_way (self, address, &way);
  if (connection == NULL && error == NULL)
    connection = lp2p_host_connect_finish (host, tool_wait_run (&wait), &error);
  seconds = get_seconds (start);

  if (connection != NULL)
    tell_reached (self, address, connection, seconds);
  else
    {
      tool_wait_explain (&wait, &error);
      tell_failure (self, address, &way, seconds, error);
    }
  g_clear_error (&way.error);
}

static void
try_address (Reach *self, Lp2pMultiaddr *address)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (Lp2pHost) host = tool_host_start (self->config, self->identity, &error);

  if (host == NULL)
    {
      remember (self, error);
      tool_doctor_tell (self->doctor, NULL, "host", TOOL_VERDICT_FAILURE, -1, error->message,
                        _("lp2p doctor without an argument looks at this machine"));
      return;
    }
  dial (self, host, address);
  tool_host_close (host);
}

/* All of them */

static void
resolve (Reach *self, Lp2pHost *host, Lp2pMultiaddr *address)
{
  const char *text = lp2p_multiaddr_get_string (address);
  g_autoptr (GPtrArray) found = NULL;
  g_autoptr (GError) error = NULL;
  g_autofree char *detail = NULL;
  gint64 start = g_get_monotonic_time ();
  g_auto (ToolWait) wait;

  tool_wait_init (&wait, self->doctor->timeout);
  lp2p_host_resolve_async (host, address, wait.cancellable, tool_wait_ready, &wait);
  found = lp2p_host_resolve_finish (host, tool_wait_run (&wait), &error);
  if (found == NULL)
    {
      tool_wait_explain (&wait, &error);
      remember (self, error);
      tool_doctor_tell (self->doctor, text, "resolve", TOOL_VERDICT_FAILURE, get_seconds (start), error->message,
                        _("is the name right? lp2p doctor without an argument shows whether any name can be "
                          "looked up"));
      return;
    }
  if (found->len != 1 || !lp2p_multiaddr_equal (g_ptr_array_index (found, 0), address))
    {
      detail = g_strdup_printf (lp2p_ngettext ("%u address", "%u addresses", found->len), found->len);
      tool_doctor_tell (self->doctor, text, "resolve", TOOL_VERDICT_OK, get_seconds (start), detail, NULL);
    }
  g_ptr_array_extend (self->addresses, found, (GCopyFunc) (gpointer) lp2p_multiaddr_ref, NULL);
}

static gboolean
read_ticket (Reach *self, const char *text, GPtrArray *given, GError **error)
{
  g_autoptr (Lp2pTicket) ticket = lp2p_ticket_open (text, g_get_real_time () / G_USEC_PER_SEC, error);

  if (ticket == NULL)
    return FALSE;
  self->peer = lp2p_peer_id_ref (lp2p_ticket_get_peer_id (ticket));
  g_ptr_array_extend (given, lp2p_ticket_get_addresses (ticket), (GCopyFunc) (gpointer) lp2p_multiaddr_ref, NULL);
  return TRUE;
}

/* Whether it is a ticket, which leads nowhere by now, rather than a wrong argument. */
static gboolean
is_stale_ticket (const GError *error)
{
  return g_error_matches (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_EXPIRED) ||
         g_error_matches (error, LP2P_TYPES_ERROR, LP2P_TYPES_ERROR_NOT_YET_VALID);
}

static int
tell_ticket (ToolDoctor *doctor, const GError *error)
{
  tool_doctor_tell (doctor, NULL, "ticket", TOOL_VERDICT_FAILURE, -1, error->message, NULL);
  return TOOL_EXIT_FAILURE;
}

static gboolean
parse_target (Reach *self, const char *target, GPtrArray *given, GError **error)
{
  Lp2pMultiaddr *address;

  if (g_str_has_prefix (target, LP2P_TICKET_PREFIX))
    return read_ticket (self, target, given, error);
  if (target[0] != '/')
    {
      self->peer = lp2p_peer_id_new_from_string (target, error);
      return self->peer != NULL;
    }
  address = lp2p_multiaddr_new_from_string (target, error);
  if (address == NULL)
    return FALSE;
  self->peer = lp2p_peer_id_from_multiaddr (address);
  g_ptr_array_add (given, address);
  return TRUE;
}

static gboolean
prepare (Reach *self, GError **error)
{
  ToolOptions *options = self->doctor->line->options;

  self->config = tool_options_load_config (options, error);
  if (self->config == NULL ||
      !lp2p_config_set_from_string (self->config, LP2P_CONFIG_GROUP_HOST, "listen", "[]", error))
    return FALSE;
  self->identity = tool_load_identity (options, self->config, FALSE, error);
  return self->identity != NULL;
}

/* Finds the addresses, as they are dialed. */
static gboolean
collect (Reach *self, GPtrArray *given, GError **error)
{
  g_autoptr (Lp2pHost) host = tool_host_start (self->config, self->identity, error);

  if (host == NULL)
    return FALSE;
  if (given->len == 0)
    {
      g_autoptr (GPtrArray) known = lp2p_host_dup_peer_addresses (host, self->peer);

      g_ptr_array_extend (given, known, (GCopyFunc) (gpointer) lp2p_multiaddr_ref, NULL);
    }
  for (guint i = 0; i < given->len && !tool_is_interrupted (); i++)
    resolve (self, host, g_ptr_array_index (given, i));
  tool_host_close (host);
  if (given->len == 0)
    g_set_error (error, LP2P_ERROR, LP2P_ERROR_NO_ADDRESS,
                 _("no address of %s is known: give one, or set peer-store in the group [host]"),
                 lp2p_peer_id_get_string (self->peer));
  /* What the store says of this peer was read; the dials leave nothing in it. */
  return given->len > 0 &&
         lp2p_config_set_from_string (self->config, LP2P_CONFIG_GROUP_HOST, "peer-store", "''", error);
}

int
tool_doctor_reach (ToolDoctor *doctor, const char *target)
{
  g_auto (Reach) self = { .doctor = doctor };
  g_autoptr (GPtrArray) given = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  g_autoptr (GError) error = NULL;

  self.addresses = g_ptr_array_new_with_free_func ((GDestroyNotify) lp2p_multiaddr_unref);
  if (!parse_target (&self, target, given, &error))
    return is_stale_ticket (error) ? tell_ticket (doctor, error)
                                   : tool_fail (TOOL_EXIT_USAGE, WHAT, "%s", error->message);
  if (!prepare (&self, &error) || !collect (&self, given, &error))
    return tool_fail_error (WHAT, error);

  for (guint i = 0; i < self.addresses->len && !tool_is_interrupted (); i++)
    try_address (&self, g_ptr_array_index (self.addresses, i));
  if (tool_is_interrupted ())
    return tool_fail (TOOL_EXIT_FAILURE, WHAT, _("interrupted"));
  if (self.n_reached > 0)
    return TOOL_EXIT_OK;
  if (self.worst == NULL)
    self.worst = g_error_new (LP2P_ERROR, LP2P_ERROR_NO_ADDRESS, _("%s stands for no address"), target);
  return tool_fail_error (WHAT, self.worst);
}
