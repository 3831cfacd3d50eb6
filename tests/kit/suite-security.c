/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What every security protocol must do. Each runs over a connection that has
 * somebody in its middle. */

#include <string.h>

#include <lp2p/interfaces/lp2p-security.h>

#include "lp2p-memory-pipe.h"
#include "lp2p-test.h"
#include "test-context.h"
#include "test-end.h"
#include "test-relay.h"

/* After this time whoever runs a handshake gives it up, as the host does. */
#define DEADLINE_US (15 * G_USEC_PER_SEC)

/* How many places of a handshake are tampered with: each byte of a short one,
 * evenly spread ones of a long one. */
#define MAX_PLACES 1000

typedef struct
{
  TestContext *context;
  Lp2pSecurity *security;
  Lp2pLayer *layer;
  Lp2pSecurityParams params;
  GCancellable *cancellable;
  GAsyncResult *result;

  Lp2pSecurityResult *secured;
  GError *error;
} Side;

typedef struct
{
  const char *name;
  TestWorld *world;
  TestRelay *relay;
  Side a;
  Side b;
} Fixture;

static void
side_init (Side *self, TestWorld *world, const char *name, Lp2pRole role)
{
  self->context = test_context_new (world);
  self->security = test_plugin_new (self->context, name);
  self->params.role = role;
}

static void
set_up (Fixture *self, gconstpointer data)
{
  self->name = data;
  self->world = test_world_new (FALSE);
  side_init (&self->a, self->world, self->name, LP2P_ROLE_INITIATOR);
  side_init (&self->b, self->world, self->name, LP2P_ROLE_RESPONDER);
}

static void
side_reset (Side *self)
{
  g_assert_null (self->result);
  g_clear_pointer (&self->secured, lp2p_security_result_free);
  g_clear_error (&self->error);
  g_clear_object (&self->cancellable);
}

static void
disconnect (Fixture *self)
{
  side_reset (&self->a);
  side_reset (&self->b);
  g_clear_pointer (&self->relay, test_relay_free);
  test_world_settle (self->world);
}

static void
side_clear (Side *self)
{
  if (self->security != NULL)
    test_plugin_free (self->security);
  g_assert_finalize_object (self->context);
}

static void
tear_down (Fixture *self, gconstpointer data)
{
  disconnect (self);
  side_clear (&self->a);
  side_clear (&self->b);
  test_world_free (self->world);
}

/* Running a handshake */

static void
connect_sides (Fixture *self, const Lp2pMemoryOptions *options)
{
  disconnect (self);
  self->relay = test_relay_new (self->world, options, &self->a.layer, &self->b.layer);
}

static void
side_start (Side *self)
{
  self->cancellable = g_cancellable_new ();
  lp2p_security_secure_async (self->security, g_steal_pointer (&self->layer), &self->params, self->cancellable,
                              test_take_result, &self->result);
  g_assert_null (self->result);
}

static void
start (Fixture *self)
{
  side_start (&self->a);
  side_start (&self->b);
}

static void
side_finish (Side *self)
{
  self->secured = lp2p_security_secure_finish (self->security, self->result, &self->error);
  g_clear_object (&self->result);
  g_assert_true ((self->secured != NULL) != (self->error != NULL));
  if (self->error != NULL)
    g_assert_cmpstr (self->error->message, !=, "");
}

/* Both sides end; who still waits at the deadline is cancelled and ends then. */
static void
finish (Fixture *self)
{
  gint64 deadline = self->world->now + DEADLINE_US;

  test_until (self->world, (self->a.result != NULL && self->b.result != NULL) || self->world->now > deadline);
  g_cancellable_cancel (self->a.cancellable);
  g_cancellable_cancel (self->b.cancellable);
  test_world_settle (self->world);
  g_assert_nonnull (self->a.result);
  g_assert_nonnull (self->b.result);
  side_finish (&self->a);
  side_finish (&self->b);
}

static void
check_side (Side *self, Side *other)
{
  Lp2pPeerId *peer = lp2p_identity_get_peer_id (other->context->identity);

  g_assert_no_error (self->error);
  g_assert_nonnull (self->secured->layer);
  g_assert_true (lp2p_peer_id_equal (self->secured->remote_peer, peer));
  g_assert_true (lp2p_public_key_equal (self->secured->remote_key,
                                        lp2p_identity_get_public_key (other->context->identity)));
}

