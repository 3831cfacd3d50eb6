/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What peers send, by design or by chance, that ends the process in some versions of
 * ngtcp2: the connection goes on, or it ends with an error. */

#include "quic-attack.h"

#include <string.h>

typedef struct
{
  guint8 number;
  guint8 retire_prior_to;
  gboolean apart; /* from what is before it */
} Id;

typedef struct
{
  Id ids[12]; /* up to one that is 0 */
} Ids;

/* The stranger has given some by itself. */
static const Ids unknown = { { { 53, 53 }, { 51, 0 }, { 51, 0 } } };
static const Ids unknown_apart = { { { 53, 53 }, { 51, 0, TRUE }, { 51, 0, TRUE } } };
static const Ids again = { { { 51, 51 }, { 52, 51 }, { 53, 53, TRUE }, { 51, 51, TRUE }, { 52, 51, TRUE }, { 53, 53 } } };
static const Ids in_use = { { { 51, 51 }, { 52, 52, TRUE }, { 53, 53, TRUE }, { 52, 52, TRUE }, { 51, 51 }, { 52, 52 } } };
static const Ids late = { { { 52, 52 }, { 53, 53, TRUE }, { 51, 51, TRUE }, { 54, 53 }, { 51, 51 }, { 55, 55, TRUE }, { 54, 53 } } };

static void
send_ids (Attack *self, const Ids *ids)
{
  g_autoptr (GByteArray) frames = g_byte_array_new ();

  for (const Id *id = ids->ids; id->number > 0; id++)
    {
      append_id (frames, id->number, id->retire_prior_to);
      if (!id[1].apart && id[1].number > 0)
        continue;
      send_frames (self, frames->data, frames->len);
      g_byte_array_set_size (frames, 0);
      settle (self);
    }
}

/* Ids that come again after they were given up. */
static void
test_ids (Fixture *f, gconstpointer data)
{
  Attack self;

  begin (&self, f);
  send_ids (&self, data);
  g_assert_cmpint (self.connection->phase, ==, LP2P_QUIC_READY);
  send_frames (&self, "\x0a\x00\x05hello", 8);
  settle (&self);
  g_assert_cmpuint (self.connection->incoming.length, ==, 1);
  end (&self);
}

/* The id of the handshake comes once more, in a frame, and is another one: where it is not
 * overlooked, that is an error as any other. */
static void
test_first_id (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) frames = g_byte_array_new ();
  Attack self;

  begin (&self, f);
  append_id (frames, 53, 53);
  append_id (frames, 0, 0);
  send_frames (&self, frames->data, frames->len);
  settle (&self);
  g_byte_array_set_size (frames, 0);
  append_id (frames, 0, 0);
  send_frames (&self, frames->data, frames->len);
  settle (&self);
  g_assert_cmpint (self.connection->phase, ==, LP2P_QUIC_GIVES_UP_TWICE ? LP2P_QUIC_READY : LP2P_QUIC_CLOSED);
  end (&self);
}

/* What such an id is made is allowed where it stands. */
static void
test_early_id (Fixture *f, gconstpointer data)
{
  for (guint early = 0; early < 2; early++)
    {
      Lp2pQuicPeerIds ids = LP2P_QUIC_PEER_IDS_INIT;
      g_autoptr (GByteArray) frames = g_byte_array_new ();
      guint end;

      append_id (frames, 53, 53);
      append_id (frames, 51, 0);
      end = frames->len;
      append_id (frames, 51, 0);
      g_assert_true (lp2p_quic_frames_check (frames->data, frames->len, &ids,
                                             LP2P_QUIC_FRAMES_SETTLED | (early ? LP2P_QUIC_FRAMES_EARLY : 0)));
      g_assert_cmphex (frames->data[end], ==, early ? 0x01 : 0x1b);
      for (guint i = end + 1; i < frames->len; i++)
        g_assert_cmphex (frames->data[i], ==, 0);
    }
}

/* A server that does not wait for the client's last message. */

typedef struct
{
  Attack attack;
  GAsyncResult *result;
} Dial;

