/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "tools/send/lp2p-send-door-private.h"

#include "tools/lp2p-session-private.h"

/* How many may stand before the door, each once, and for how long. */
#define MAX_VISITORS  16
#define VISIT_SECONDS 15

typedef struct
{
  SendDoor *door;
  SendChannel *channel;
  guint timer;
  gboolean declined;
} Visitor;

struct _SendDoor
{
  Lp2pHost *host;
  SendAdmit admit;
  gpointer user_data;
  GPtrArray *visitors;
};

static void
visitor_free (Visitor *self)
{
  g_clear_handle_id (&self->timer, g_source_remove);
  g_clear_pointer (&self->channel, send_channel_free);
  g_free (self);
}

static gboolean
on_visit_over (gpointer user_data)
{
  Visitor *self = user_data;

  self->timer = 0;
  g_ptr_array_remove_fast (self->door->visitors, self);
  return G_SOURCE_REMOVE;
}

/* Returns whether it stays: to hear why it was declined, which it shows by going. */
static gboolean
hear (Visitor *self, SendFrame **frame)
{
  g_autofree char *why = self->door->admit (self->channel, frame, self->door->user_data);

  if (why == NULL)
    {
      self->channel = NULL;
      return FALSE;
    }
  g_message ("declined %s: %s",
             lp2p_peer_id_get_string (send_channel_get_peer (self->channel)), why);
  self->declined = TRUE;
  send_append_text (send_channel_get_output (self->channel), SEND_BODY (DECLINE), why);
  send_channel_push (self->channel);
  return TRUE;
}

static void
on_input (SendChannel *channel, gpointer user_data)
{
  Visitor *self = user_data;

  for (;;)
    {
      g_autoptr (SendFrame) frame = NULL;
      g_autoptr (GError) error = NULL;
      SendEvent event;
      SendInput found = send_channel_poll (channel, &event, &error);

      frame = event.frame;
      if (found == SEND_INPUT_MORE)
        return;
      if (found == SEND_INPUT_FRAME && !self->declined && hear (self, &frame))
        continue;
      g_ptr_array_remove_fast (self->door->visitors, self);
      return;
    }
}

/* Who comes again gives up its place: one peer does not fill the room that is for all. */
static void
drop_visits (SendDoor *self, Lp2pPeerId *peer)
{
  for (guint i = self->visitors->len; i-- > 0;)
    {
      const Visitor *visitor = g_ptr_array_index (self->visitors, i);

      if (lp2p_peer_id_equal (send_channel_get_peer (visitor->channel), peer))
        g_ptr_array_remove_index_fast (self->visitors, i);
    }
}

static void
on_stream (Lp2pStream *stream, gpointer user_data)
{
  SendDoor *self = user_data;
  Visitor *visitor;

  drop_visits (self, lp2p_connection_get_remote_peer (lp2p_stream_get_connection (stream)));
  if (self->visitors->len >= MAX_VISITORS)
    {
      lp2p_stream_reset (stream, LP2P_CODE_STREAM_RESOURCE_LIMIT);
      return;
    }
  visitor = g_new0 (Visitor, 1);
  visitor->door = self;
  visitor->channel = send_channel_new (stream);
  visitor->timer = g_timeout_add_seconds (VISIT_SECONDS, on_visit_over, visitor);
  g_ptr_array_add (self->visitors, visitor);
  send_channel_set_notify (visitor->channel, on_input, visitor);
  on_input (visitor->channel, visitor);
}

/**
 * send_door_new:
 * @host: a host
 * @admit: asked about each visitor
 * @user_data: passed on
 *
 * Opens a host to peers that speak the protocol.
 *
 * Returns: (transfer full): the door, which closes when it is freed
 */
SendDoor *
send_door_new (Lp2pHost *host, SendAdmit admit, gpointer user_data)
{
  SendDoor *self = g_new0 (SendDoor, 1);

  self->host = g_object_ref (host);
  self->admit = admit;
  self->user_data = user_data;
  self->visitors = g_ptr_array_new_with_free_func ((GDestroyNotify) visitor_free);
  lp2p_host_set_stream_handler (host, SEND_PROTOCOL, LP2P_HANDLER_NONE, on_stream, self, NULL);
  return self;
}

static gboolean
has_declined (SendDoor *self)
{
  for (guint i = 0; i < self->visitors->len; i++)
    if (((Visitor *) g_ptr_array_index (self->visitors, i))->declined)
      return TRUE;
  return FALSE;
}

/* Who was declined a moment ago is given one to hear it. */
void
send_door_free (SendDoor *self)
{
  gint64 end = g_get_monotonic_time () + G_USEC_PER_SEC;

  while (has_declined (self) && g_get_monotonic_time () < end && tool_sleep (0.01))
    continue;
  lp2p_host_remove_stream_handler (self->host, SEND_PROTOCOL);
  g_ptr_array_unref (self->visitors);
  g_object_unref (self->host);
  g_free (self);
}
