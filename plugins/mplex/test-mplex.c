/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The head of a message: bytes by hand, after the specification. */

#include <lp2p/interfaces/lp2p-interfaces-types.h>

#include "lp2p-mplex-frame.h"

typedef struct
{
  const char *name;
  guint8 bytes[LP2P_MPLEX_HEADER_MAX + 2];
  gsize size;
  Lp2pMplexHeader header;
} Vector;

static const Vector valid[] = {
  { "first stream without a name", { 0x00, 0x00 }, 2, { LP2P_MPLEX_NEW_STREAM, TRUE, 0, 0 } },
  { "new stream 1 named 1", { 0x08, 0x01 }, 2, { LP2P_MPLEX_NEW_STREAM, TRUE, 1, 1 } },
  { "message of the receiver", { 0x09, 0x05 }, 2, { LP2P_MPLEX_MESSAGE, FALSE, 1, 5 } },
  { "message of the initiator", { 0x0a, 0x7f }, 2, { LP2P_MPLEX_MESSAGE, TRUE, 1, 127 } },
  { "close of the receiver", { 0x8b, 0x01, 0x00 }, 3, { LP2P_MPLEX_CLOSE, FALSE, 17, 0 } },
  { "close of the initiator", { 0x8c, 0x01, 0x00 }, 3, { LP2P_MPLEX_CLOSE, TRUE, 17, 0 } },
  { "reset of the receiver", { 0x15, 0x00 }, 2, { LP2P_MPLEX_RESET, FALSE, 2, 0 } },
  { "reset of the initiator", { 0x16, 0x00 }, 2, { LP2P_MPLEX_RESET, TRUE, 2, 0 } },
  { "the longest message",
    { 0x0a, 0x80, 0x80, 0x40 },
    4,
    { LP2P_MPLEX_MESSAGE, TRUE, 1, LP2P_MPLEX_MESSAGE_MAX } },
  { "an id of 33 bits, as rust tests it",
    { 0x82, 0x80, 0x80, 0x80, 0x80, 0x01, 0x03 },
    7,
    { LP2P_MPLEX_MESSAGE, TRUE, G_GUINT64_CONSTANT (1) << 32, 3 } },
  { "the largest id",
    { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x00 },
    10,
    { LP2P_MPLEX_RESET, TRUE, LP2P_MPLEX_ID_MAX, 0 } },
};

static const struct
{
  const char *message;
  guint8 bytes[LP2P_MPLEX_HEADER_MAX + 2];
  gsize size;
} invalid[] = {
  { "*flag 7*", { 0x07 }, 1 },
  { "*flag 7*", { 0xff, 0x01 }, 2 },
  /* A zero at the end. */
  { "*stream id*varint*", { 0x88, 0x00 }, 2 },
  { "*length*varint*", { 0x0a, 0x81, 0x00 }, 3 },
  /* An id of 61 bits, and one without an end. */
  { "*stream id*varint*", { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01 }, 9 },
  { "*stream id*varint*", { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 9 },
  { "*length*varint*", { 0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80 }, 10 },
  /* 1 MiB and a byte; 4 GiB; nearly 2⁶³. */
  { "*1048577 bytes*stream 1;*", { 0x0a, 0x81, 0x80, 0x40 }, 4 },
  { "*1048577 bytes*stream 3;*", { 0x18, 0x81, 0x80, 0x40 }, 4 },
  { "*4294967296 bytes*", { 0x0a, 0x80, 0x80, 0x80, 0x80, 0x10 }, 6 },
  { "*9223372036854775807 bytes*",
    { 0x0c, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
    10 },
};

static void
test_valid (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (valid); i++)
    {
      const Vector *vector = &valid[i];
      g_autoptr (GError) error = NULL;
      guint8 bytes[LP2P_MPLEX_HEADER_MAX];
      Lp2pMplexHeader header;

      g_test_message ("%s", vector->name);
      /* Whatever comes behind does not matter. */
      g_assert_cmpint (
          lp2p_mplex_header_decode (vector->bytes, sizeof vector->bytes, &header, &error), ==,
          vector->size);
      g_assert_no_error (error);
      g_assert_cmpint (header.type, ==, vector->header.type);
      g_assert_cmpint (header.from_opener, ==, vector->header.from_opener);
      g_assert_cmpuint (header.stream_id, ==, vector->header.stream_id);
      g_assert_cmpuint (header.length, ==, vector->header.length);
      g_assert_cmpint (lp2p_mplex_header_encode (&header, bytes), ==, vector->size);
      g_assert_cmpmem (bytes, vector->size, vector->bytes, vector->size);

      for (gsize size = 0; size < vector->size; size++)
        g_assert_cmpint (lp2p_mplex_header_decode (vector->bytes, size, &header, &error), ==, 0);
      g_assert_no_error (error);
    }
}

/* The byte that is wrong is found when it comes, no earlier and no later. */
static void
test_invalid (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (invalid); i++)
    {
      g_autoptr (GError) error = NULL;
      Lp2pMplexHeader header;

      for (gsize size = 0; size < invalid[i].size; size++)
        g_assert_cmpint (lp2p_mplex_header_decode (invalid[i].bytes, size, &header, &error), ==, 0);
      g_assert_no_error (error);
      g_assert_cmpint (
          lp2p_mplex_header_decode (invalid[i].bytes, invalid[i].size, &header, &error), ==, -1);
      g_assert_error (error, LP2P_ERROR, LP2P_ERROR_PROTOCOL);
      g_test_message ("%s", error->message);
      g_assert_true (g_pattern_match_simple (invalid[i].message, error->message));
    }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/mplex/header/valid", test_valid);
  g_test_add_func ("/mplex/header/invalid", test_invalid);
  return g_test_run ();
}