static void
serve (Dial *self, Fixture *f)
{
  Lp2pDialOptions options = LP2P_DIAL_OPTIONS_INIT;
  g_autofree char *text = g_strdup_printf ("/ip4/127.0.0.1/udp/%u/quic-v1", g_ntohs (f->stranger.own.sin_port));
  g_autoptr (Lp2pMultiaddr) address = lp2p_multiaddr_new_from_string (text, NULL);

  *self = (Dial){ .attack = { .f = f, .number = 1 << 16 } };
  lp2p_transport_dial_async (LP2P_TRANSPORT (f->host.transport), address, &options, NULL, test_take_result, &self->result);
  test_world_settle (f->world);
  quic_stranger_serve (&f->stranger);
  quic_stranger_init_keys (&f->stranger, &self->attack.keys, &self->attack.dcid);
}

/* What was said too soon had no effect. */
static void
assert_works (Dial *self)
{
  Fixture *f = self->attack.f;
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Lp2pRawConnection *connection;

  quic_stranger_advance (&f->stranger, 500 * G_TIME_SPAN_MILLISECOND);
  g_assert_nonnull (self->result);
  result = g_steal_pointer (&self->result);
  connection = lp2p_transport_dial_finish (LP2P_TRANSPORT (f->host.transport), result, &error);
  g_assert_no_error (error);
  g_assert_true (f->stranger.ready);
  g_assert_cmpint (f->stranger.read_error, ==, 0);
  g_assert_cmpint (find_connection (f)->phase, ==, LP2P_QUIC_READY);
  g_assert_true (find_connection (f)->confirmed);
  lp2p_raw_connection_free (connection);
  quic_keys_clear (&self->attack.keys);
}

static void
test_early_done (Fixture *f, gconstpointer data)
{
  Dial self;

  serve (&self, f);
  send_frames (&self.attack, "\x1e\0\0\0", 4);
  assert_works (&self);
}

static void
test_early_done_twice (Fixture *f, gconstpointer data)
{
  Dial self;

  serve (&self, f);
  send_frames (&self.attack, "\x1e\0\0\0", 4);
  send_frames (&self.attack, "\x01\x1e\0\0", 4);
  assert_works (&self);
}

static void
test_early_ids (Fixture *f, gconstpointer data)
{
  g_autoptr (GByteArray) frames = g_byte_array_new ();
  Dial self;

  serve (&self, f);
  append_id (frames, 1, 1);
  send_frames (&self.attack, frames->data, frames->len);
  assert_works (&self);
}

/* Nor does one work that leaves its transport parameters out. */
static void
test_no_params (Fixture *f, gconstpointer data)
{
  g_autoptr (GAsyncResult) result = NULL;
  g_autoptr (GError) error = NULL;
  Dial self;

  f->stranger.params = g_bytes_new_static ("", 0);
  serve (&self, f);
  quic_stranger_advance (&f->stranger, 500 * G_TIME_SPAN_MILLISECOND);
  result = g_steal_pointer (&self.result);
  g_assert_nonnull (result);
  g_assert_null (lp2p_transport_dial_finish (LP2P_TRANSPORT (f->host.transport), result, &error));
  g_assert_error (error, LP2P_ERROR, LP2P_ERROR_HANDSHAKE);
  g_assert_nonnull (strstr (error->message, "no transport parameters"));
  quic_keys_clear (&self.attack.keys);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

#define ADD(name, data, function) g_test_add ("/quic-crash/" name, Fixture, data, set_up, function, tear_down)
  ADD ("ids/unknown", &unknown, test_ids);
  ADD ("ids/unknown-apart", &unknown_apart, test_ids);
  ADD ("ids/again", &again, test_ids);
  ADD ("ids/in-use", &in_use, test_ids);
  ADD ("ids/late", &late, test_ids);
  ADD ("ids/first", NULL, test_first_id);
  ADD ("ids/early", NULL, test_early_id);
  ADD ("early-done", NULL, test_early_done);
  ADD ("early-done-twice", NULL, test_early_done_twice);
  ADD ("early-ids", NULL, test_early_ids);
  ADD ("no-params", NULL, test_no_params);
#undef ADD

  return g_test_run ();
}
