/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-identify-local.h"

#include "lp2p-identify-message.h"

/* Room that is kept for the one thing that differs from peer to peer; addresses
 * with certificate hashes are the long ones. */
#define OBSERVED_ROOM 192
#define MESSAGE_ROOM  (LP2P_IDENTIFY_MAX_SENT - OBSERVED_ROOM)
/* Who is not found needs no protocols: so many addresses stay. None may be so long
 * that they do not fit. */
#define KEPT_ADDRESSES   4
#define MAX_ADDRESS_SIZE 256
/* What an address takes beside itself, in the list and in the signed record. */
#define ADDRESS_OVERHEAD 8

struct _Lp2pIdentifyLocal
{
  Lp2pContext *context;
  char *group;
  guint generation;
  guint64 seq;
  /* Kept until something changes: a signature is not free. */
  Lp2pIdentifyMessage *message;
};

Lp2pIdentifyLocal *
lp2p_identify_local_new (Lp2pContext *context, const char *group)
{
  Lp2pIdentifyLocal *self = g_new0 (Lp2pIdentifyLocal, 1);

  /* The context outlives its extensions. */
  self->context = context;
  self->group = g_strdup (group);
  self->generation = 1;
  return self;
}

void
lp2p_identify_local_free (Lp2pIdentifyLocal *self)
{
  g_clear_pointer (&self->message, lp2p_identify_message_free);
  g_free (self->group);
  g_free (self);
}

void
lp2p_identify_local_invalidate (Lp2pIdentifyLocal *self)
{
  g_clear_pointer (&self->message, lp2p_identify_message_free);
  self->generation++;
  if (self->generation == 0)
    self->generation = 1;
}

guint
lp2p_identify_local_get_generation (Lp2pIdentifyLocal *self)
{
  return self->generation;
}

/* Each record is newer than the last, whatever the clock does. */
static void
seal_record (Lp2pIdentifyLocal *self, Lp2pIdentifyMessage *message)
{
  Lp2pIdentity *identity = lp2p_context_get_identity (self->context);
  g_autoptr (Lp2pPeerRecord) record = NULL;
  g_autoptr (GError) error = NULL;
  gint64 now = lp2p_loop_real_time (lp2p_context_get_loop (self->context));

  self->seq = MAX (self->seq + 1, (guint64) MAX (now, 0));
  record =
      lp2p_peer_record_new (lp2p_identity_get_peer_id (identity), self->seq, message->addresses);
  g_clear_pointer (&message->signed_record, g_bytes_unref);
  message->signed_record = lp2p_peer_record_seal (record, identity, &error);
  if (message->signed_record == NULL)
    g_debug ("Sending no signed peer record: %s", error->message);
}

/* Leaves out the last addresses, as many as gain @excess bytes. */
static void
drop_addresses (Lp2pIdentifyMessage *message, gsize excess)
{
  gsize gained = 0;

  while (gained < excess && message->addresses->len > KEPT_ADDRESSES)
    {
      guint last = message->addresses->len - 1;
      Lp2pMultiaddr *address = g_ptr_array_index (message->addresses, last);

      gained += 2 * g_bytes_get_size (lp2p_multiaddr_get_bytes (address)) + ADDRESS_OVERHEAD;
      g_ptr_array_remove_index (message->addresses, last);
    }
}

static gsize
get_excess (const Lp2pIdentifyMessage *message)
{
  gsize size = lp2p_identify_message_get_size (message);

  return size > MESSAGE_ROOM ? size - MESSAGE_ROOM : 0;
}

static void
fit (Lp2pIdentifyLocal *self, Lp2pIdentifyMessage *message)
{
  guint n_addresses = message->addresses->len;
  guint n_protocols = message->protocols->len;
  gsize excess;

  seal_record (self, message);
  while ((excess = get_excess (message)) > 0 && message->addresses->len > KEPT_ADDRESSES)
    {
      drop_addresses (message, excess);
      seal_record (self, message);
    }
  while (get_excess (message) > 0 && message->protocols->len > 0)
    g_ptr_array_remove_index (message->protocols, message->protocols->len - 1);
  if (get_excess (message) > 0)
    g_clear_pointer (&message->signed_record, g_bytes_unref);

  if (message->addresses->len < n_addresses || message->protocols->len < n_protocols)
    g_message (
        "Only %u of %u addresses and %u of %u protocols fit into the %d bytes that peers read",
        message->addresses->len, n_addresses, message->protocols->len, n_protocols,
        LP2P_IDENTIFY_MAX_SENT);
}

static GPtrArray *
dup_protocols (Lp2pIdentifyLocal *self)
{
  g_auto (GStrv) names = lp2p_context_dup_protocols (self->context);
  GPtrArray *protocols = g_ptr_array_new_null_terminated (0, g_free, TRUE);

  for (guint i = 0; names[i] != NULL; i++)
    g_ptr_array_add (protocols, g_strdup (names[i]));
  return protocols;
}

static GPtrArray *
dup_addresses (Lp2pIdentifyLocal *self)
{
  GPtrArray *addresses = lp2p_context_dup_addresses (self->context);

  for (guint i = addresses->len; i > 0; i--)
    if (g_bytes_get_size (lp2p_multiaddr_get_bytes (g_ptr_array_index (addresses, i - 1))) >
        MAX_ADDRESS_SIZE)
      g_ptr_array_remove_index (addresses, i - 1);
  return addresses;
}

static Lp2pIdentifyMessage *
compose (Lp2pIdentifyLocal *self)
{
  Lp2pConfig *config = lp2p_context_get_config (self->context);
  Lp2pIdentity *identity = lp2p_context_get_identity (self->context);
  Lp2pIdentifyMessage *message = lp2p_identify_message_new ();

  message->public_key =
      g_bytes_ref (lp2p_public_key_get_bytes (lp2p_identity_get_public_key (identity)));
  message->addresses = dup_addresses (self);
  message->protocols = dup_protocols (self);
  message->agent_version = lp2p_config_get_string (config, LP2P_CONFIG_GROUP_HOST, "agent-version");
  message->protocol_version = lp2p_config_get_string (config, self->group, "protocol-version");
  fit (self, message);
  return message;
}

GBytes *
lp2p_identify_local_encode (Lp2pIdentifyLocal *self, Lp2pMultiaddr *observed)
{
  GBytes *bytes;

  if (self->message == NULL)
    self->message = compose (self);

  self->message->observed = observed;
  if (lp2p_identify_message_get_size (self->message) > LP2P_IDENTIFY_MAX_SENT)
    self->message->observed = NULL;
  bytes = lp2p_identify_message_encode (self->message);
  self->message->observed = NULL;
  return bytes;
}
