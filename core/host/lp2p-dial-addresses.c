/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which addresses a dial tries: names are resolved, then the policy, the past and
 * the transports have their say. A name that a proxy is to look up stays as it is. */

#include "host/lp2p-dial-private.h"
#include "net/lp2p-proxy-dial-private.h"

#include "types/lp2p-i18n-private.h"

typedef struct
{
  Lp2pDial *dial;
  Lp2pMultiaddr *address;
  gboolean given;
} Resolve;

static Lp2pTransport *
find_dialing_transport (GPtrArray *transports, Lp2pMultiaddr *address)
{
  for (guint i = 0; i < transports->len; i++)
    {
      Lp2pTransport *transport = g_ptr_array_index (transports, i);

      if ((lp2p_transport_get_flags (transport) & LP2P_TRANSPORT_DIALS) != 0 &&
          (lp2p_transport_match (transport, address) || lp2p_transport_match_name (transport, address)))
        return transport;
    }
  return NULL;
}

static gboolean
skips_history (Lp2pDial *self, gboolean given)
{
  return given || self->options.force_direct || self->options.separate;
}

static gboolean
check_history (Lp2pDial *self, const Lp2pDialTarget *target, GError **error)
{
  gint64 now = lp2p_loop_now (self->swarm->loop);
  gint64 until = lp2p_dial_backoff_get_until (self->dials->backoff, self->options.expected_peer, target->address, now);
  const char *hole = NULL;

  if (until > 0)
    {
      const GError *reason =
          lp2p_dial_backoff_get_reason (self->dials->backoff, self->options.expected_peer, target->address);

      /* Of the same kind: where nothing else is tried, that is why it fails again. */
      g_set_error (error, reason->domain, reason->code,
                   _("not dialed: it failed a short time ago (%s), the next attempt is due in %.1f s"), reason->message,
                   (double) (until - now) / G_USEC_PER_SEC);
      return FALSE;
    }
  if (target->scope != LP2P_DIAL_SCOPE_PUBLIC || target->limited)
    return TRUE;
  if (target->udp && !lp2p_black_hole_allows (&self->dials->udp))
    hole = "UDP";
  else if (lp2p_dial_get_family (target->address) == 6 && !lp2p_black_hole_allows (&self->dials->ip6))
    hole = "IPv6";
  if (hole != NULL)
    /* Translators: "UDP" or "IPv6" */
    g_set_error (error, LP2P_ERROR, LP2P_ERROR_NO_ADDRESS, _("not dialed: %s leads nowhere from this network"), hole);
  return hole == NULL;
}

/* All addresses of a kind are early or late together: a probe is one dial, not one
 * address. */
static gboolean
comes_late (Lp2pDialPlace *place, Lp2pBlackHole *hole)
{
  if (!place->asked)
    place->late = lp2p_black_hole_comes_late (hole);
  place->asked = TRUE;
  return place->late;
}

static void
find_place (Lp2pDial *self, Lp2pDialTarget *target)
{
  Lp2pPeerId *peer = self->options.expected_peer;
  gboolean public = target->scope == LP2P_DIAL_SCOPE_PUBLIC;

  target->rank = lp2p_transport_get_dial_rank (target->transport, target->address);
  target->delay = lp2p_dials_get_delay (self->dials, target->scope, target->udp);
  if (target->limited)
    return;
  if (target->udp)
    target->late = (peer != NULL && lp2p_dials_get_silent (self->dials, peer)) ||
                   (public && comes_late (&self->udp, &self->dials->udp));
  if (public && lp2p_dial_get_family (target->address) == 6)
    target->late |= comes_late (&self->ip6, &self->dials->ip6);
}

static gboolean
check_transport (Lp2pDial *self, Lp2pMultiaddr *address, Lp2pDialTarget *target, GError **error)
{
  target->transport = find_dialing_transport (self->transports, address);
  if (target->transport == NULL)
    {
      g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_NO_TRANSPORT, _("no enabled transport can dial it"));
      return FALSE;
    }
  target->udp = (lp2p_transport_get_flags (target->transport) & LP2P_TRANSPORT_DATAGRAM) != 0;
  target->limited = (lp2p_transport_get_flags (target->transport) & LP2P_TRANSPORT_LIMITED) != 0;
  if (target->limited && self->options.force_direct)
    {
      g_set_error_literal (error, LP2P_ERROR, LP2P_ERROR_NO_ADDRESS, _("not dialed: a direct connection is wanted"));
      return FALSE;
    }
  return TRUE;
}