static void
shake_hands (Fixture *self, const Lp2pMemoryOptions *options)
{
  connect_sides (self, options);
  start (self);
  finish (self);
  check_side (&self->a, &self->b);
  check_side (&self->b, &self->a);
  g_assert_cmpstr (self->a.secured->muxer, ==, self->b.secured->muxer);
}

static void
exchange (Fixture *self, gsize size)
{
  TestEnd a;
  TestEnd b;

  test_end_init (&a, self->world, g_steal_pointer (&self->a.secured->layer));
  test_end_init (&b, self->world, g_steal_pointer (&self->b.secured->layer));
  a.end_after = b.end_after = TRUE;
  test_end_send (&a, size, 30000);
  test_end_send (&b, size / 2, 700);
  test_until (self->world, test_end_run (&a) && test_end_run (&b) && a.eof && b.eof);
  g_assert_cmpuint (b.received, ==, size);
  g_assert_cmpuint (a.received, ==, size / 2);
  test_end_clear (&a);
  test_end_clear (&b);
}

/* Handshakes that work */

static void
test_handshake (Fixture *self, gconstpointer data)
{
  g_assert_true (g_str_has_prefix (lp2p_security_get_protocol (self->a.security), "/"));
  shake_hands (self, NULL);
  exchange (self, 500000);
}

/* A hole punch makes the dialer the responder. */
static void
test_inverted (Fixture *self, gconstpointer data)
{
  self->a.params.role = LP2P_ROLE_RESPONDER;
  self->b.params.role = LP2P_ROLE_INITIATOR;
  shake_hands (self, NULL);
  exchange (self, 5000);
}

static void
test_same_role (Fixture *self, gconstpointer data)
{
  self->b.params.role = LP2P_ROLE_INITIATOR;
  connect_sides (self, NULL);
  start (self);
  finish (self);
  g_assert_error (self->a.error, LP2P_ERROR, LP2P_ERROR_SAME_ROLE);
  /* An alert of the first may be there before what it says itself. */
  g_assert_nonnull (self->b.error);
}

