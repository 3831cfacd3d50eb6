/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "lp2p-noise-security.h"
#include "security-cases.h"

#define NOISE LP2P_TYPE_NOISE_SECURITY, "noise"

/* What one side writes the other reads. */
static void
assert_talk (SecurityPair *fixture)
{
  for (guint i = 0; i < 2; i++)
    {
      const guint8 *data;

      g_assert_cmpint (
          lp2p_layer_write (security_pair_get_layer (fixture, i), "hello", 5, LP2P_WRITE_NONE), ==,
          5);
      security_pair_settle ();
      g_assert_cmpint (lp2p_layer_peek (security_pair_get_layer (fixture, 1 - i), &data), ==, 5);
      g_assert_cmpmem (data, 5, "hello", 5);
      lp2p_layer_consume (security_pair_get_layer (fixture, 1 - i), 5);
    }
}

static void
test_success (void)
{
  SecurityPair fixture;

  security_case_meet (&fixture, NOISE, "/noise");
  assert_talk (&fixture);
  security_pair_clear (&fixture);
}

/* The wire moves a byte at a time, and holds hardly more. */
static void
test_small_steps (void)
{
  static const MemoryLayerOptions options[] = {
    { .max_peek = 1 },
    { .max_step = 1 },
    { .capacity = 1, .max_peek = 1 },
    { .capacity = 7, .max_step = 3, .max_peek = 2 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (options); i++)
    {
      SecurityPair fixture;

      security_pair_init (&fixture, NOISE);
      security_pair_connect (&fixture, &options[i]);
      security_pair_handshake (&fixture);
      security_pair_assert_peers (&fixture);
      security_pair_clear (&fixture);
    }
}

static void
test_muxers (void)
{
  security_case_muxers (NOISE);
}

/* The side that expects somebody else fails; the other is cut off. */
static void
test_wrong_peer (void)
{
  for (guint side = 0; side < 2; side++)
    {
      SecurityPair fixture;
      SecuritySide *other = &fixture.sides[1 - side];

      security_case_mistake (&fixture, NOISE, side);
      if (side == PAIR_INITIATOR)
        {
          /* It did not say who it is. */
          g_assert_null (other->result);
        }
      else
        {
          const guint8 *data;

          g_assert_cmpint (lp2p_layer_peek (other->result->layer, &data), ==, LP2P_IO_FAILED);
        }
      security_pair_clear (&fixture);
    }
}

static void
test_silence (void)
{
  security_case_silence (NOISE, PAIR_INITIATOR, "message 2 of 3, the peer's");
  security_case_silence (NOISE, PAIR_RESPONDER, "message 1 of 3, the peer's");
}

/* Lets @n bytes pass between the sides.
 *
 * Returns: how many did, less if there were no more */
static gsize
pass (SecurityPair *fixture, gsize n, gsize flip_at)
{
  gsize passed = 0;
  guint idle = 0;

  while (passed < n && idle < 2)
    for (guint i = 0; i < 2 && passed < n; i++)
      {
        gsize at = flip_at >= passed ? flip_at - passed : G_MAXSIZE;
        gsize size;

        security_pair_settle ();
        size = security_pair_forward (fixture, i, n - passed, at, 0x20);
        passed += size;
        idle = size > 0 ? 0 : idle + 1;
      }
  security_pair_settle ();
  return passed;
}

static gsize
measure (void)
{
  SecurityPair fixture;
  gsize total;

  security_pair_init (&fixture, NOISE);
  security_pair_connect_wires (&fixture, NULL);
  security_pair_start_both (&fixture);
  total = pass (&fixture, G_MAXSIZE, G_MAXSIZE);
  security_pair_assert_peers (&fixture);
  security_pair_clear (&fixture);
  return total;
}

/* The connection ends, or breaks, behind any number of bytes. */
static void
test_close (void)
{
  gsize total = measure ();

  for (gsize n = 0; n < total; n += n < 40 || n > total - 4 ? 1 : 7)
    {
      SecurityPair fixture;
      SecuritySide *responder = &fixture.sides[PAIR_RESPONDER];

      security_pair_init (&fixture, NOISE);
      security_pair_connect_wires (&fixture, NULL);
      security_pair_start_both (&fixture);
      g_assert_cmpuint (pass (&fixture, n, G_MAXSIZE), ==, n);

      for (guint i = 0; i < 2; i++)
        if (n % 2 == 0)
          lp2p_layer_shutdown_write (fixture.wire[i]);
        else
          g_clear_pointer (&fixture.wire[i], lp2p_layer_free);
      security_pair_settle ();

      security_pair_assert_failed (&fixture, PAIR_RESPONDER, LP2P_ERROR, LP2P_ERROR_HANDSHAKE,
                     n < 34 ? "message 1 of 3" : "message 3 of 3");
      g_assert_nonnull (strstr (responder->error->message,
                                n == 0 || n == 34 ? "before it" : "the connection ended"));
      g_assert_true (fixture.sides[PAIR_INITIATOR].done);
      security_pair_clear (&fixture);
    }
}

static void
test_break (void)
{
  security_case_break (NOISE, "The connection broke");
}

/* Whatever bit is turned on the way: the sides never agree that all is well. */
static void
test_tampering (void)
{
  gsize total = measure ();

  for (gsize at = 0; at < total; at += at < 40 ? 1 : 5)
    {
      SecurityPair fixture;

      security_pair_init (&fixture, NOISE);
      security_pair_connect_wires (&fixture, NULL);
      security_pair_start_both (&fixture);
      pass (&fixture, G_MAXSIZE, at);
      for (guint i = 0; i < 2; i++)
        if (fixture.wire[i] != NULL)
          lp2p_layer_shutdown_write (fixture.wire[i]);
      security_pair_settle ();

      g_assert_true (fixture.sides[0].done && fixture.sides[1].done);
      g_assert_null (fixture.sides[PAIR_RESPONDER].result);
      g_assert_error (fixture.sides[PAIR_RESPONDER].error, LP2P_ERROR, LP2P_ERROR_HANDSHAKE);
      security_pair_clear (&fixture);
    }
}

static void
test_garbage (void)
{
  static const struct
  {
    const char *bytes;
    gsize size;
  } inputs[] = {
    { "\0\0", 2 },
    { "\0\x05xxxxx", 7 },
    { "\xff\xff", 2 },
    { "\x13/multistream/1.0.0\n", 20 },
    { "GET / HTTP/1.1\r\n\r\n", 18 },
    { "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11 },
  };

  for (guint i = 0; i < G_N_ELEMENTS (inputs); i++)
    security_case_garbage (NOISE, inputs[i].bytes, inputs[i].size, "Noise handshake failed at message");
}

/* Who writes first: nobody, who takes the session, or whom that one tells, in the run
 * queue behind others. */
typedef enum
{
  NOBODY,
  TAKER,
  APPLICATION,
  BOTH,
  N_WRITERS,
} FirstWriter;

#define N_OTHERS 5

typedef struct
{
  SecuritySide *side;
  FirstWriter writer;
  Lp2pJob others[N_OTHERS];
  Lp2pJob application;
} FirstWrite;

static void
write_first (SecuritySide *side)
{
  g_assert_cmpint (lp2p_layer_write (side->result->layer, "first", 5, LP2P_WRITE_MORE), ==, 5);
  /* It leaves with what others write. */
  g_assert_cmpint (lp2p_layer_flush (side->result->layer), ==, LP2P_IO_AGAIN);
}

static void
run_application (Lp2pJob *job)
{
  write_first (((FirstWrite *) ((char *) job - G_STRUCT_OFFSET (FirstWrite, application)))->side);
}

static void
run_other (Lp2pJob *job)
{
}

static void
take_session (GObject *source, GAsyncResult *result, gpointer data)
{
  FirstWrite *self = data;
  SecuritySide *side = self->side;

  side->result = lp2p_security_secure_finish (LP2P_SECURITY (source), result, &side->error);
  g_assert_no_error (side->error);
  side->done = TRUE;
  if (self->writer == TAKER || self->writer == BOTH)
    write_first (side);
  for (guint i = 0; i < N_OTHERS; i++)
    lp2p_job_queue (&self->others[i]);
  if (self->writer == APPLICATION || self->writer == BOTH)
    lp2p_job_queue (&self->application);
}

/* The initiator's first bytes go along with its last message, in one piece, also where
 * two write them and each has them flushed. */
static void
test_last_message (void)
{
  for (FirstWriter writer = NOBODY; writer < N_WRITERS; writer++)
    {
      SecurityPair fixture;
      SecuritySide *initiator = &fixture.sides[PAIR_INITIATOR];
      FirstWrite first = { .side = initiator, .writer = writer };
      gsize plain = writer == NOBODY ? 0 : writer == BOTH ? 10 : 5;
      Lp2pLayer *layer;
      guint64 written;
      const guint8 *data;
      gsize size;

      security_pair_init (&fixture, NOISE);
      security_pair_connect_wires (&fixture, NULL);
      lp2p_job_init (&first.application, fixture.lower[0]->loop, LP2P_JOB_RUN, run_application);
      for (guint i = 0; i < N_OTHERS; i++)
        lp2p_job_init (&first.others[i], fixture.lower[0]->loop, LP2P_JOB_RUN, run_other);
      security_pair_start (&fixture, PAIR_RESPONDER);
      lp2p_security_secure_async (initiator->security, fixture.lower[0], &initiator->params, NULL,
                                  take_session, &first);
      security_pair_settle ();
      security_pair_forward (&fixture, PAIR_INITIATOR, G_MAXSIZE, G_MAXSIZE, 0);
      security_pair_settle ();
      written = memory_layer_get_written (fixture.lower[0]);
      security_pair_forward (&fixture, PAIR_RESPONDER, G_MAXSIZE, G_MAXSIZE, 0);
      security_pair_settle ();
      g_assert_true (initiator->done);

      /* Pieces that arrive are not joined: a look yields one. */
      size = memory_layer_get_written (fixture.lower[0]) - written;
      g_assert_cmpint (lp2p_layer_peek (fixture.wire[0], &data), ==, size);
      g_assert_cmpuint (size, ==, 2 + (data[0] << 8 | data[1]) + (plain > 0 ? 2 + plain + 16 : 0));

      security_pair_forward (&fixture, PAIR_INITIATOR, G_MAXSIZE, G_MAXSIZE, 0);
      security_pair_settle ();
      security_pair_assert_peers (&fixture);
      layer = security_pair_get_layer (&fixture, PAIR_RESPONDER);
      g_assert_cmpint (lp2p_layer_peek (layer, &data), ==, plain > 0 ? (gssize) plain : LP2P_IO_AGAIN);
      security_pair_clear (&fixture);
    }
}

/* More than one may offer. */
static void
test_large_offer (void)
{
  SecurityPair fixture;
  char *muxers[66] = { NULL };

  security_pair_init (&fixture, NOISE);
  for (guint i = 0; i < 65; i++)
    muxers[i] = (char *) "/m";
  fixture.sides[0].params.muxers = (const char *const *) muxers;
  security_pair_connect_wires (&fixture, NULL);
  security_pair_start (&fixture, PAIR_INITIATOR);
  security_pair_settle ();
  security_pair_assert_failed (&fixture, 0, LP2P_ERROR, LP2P_ERROR_HANDSHAKE, "stream muxers");
  lp2p_layer_free (fixture.lower[1]);
  security_pair_clear (&fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);
  g_test_add_func ("/noise/handshake/success", test_success);
  g_test_add_func ("/noise/handshake/small-steps", test_small_steps);
  g_test_add_func ("/noise/handshake/muxers", test_muxers);
  g_test_add_func ("/noise/handshake/wrong-peer", test_wrong_peer);
  g_test_add_func ("/noise/handshake/silence", test_silence);
  g_test_add_func ("/noise/handshake/close", test_close);
  g_test_add_func ("/noise/handshake/break", test_break);
  g_test_add_func ("/noise/handshake/tampering", test_tampering);
  g_test_add_func ("/noise/handshake/garbage", test_garbage);
  g_test_add_func ("/noise/handshake/last-message", test_last_message);
  g_test_add_func ("/noise/handshake/large-offer", test_large_offer);
  return g_test_run ();
}