static void
note_too_many (Lp2pDial *self, Lp2pMultiaddr *address)
{
  lp2p_dial_note (self, address,
                  g_error_new (LP2P_ERROR, LP2P_ERROR_LIMIT, _("not dialed: the peer has more than %u addresses"),
                               LP2P_DIAL_MAX_TARGETS),
                  FALSE);
}

/* The same address may come from several sides; one that the caller names is
 * looked at again. */
static gboolean
is_known (Lp2pDial *self, Lp2pMultiaddr *address, gboolean given)
{
  gpointer was_given;
  gboolean known = g_hash_table_lookup_extended (self->seen, address, NULL, &was_given);

  if (lp2p_dial_plan_contains (self->plan, address) || (known && (!given || GPOINTER_TO_INT (was_given))))
    return TRUE;
  g_hash_table_replace (self->seen, lp2p_multiaddr_ref (address), GINT_TO_POINTER (given));
  return FALSE;
}

/* @address has no peer id, and a name only where a proxy looks it up. */
static void
add_plain (Lp2pDial *self, Lp2pMultiaddr *address, const char *host_name, gboolean given)
{
  Lp2pDialTarget target = { .address = address, .host_name = host_name };
  GError *error = NULL;

  if (is_known (self, address, given))
    return;
  target.scope = lp2p_dial_scope (address, self->networks);
  target.worked = g_strcmp0 (self->hint.address, lp2p_multiaddr_get_string (address)) == 0;
  if (!check_transport (self, address, &target, &error) ||
      !lp2p_dial_filter_allows (&self->filter, self->options.expected_peer, address, given, &error) ||
      (!skips_history (self, given) && !check_history (self, &target, &error)))
    {
      lp2p_dial_note (self, address, error, FALSE);
      return;
    }
  find_place (self, &target);
  if (!lp2p_dial_plan_add (self->plan, &target))
    note_too_many (self, address);
}

/* Whether @address may lead to the peer at all. */
static gboolean
check_peer (Lp2pDial *self, Lp2pMultiaddr *address)
{
  g_autoptr (Lp2pPeerId) peer = lp2p_peer_id_from_multiaddr (address);

  if (peer == NULL || self->options.expected_peer == NULL || lp2p_peer_id_equal (peer, self->options.expected_peer))
    return TRUE;
  lp2p_dial_note (self, address,
                  g_error_new_literal (LP2P_ERROR, LP2P_ERROR_WRONG_PEER,
                                       _("not dialed: it is the address of another peer")),
                  FALSE);
  return FALSE;
}

static void
add_resolved (Lp2pDial *self, Lp2pMultiaddr *address, const char *host_name, gboolean given)
{
  g_autoptr (Lp2pMultiaddr) plain = lp2p_multiaddr_without_peer_id (address);

  if (plain != NULL && check_peer (self, address))
    add_plain (self, plain, host_name, given);
}

/* Names */

static gboolean
has_name (Lp2pMultiaddr *address)
{
  Lp2pProtocol first = 0;

  lp2p_multiaddr_get_component (address, 0, &first, NULL, NULL);
  return first == LP2P_PROTOCOL_DNS || first == LP2P_PROTOCOL_DNS4 || first == LP2P_PROTOCOL_DNS6 ||
         first == LP2P_PROTOCOL_DNSADDR;
}

static void
end_resolve (Resolve *resolve)
{
  Lp2pDial *self = resolve->dial;

  self->n_resolving--;
  lp2p_dial_kick (self);
  lp2p_multiaddr_unref (resolve->address);
  g_free (resolve);
  lp2p_dial_unref (self);
}

static void look_up (Resolve *resolve);

/* Those that waited have their turn, or it is over for all of them. */
static void
look_up_next (Lp2pDial *self)
{
  Resolve *next;

  self->n_looking--;
  while (self->n_looking < LP2P_DIAL_MAX_LOOKING && (next = g_queue_pop_head (&self->lookups)) != NULL)
    if (self->over)
      end_resolve (next);
    else
      look_up (next);
}

static void
on_resolved (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Resolve *resolve = user_data;
  Lp2pDial *self = resolve->dial;
  GError *error = NULL;
  g_autoptr (GPtrArray) host_names = NULL;
  g_autoptr (GPtrArray) addresses =
      lp2p_resolver_resolve_finish (LP2P_RESOLVER (source), result, &host_names, &error);

  if (!self->over && addresses == NULL)
    lp2p_dial_note (self, resolve->address, g_steal_pointer (&error), FALSE);
  for (guint i = 0; !self->over && addresses != NULL && i < addresses->len; i++)
    add_resolved (self, g_ptr_array_index (addresses, i), g_ptr_array_index (host_names, i), resolve->given);
  look_up_next (self);
  end_resolve (resolve);
  g_clear_error (&error);
}