static void
test_lines (Fixture *self, gconstpointer data)
{
  static const Lp2pMemoryOptions lines[] = {
    { .buffer_size = 20, .max_step = 3 },
    { .short_reads = 1, .short_writes = 1 },
    { .buffer_size = 1 },
    { .delay = 50000, .loss = 200, .seed = 1 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++)
    {
      shake_hands (self, &lines[i]);
      exchange (self, 3000);
    }
}

static void
test_keys (Fixture *self, gconstpointer data)
{
  static const Lp2pKeyType types[] = { LP2P_KEY_TYPE_ED25519, LP2P_KEY_TYPE_SECP256K1, LP2P_KEY_TYPE_ECDSA,
                                       LP2P_KEY_TYPE_RSA };

  for (guint i = 0; i < G_N_ELEMENTS (types); i++)
    {
      g_clear_object (&self->a.context->identity);
      self->a.context->identity = lp2p_identity_generate (types[i], NULL);
      shake_hands (self, NULL);
    }
}

static void
test_muxers (Fixture *self, gconstpointer data)
{
  static const char *const ab[] = { "/a/1", "/b/1", NULL };
  static const char *const ba[] = { "/b/1", "/a/1", NULL };
  static const char *const b[] = { "/b/1", NULL };
  static const char *const c[] = { "/c/1", NULL };
  static const char *const none[] = { NULL };
  static const struct
  {
    const char *const *ours;
    const char *const *theirs;
    const char *expected;
  } cases[] = {
    { ab, ab, "/a/1" }, { ab, ba, "/a/1" }, { ba, ab, "/b/1" }, { ab, b, "/b/1" },   { b, ab, "/b/1" },
    { NULL, ab, NULL }, { ab, NULL, NULL }, { NULL, NULL, NULL }, { none, ab, NULL },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    {
      self->a.params.muxers = cases[i].ours;
      self->b.params.muxers = cases[i].theirs;
      shake_hands (self, NULL);
      /* Not every protocol can agree on one; none may agree on another one. */
      if (self->a.secured->muxer != NULL)
        g_assert_cmpstr (self->a.secured->muxer, ==, cases[i].expected);
    }

  /* Nothing in common: either it fails, or it is left to those above. */
  self->a.params.muxers = ab;
  self->b.params.muxers = c;
  connect_sides (self, NULL);
  start (self);
  finish (self);
  if (self->a.secured != NULL && self->b.secured != NULL)
    {
      g_assert_null (self->a.secured->muxer);
      g_assert_null (self->b.secured->muxer);
    }
}

/* Who is expected */

static void
test_expected_peer (Fixture *self, gconstpointer data)
{
  self->a.params.expected_peer = lp2p_identity_get_peer_id (self->b.context->identity);
  self->b.params.expected_peer = lp2p_identity_get_peer_id (self->a.context->identity);
  shake_hands (self, NULL);
}

/* Whoever believes to be connected with one who gave up finds out. */
static void
check_ends (Fixture *self, Side *side)
{
  TestEnd end;

  if (side->secured == NULL)
    return;
  test_end_init (&end, self->world, g_steal_pointer (&side->secured->layer));
  test_until (self->world, test_end_run (&end) && (end.eof || end.failed));
  g_assert_cmpuint (end.received, ==, 0);
  test_end_clear (&end);
}

static void
check_wrong_peer (Fixture *self, Side *expecting, Side *other)
{
  expecting->params.expected_peer = lp2p_identity_get_peer_id (expecting->context->identity);
  connect_sides (self, NULL);
  start (self);
  finish (self);
  g_assert_error (expecting->error, LP2P_ERROR, LP2P_ERROR_WRONG_PEER);
  check_ends (self, other);
  expecting->params.expected_peer = NULL;
}

static void
test_wrong_peer (Fixture *self, gconstpointer data)
{
  check_wrong_peer (self, &self->a, &self->b);
  check_wrong_peer (self, &self->b, &self->a);
}

/* Cancellation */

static void
check_cancel_before (Fixture *self, Side *side, Side *other)
{
  connect_sides (self, NULL);
  side->cancellable = g_cancellable_new ();
  g_cancellable_cancel (side->cancellable);
  lp2p_security_secure_async (side->security, g_steal_pointer (&side->layer), &side->params, side->cancellable,
                              test_take_result, &side->result);
  g_assert_null (side->result);
  side_start (other);
  finish (self);
  g_assert_error (side->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_assert_nonnull (other->error);
}

static void
test_cancel_before (Fixture *self, gconstpointer data)
{
  check_cancel_before (self, &self->a, &self->b);
  check_cancel_before (self, &self->b, &self->a);
}

static gboolean
cancel_at (Fixture *self, Side *side, Side *other, guint steps)
{
  gboolean over;

  connect_sides (self, NULL);
  start (self);
  for (guint i = 0; i < steps; i++)
    g_main_context_iteration (self->world->context, FALSE);
  over = side->result != NULL;
  g_cancellable_cancel (side->cancellable);
  test_until (self->world, side->result != NULL);
  finish (self);

  if (!over)
    g_assert_error (side->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  if (side->error != NULL)
    check_ends (self, other);
  return over;
}

static void
test_cancel (Fixture *self, gconstpointer data)
{
  guint steps = 0;

  while (!cancel_at (self, &self->a, &self->b, steps))
    steps++;
  g_assert_cmpuint (steps, >, 1);
  steps = 0;
  while (!cancel_at (self, &self->b, &self->a, steps))
    steps++;
  g_assert_cmpuint (steps, >, 1);
}

/* The host closes: what is pending ends. */
static void
test_stop (Fixture *self, gconstpointer data)
{
  connect_sides (self, NULL);
  self->relay->there.stop_at = 10;
  start (self);
  test_world_advance (self->world, 1000);
  g_assert_null (self->a.result);
  lp2p_extension_stop (LP2P_EXTENSION (self->a.security));
  test_world_settle (self->world);
  g_assert_nonnull (self->a.result);
  finish (self);
  g_assert_error (self->a.error, G_IO_ERROR, G_IO_ERROR_CLOSED);
  g_assert_nonnull (self->b.error);
}

/* Peers that do something else */

/* How many bytes each side sends. */
static void
measure (Fixture *self, gint64 *there, gint64 *back)
{
  shake_hands (self, NULL);
  lp2p_layer_flush (self->a.secured->layer);
  test_world_settle (self->world);
  *there = self->relay->there.passed;
  *back = self->relay->back.passed;
  g_assert_cmpint (*there, >, 0);
  g_assert_cmpint (*back, >, 0);
  g_test_message ("%s: %d bytes there, %d back", self->name, (int) *there, (int) *back);
}

static void
check_silence (Fixture *self, Side *side)
{
  connect_sides (self, NULL);
  side_start (side);
  test_world_advance (self->world, G_USEC_PER_SEC);
  g_assert_null (side->result);
  g_cancellable_cancel (side->cancellable);
  test_world_settle (self->world);
  side_finish (side);
  g_assert_error (side->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  lp2p_layer_free (side == &self->a ? self->b.layer : self->a.layer);
}

static void
test_silence (Fixture *self, gconstpointer data)
{
  check_silence (self, &self->a);
  check_silence (self, &self->b);
}

/* The handshake stops, ends or breaks behind each number of bytes. */
static void
break_at (Fixture *self, gint64 *limit_of (TestRelay *relay), gint64 place, gboolean must_end)
{
  gint64 started;

  connect_sides (self, NULL);
  *limit_of (self->relay) = place;
  start (self);
  started = self->world->now;
  finish (self);
  g_assert_true (self->a.error != NULL || self->b.error != NULL);
  if (must_end)
    g_assert_cmpint (self->world->now - started, <, DEADLINE_US);
  check_ends (self, &self->a);
  check_ends (self, &self->b);
}

static gint64 *
stop_there (TestRelay *relay)
{
  return &relay->there.stop_at;
}

static gint64 *
stop_back (TestRelay *relay)
{
  return &relay->back.stop_at;
}

static gint64 *
reset_there (TestRelay *relay)
{
  return &relay->there.reset_at;
}

static gint64 *
reset_back (TestRelay *relay)
{
  return &relay->back.reset_at;
}

static gint64
get_stride (gint64 size)
{
  return 1 + size / MAX_PLACES;
}

static void
test_reset (Fixture *self, gconstpointer data)
{
  gint64 there, back;

  measure (self, &there, &back);
  for (gint64 place = 0; place < there; place += 1 + there / 50)
    break_at (self, reset_there, place, TRUE);
  for (gint64 place = 0; place < back; place += 1 + back / 50)
    break_at (self, reset_back, place, TRUE);
}

/* The end of the stream instead of the rest. */
static void
test_truncated (Fixture *self, gconstpointer data)
{
  gint64 there, back;

  measure (self, &there, &back);
  for (gint64 place = 0; place < there; place += 1 + there / 50)
    {
      connect_sides (self, NULL);
      self->relay->there.end_at = place;
      start (self);
      finish (self);
      g_assert_nonnull (self->b.error);
      g_assert_false (g_error_matches (self->b.error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
    }
  for (gint64 place = 0; place < back; place += 1 + back / 50)
    {
      connect_sides (self, NULL);
      self->relay->back.end_at = place;
      start (self);
      finish (self);
      g_assert_true (self->a.error != NULL || self->b.error != NULL);
    }
}

/* Silence from some byte on: only the deadline ends that. */
static void
test_stuck (Fixture *self, gconstpointer data)
{
  gint64 there, back;

  measure (self, &there, &back);
  for (gint64 place = 0; place < there; place += 1 + there / 20)
    break_at (self, stop_there, place, FALSE);
  for (gint64 place = 0; place < back; place += 1 + back / 20)
    break_at (self, stop_back, place, FALSE);
}

/* The version in the head of a record of TLS, which says nothing, and the type of one that
 * is encrypted, which is always the same (RFC 8446, sections 5.1 and 5.2). All else is
 * there to be read, or authenticated. */
static gboolean
is_meaningless (Fixture *self, const GByteArray *seen, gint64 place)
{
  gint64 head = 0;
  gint64 next = 0;

  if (!g_str_equal (self->name, "tls"))
    return FALSE;
  while (next <= place && next + 5 <= seen->len)
    {
      head = next;
      next = head + 5 + (seen->data[head + 3] << 8 | seen->data[head + 4]);
    }
  return next > place &&
         (place == head + 1 || place == head + 2 || (place == head && seen->data[head] == 23));
}

/* One bit of each byte is changed: at least one side must notice, and the other
 * one must not be left with a connection. */
static void
tamper (Fixture *self, gboolean with_back, gint64 place)
{
  g_autoptr (GByteArray) seen = g_byte_array_new ();
  TestRelayWay *way;

  connect_sides (self, NULL);
  way = with_back ? &self->relay->back : &self->relay->there;
  way->seen = seen;
  way->flip_at = place;
  way->flip_mask = 1 << (place % 8);
  start (self);
  finish (self);

  /* Signatures are not always of the same size. */
  if (place >= way->passed)
    return;

  /* A side that has its part done without it may not have flushed yet. */
  if (self->a.secured != NULL && self->b.secured != NULL)
    {
      if (!is_meaningless (self, seen, place))
        g_error ("%s: nobody noticed that byte %d was changed on its way %s", self->name, (int) place,
                 with_back ? "back" : "there");
      check_side (&self->a, &self->b);
      check_side (&self->b, &self->a);
      exchange (self, 1000);
      way->seen = NULL;
      return;
    }
  check_ends (self, &self->a);
  check_ends (self, &self->b);
  way->seen = NULL;
}

static void
test_tampered (Fixture *self, gconstpointer data)
{
  gint64 there, back;

  measure (self, &there, &back);
  for (gint64 place = 0; place < there; place += get_stride (there))
    tamper (self, FALSE, place);
  for (gint64 place = 0; place < back; place += get_stride (back))
    tamper (self, TRUE, place);
}

/* Any bytes at all instead of a handshake. */
static void
send_garbage (Fixture *self, Side *side, guint32 seed, gsize size)
{
  Lp2pLayer *layer;
  g_autofree guint8 *bytes = g_malloc (size);
  GRand *random = g_rand_new_with_seed (seed);

  for (gsize i = 0; i < size; i++)
    bytes[i] = g_rand_int_range (random, 0, 256);
  g_rand_free (random);

  connect_sides (self, NULL);
  layer = side == &self->a ? self->b.layer : self->a.layer;
  side_start (side);
  lp2p_layer_write (layer, bytes, MIN (size, lp2p_layer_write_room (layer)), LP2P_WRITE_NONE);
  lp2p_layer_shutdown_write (layer);
  test_until (self->world, side->result != NULL);
  side_finish (side);
  g_assert_nonnull (side->error);
  lp2p_layer_free (layer);
}

static void
test_garbage (Fixture *self, gconstpointer data)
{
  static const gsize sizes[] = { 1, 2, 3, 34, 100, 1000, 70000 };

  for (guint32 seed = 0; seed < 10; seed++)
    for (guint i = 0; i < G_N_ELEMENTS (sizes); i++)
      {
        send_garbage (self, &self->a, seed, sizes[i]);
        send_garbage (self, &self->b, seed, sizes[i]);
      }
}

/* Behind the handshake, a changed bit ends the connection. */
static void
test_tampered_data (Fixture *self, gconstpointer data)
{
  for (guint i = 0; i < 60; i++)
    {
      g_autoptr (GByteArray) seen = g_byte_array_new ();
      TestEnd a;
      TestEnd b;

      shake_hands (self, NULL);
      lp2p_layer_flush (self->a.secured->layer);
      test_world_settle (self->world);
      self->relay->there.flip_at = self->relay->there.passed + i * 7;
      self->relay->there.flip_mask = 1 << (i % 8);
      self->relay->there.seen = seen;
      test_end_init (&a, self->world, g_steal_pointer (&self->a.secured->layer));
      test_end_init (&b, self->world, g_steal_pointer (&self->b.secured->layer));
      a.end_after = TRUE;
      test_end_send (&a, 2000, 100);
      test_until (self->world, test_end_run (&a) && test_end_run (&b) && (b.failed || b.eof));
      self->relay->there.seen = NULL;
      g_assert_true (b.eof == (b.received == 2000));
      if (b.eof && !is_meaningless (self, seen, i * 7))
        g_error ("%s: nobody noticed that byte %u of the data was changed", self->name, i * 7);
      test_end_clear (&a);
      test_end_clear (&b);
    }
}

static const struct
{
  const char *name;
  void (*test) (Fixture *self, gconstpointer data);
} tests[] = {
  { "handshake", test_handshake },
  { "inverted", test_inverted },
  { "same-role", test_same_role },
  { "lines", test_lines },
  { "keys", test_keys },
  { "muxers", test_muxers },
  { "expected-peer", test_expected_peer },
  { "wrong-peer", test_wrong_peer },
  { "cancel-before", test_cancel_before },
  { "cancel", test_cancel },
  { "stop", test_stop },
  { "silence", test_silence },
  { "reset", test_reset },
  { "truncated", test_truncated },
  { "stuck", test_stuck },
  { "tampered", test_tampered },
  { "tampered-data", test_tampered_data },
  { "garbage", test_garbage },
};

void
lp2p_test_add_security (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (tests); i++)
    {
      g_autofree char *path = g_strdup_printf ("/security/%s/%s", name, tests[i].name);

      g_test_add (path, Fixture, g_intern_string (name), set_up, tests[i].test, tear_down);
    }
}