static void
look_up (Resolve *resolve)
{
  Lp2pDial *self = resolve->dial;

  if (self->n_looking >= LP2P_DIAL_MAX_LOOKING)
    {
      g_queue_push_tail (&self->lookups, resolve);
      return;
    }
  self->n_looking++;
  lp2p_resolver_resolve_async (self->swarm->resolver, resolve->address, &self->lookups_left, self->cancellable,
                               on_resolved, resolve);
}

/* Who wants a proxy may not want others to see which names are looked up, or may be
 * where nobody else can. */
static void
on_proxy_known (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Resolve *resolve = user_data;
  Lp2pDial *self = resolve->dial;

  if (!lp2p_tcp_hub_takes_name_finish (LP2P_TCP_HUB (source), result) && !self->over)
    {
      look_up (resolve);
      return;
    }
  if (!self->over)
    add_resolved (self, resolve->address, NULL, resolve->given);
  end_resolve (resolve);
}

static Resolve *
begin_resolve (Lp2pDial *self, Lp2pMultiaddr *address, gboolean given)
{
  Resolve *resolve = g_new0 (Resolve, 1);

  resolve->dial = lp2p_dial_ref (self);
  resolve->address = lp2p_multiaddr_ref (address);
  resolve->given = given;
  self->n_resolving++;
  return resolve;
}

/* Names of which everybody knows where they lead: to look them up asks nobody, and lets
 * the filter see it. */
static gboolean
is_obvious (Lp2pMultiaddr *address)
{
  g_autofree char *name = lp2p_multiaddr_get_component_string (address, 0);
  g_autofree char *lower = g_ascii_strdown (name, -1);

  return g_hostname_is_ip_address (lower) || g_str_equal (lower, "localhost") ||
         g_str_has_suffix (lower, ".localhost");
}

static void
resolve (Lp2pDial *self, Lp2pMultiaddr *address, gboolean given)
{
  Lp2pTcpHub *hub = self->swarm->tcp_hub;
  Resolve *resolve = begin_resolve (self, address, given);

  if (hub->proxy_resolver != NULL && lp2p_multiaddr_count_named_socket (address, LP2P_PROTOCOL_TCP) > 0 &&
      !is_obvious (address) && find_dialing_transport (self->transports, address) != NULL)
    lp2p_tcp_hub_takes_name_async (hub, address, self->cancellable, on_proxy_known, resolve);
  else
    look_up (resolve);
}

/* A name that no proxy took may lead anywhere here, also to where a peer sends nobody:
 * what it stands for goes through the filter. */
gboolean
lp2p_dial_resolve_failed (Lp2pDial *self, Lp2pMultiaddr *address, const GError *error)
{
  if (!has_name (address) || !g_error_matches (error, G_IO_ERROR, G_IO_ERROR_HOST_NOT_FOUND))
    return FALSE;
  look_up (begin_resolve (self, address, GPOINTER_TO_INT (g_hash_table_lookup (self->seen, address))));
  return TRUE;
}

/* What others say of where the peer is does not count: whoever lists an address of this
 * machine beside those of its loopback would have us knock at the ports of others. */
static gboolean
is_here (Lp2pDial *self, Lp2pMultiaddr *address, gboolean given)
{
  const Lp2pPeerAddress *known;

  if (!lp2p_dial_networks_have (self->networks, address))
    return FALSE;
  if (given)
    return TRUE;
  known = lp2p_peer_store_find_address (self->swarm->peers, self->options.expected_peer, address);
  return known != NULL && known->source >= LP2P_PEER_ADDRESS_CONNECTED;
}

void
lp2p_dial_add_addresses (Lp2pDial *self, GPtrArray *addresses, gboolean given)
{
  for (guint i = 0; addresses != NULL && i < addresses->len; i++)
    self->filter.same_machine |= is_here (self, g_ptr_array_index (addresses, i), given);

  for (guint i = 0; addresses != NULL && i < addresses->len; i++)
    {
      Lp2pMultiaddr *address = g_ptr_array_index (addresses, i);

      if (!has_name (address))
        add_resolved (self, address, NULL, given);
      else if (self->n_resolving >= LP2P_DIAL_MAX_TARGETS)
        note_too_many (self, address);
      else if (check_peer (self, address))
        resolve (self, address, given);
    }
}
