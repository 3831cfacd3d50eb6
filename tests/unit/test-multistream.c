/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <lp2p/codec/lp2p-multistream.h>

#include <string.h>

#define HEADER "\x13/multistream/1.0.0\n"
#define NA "\x03na\n"
#define ECHO "\x06/echo\n"
#define PING "\x06/ping\n"

static gboolean
match_one (const char *protocol, gpointer data)
{
  return g_strcmp0 (protocol, data) == 0;
}

static gboolean
match_none (const char *protocol, gpointer data)
{
  guint *calls = data;

  if (calls != NULL)
    (*calls)++;
  return FALSE;
}

static Lp2pMultistreamStatus
feed (Lp2pMultistream *self, const char *bytes, gsize len, GError **error)
{
  gsize consumed;
  Lp2pMultistreamStatus status;

  status = lp2p_multistream_input (self, (const guint8 *) bytes, len, &consumed, error);
  g_assert_cmpuint (consumed, <=, len);
  return status;
}

#define assert_feed(self, literal, expected)                                                       \
  G_STMT_START                                                                                     \
  {                                                                                                \
    g_autoptr (GError) error_ = NULL;                                                              \
    Lp2pMultistreamStatus status_ = feed ((self), literal, sizeof (literal) - 1, &error_);         \
    g_assert_no_error (error_);                                                                    \
    g_assert_cmpint (status_, ==, (expected));                                                     \
  }                                                                                                \
  G_STMT_END

/* Asserts failure, and that the message quotes something. */
#define assert_fails(self, literal, code, text)                                                    \
  G_STMT_START                                                                                     \
  {                                                                                                \
    g_autoptr (GError) error_ = NULL;                                                              \
    Lp2pMultistreamStatus status_ = feed ((self), literal, sizeof (literal) - 1, &error_);         \
    g_assert_cmpint (status_, ==, LP2P_MULTISTREAM_FAILED);                                        \
    g_assert_error (error_, LP2P_CODEC_ERROR, (code));                                             \
    if (strstr (error_->message, (text)) == NULL)                                                  \
      g_error ("\"%s\" does not say %s", error_->message, (text));                                 \
    g_clear_error (&error_);                                                                       \
    status_ = feed ((self), "x", 1, &error_);                                                      \
    g_assert_cmpint (status_, ==, LP2P_MULTISTREAM_FAILED);                                        \
    g_assert_error (error_, LP2P_CODEC_ERROR, LP2P_CODEC_ERROR_PROTOCOL);                          \
    g_assert_cmpint (lp2p_multistream_get_status ((self)), ==, LP2P_MULTISTREAM_FAILED);           \
    g_assert_null (lp2p_multistream_get_protocol ((self)));                                        \
  }                                                                                                \
  G_STMT_END

#define assert_output(self, literal)                                                               \
  G_STMT_START                                                                                     \
  {                                                                                                \
    g_autoptr (GByteArray) out_ = g_byte_array_new ();                                             \
    gboolean any_ = lp2p_multistream_take_output ((self), out_);                                   \
    g_assert_cmpint (any_, ==, sizeof (literal) > 1);                                              \
    g_assert_cmpmem (out_->data, out_->len, literal, sizeof (literal) - 1);                        \
  }                                                                                                \
  G_STMT_END

static Lp2pMultistream *
dialer (const char *first, const char *second)
{
  const char *protocols[] = { first, second, NULL };

  return lp2p_multistream_new_dialer (protocols);
}

static Lp2pMultistream *
listener (const char *protocol)
{
  return lp2p_multistream_new_listener (match_one, (gpointer) protocol);
}

static void
test_dialer (void)
{
  g_autoptr (Lp2pMultistream) d = dialer ("/echo", NULL);

  g_assert_cmpstr (lp2p_multistream_get_proposed (d), ==, "/echo");
  g_assert_null (lp2p_multistream_get_protocol (d));
  g_assert_true (lp2p_multistream_can_send_early (d));
  assert_output (d, HEADER ECHO);
  assert_output (d, "");
  g_assert_true (lp2p_multistream_can_send_early (d));
  assert_feed (d, HEADER, LP2P_MULTISTREAM_MORE);
  assert_feed (d, ECHO, LP2P_MULTISTREAM_DONE);
  g_assert_cmpstr (lp2p_multistream_get_protocol (d), ==, "/echo");
  g_assert_false (lp2p_multistream_can_send_early (d));
  assert_output (d, "");
}

static void
test_listener (void)
{
  g_autoptr (Lp2pMultistream) l = listener ("/echo");

  assert_output (l, "");
  g_assert_false (lp2p_multistream_can_send_early (l));
  assert_feed (l, HEADER, LP2P_MULTISTREAM_MORE);
  assert_output (l, HEADER);
  assert_feed (l, ECHO, LP2P_MULTISTREAM_DONE);
  g_assert_cmpstr (lp2p_multistream_get_protocol (l), ==, "/echo");
  assert_output (l, ECHO);
  assert_output (l, "");
}

static void
test_listener_one_answer (void)
{
  g_autoptr (Lp2pMultistream) l = listener ("/echo");

  assert_feed (l, HEADER PING "\x03ls\n" ECHO, LP2P_MULTISTREAM_DONE);
  assert_output (l, HEADER NA NA ECHO);
}

static void
test_refusals (void)
{
  g_autoptr (Lp2pMultistream) d = dialer ("/ping", "/echo");

  g_assert_false (lp2p_multistream_can_send_early (d));
  assert_output (d, HEADER PING);
  assert_feed (d, HEADER NA, LP2P_MULTISTREAM_MORE);
  g_assert_cmpstr (lp2p_multistream_get_proposed (d), ==, "/echo");
  g_assert_false (lp2p_multistream_can_send_early (d));
  assert_output (d, ECHO);
  assert_feed (d, ECHO, LP2P_MULTISTREAM_DONE);
}

static void
test_all_refused (void)
{
  g_autoptr (Lp2pMultistream) d = dialer ("/ping", "/echo");

  assert_feed (d, HEADER NA, LP2P_MULTISTREAM_MORE);
  assert_fails (d, NA, LP2P_CODEC_ERROR_REFUSED, "/ping, /echo");
  g_assert_false (lp2p_multistream_can_send_early (d));
}

static void
test_single_refused (void)
{
  g_autoptr (Lp2pMultistream) d = dialer ("/echo", NULL);

  assert_fails (d, HEADER NA, LP2P_CODEC_ERROR_REFUSED, "/echo");
  g_assert_false (lp2p_multistream_can_send_early (d));
}

/* The bytes of the agreed protocol are left alone, however they are cut. */
static void
check_split (Lp2pMultistream *self, const char *bytes, gsize len, gsize negotiation, gsize cut)
{
  gsize offset = 0;
  gsize consumed;
  g_autoptr (GError) error = NULL;
  Lp2pMultistreamStatus status = LP2P_MULTISTREAM_MORE;

  while (status == LP2P_MULTISTREAM_MORE)
    {
      gsize n = MIN (cut, len - offset);
      g_autofree guint8 *piece = g_memdup2 (bytes + offset, n);

      status = lp2p_multistream_input (self, piece, n, &consumed, &error);
      g_assert_no_error (error);
      if (status == LP2P_MULTISTREAM_MORE)
        g_assert_cmpuint (consumed, ==, n);
      offset += consumed;
    }
  g_assert_cmpint (status, ==, LP2P_MULTISTREAM_DONE);
  g_assert_cmpuint (offset, ==, negotiation);

  status = lp2p_multistream_input (self, (const guint8 *) "tail", 4, &consumed, &error);
  g_assert_cmpint (status, ==, LP2P_MULTISTREAM_DONE);
  g_assert_cmpuint (consumed, ==, 0);
}

static void
test_splits (void)
{
  const char to_listener[] = HEADER PING ECHO "application";
  const char to_dialer[] = HEADER NA ECHO "application";

  for (gsize cut = 1; cut < sizeof to_listener; cut++)
    {
      g_autoptr (Lp2pMultistream) l = listener ("/echo");
      g_autoptr (Lp2pMultistream) d = dialer ("/ping", "/echo");

      check_split (l, to_listener, sizeof to_listener - 1, strlen (HEADER PING ECHO), cut);
      assert_output (l, HEADER NA ECHO);
      check_split (d, to_dialer, sizeof to_dialer - 1, strlen (HEADER NA ECHO), cut);
      g_assert_cmpstr (lp2p_multistream_get_protocol (d), ==, "/echo");
    }
}

/* Cuts once, at each place. */
static void
test_one_cut (void)
{
  const char bytes[] = HEADER PING ECHO "x";

  for (gsize at = 0; at < sizeof bytes - 2; at++)
    {
      g_autoptr (Lp2pMultistream) l = listener ("/echo");
      g_autoptr (GError) error = NULL;
      gsize consumed;
      Lp2pMultistreamStatus status;

      status = lp2p_multistream_input (l, (const guint8 *) bytes, at, &consumed, &error);
      g_assert_cmpint (status, ==, LP2P_MULTISTREAM_MORE);
      g_assert_cmpuint (consumed, ==, at);
      status = lp2p_multistream_input (l, (const guint8 *) bytes + at, sizeof bytes - 1 - at,
                                       &consumed, &error);
      g_assert_no_error (error);
      g_assert_cmpint (status, ==, LP2P_MULTISTREAM_DONE);
      g_assert_cmpuint (consumed, ==, sizeof bytes - 2 - at);
    }
}

static void
test_both_sides (void)
{
  g_autoptr (Lp2pMultistream) d = dialer ("/ping", "/echo");
  g_autoptr (Lp2pMultistream) l = listener ("/echo");
  guint rounds = 0;

  for (; lp2p_multistream_get_status (d) == LP2P_MULTISTREAM_MORE; rounds++)
    {
      g_autoptr (GByteArray) wire = g_byte_array_new ();
      g_autoptr (GError) error = NULL;

      g_assert_cmpuint (rounds, <, 3);
      lp2p_multistream_take_output (d, wire);
      feed (l, (const char *) wire->data, wire->len, &error);
      g_assert_no_error (error);
      g_byte_array_set_size (wire, 0);
      lp2p_multistream_take_output (l, wire);
      feed (d, (const char *) wire->data, wire->len, &error);
      g_assert_no_error (error);
    }
  g_assert_cmpuint (rounds, ==, 2);
  g_assert_cmpstr (lp2p_multistream_get_protocol (d), ==, "/echo");
  g_assert_cmpstr (lp2p_multistream_get_protocol (l), ==, "/echo");
}

static void
test_proposal_limit (void)
{
  guint calls = 0;
  g_autoptr (Lp2pMultistream) l = lp2p_multistream_new_listener (match_none, &calls);
  g_autoptr (GByteArray) out = g_byte_array_new ();

  assert_feed (l, HEADER, LP2P_MULTISTREAM_MORE);
  for (guint i = 0; i < LP2P_MULTISTREAM_MAX_PROPOSALS; i++)
    assert_feed (l, ECHO, LP2P_MULTISTREAM_MORE);
  g_assert_cmpuint (calls, ==, LP2P_MULTISTREAM_MAX_PROPOSALS);
  lp2p_multistream_take_output (l, out);
  g_assert_cmpuint (out->len, ==, strlen (HEADER) + LP2P_MULTISTREAM_MAX_PROPOSALS * strlen (NA));
  assert_fails (l, ECHO, LP2P_CODEC_ERROR_PROTOCOL, "64 proposals");
}

static void
test_longest_message (void)
{
  g_autofree char *name = g_strnfill (LP2P_MULTISTREAM_MAX_MESSAGE - 1, 'p');
  g_autofree char *longer = g_strnfill (LP2P_MULTISTREAM_MAX_MESSAGE, 'p');
  g_autoptr (Lp2pMultistream) d = dialer (name, NULL);
  g_autoptr (Lp2pMultistream) l = listener (name);
  g_autoptr (GByteArray) wire = g_byte_array_new ();
  g_autoptr (GError) error = NULL;

  g_assert_true (lp2p_multistream_is_protocol_name (name));
  g_assert_false (lp2p_multistream_is_protocol_name (longer));

  lp2p_multistream_take_output (d, wire);
  check_split (l, (const char *) wire->data, wire->len, wire->len, 1000);
  g_assert_cmpstr (lp2p_multistream_get_protocol (l), ==, name);
}

static void
test_too_large (void)
{
  g_autoptr (Lp2pMultistream) l = listener ("/echo");
  g_autoptr (Lp2pMultistream) d = dialer ("/echo", NULL);

  assert_feed (l, HEADER, LP2P_MULTISTREAM_MORE);
  /* 1025 */
  assert_fails (l, "\x81\x08/toolong", LP2P_CODEC_ERROR_TOO_LARGE, "1025 bytes");
  assert_fails (d, "\xff\xff\xff\xff\xff\xff\xff\xff\x7f", LP2P_CODEC_ERROR_TOO_LARGE,
                "9223372036854775807");
}

static void
test_malformed (void)
{
  static const struct
  {
    const char *bytes;
    gsize len;
    int code;
    const char *says;
  } cases[] = {
#define CASE(literal, code, says) { literal, sizeof (literal) - 1, code, says }
    CASE ("\x00", LP2P_CODEC_ERROR_MULTISTREAM, "no bytes"),
    CASE ("\x93\x00", LP2P_CODEC_ERROR_MULTISTREAM, "\\x93\\x00"),
    CASE ("\x80\x80\x80\x80\x80\x80\x80\x80\x80", LP2P_CODEC_ERROR_MULTISTREAM, "varint"),
    CASE ("\x13/multistream/2.0.0\n", LP2P_CODEC_ERROR_MULTISTREAM, "\"/multistream/2.0.0\""),
    CASE ("\x13/multistream/1.0.0x", LP2P_CODEC_ERROR_MULTISTREAM, "/multistream/1.0.0x"),
    CASE ("\x13/multistream/1.0.\0\n", LP2P_CODEC_ERROR_MULTISTREAM, "1.0.\\x00"),
    CASE ("\x13/multi\n/stream/1.0\n", LP2P_CODEC_ERROR_MULTISTREAM, "multi\\n"),
    CASE ("\x12", LP2P_CODEC_ERROR_MULTISTREAM, "expected the header"),
    CASE ("GET / HTTP/1.1\r\n", LP2P_CODEC_ERROR_MULTISTREAM, "ET / HTTP/1.1"),
    CASE ("\x16\x03\x01\x02\x00\x01", LP2P_CODEC_ERROR_MULTISTREAM, "\\x03\\x01"),
    CASE (HEADER "\x00", LP2P_CODEC_ERROR_MULTISTREAM, "no bytes"),
    CASE (HEADER "\x05/echo\n", LP2P_CODEC_ERROR_MULTISTREAM, "got \"/echo\""),
    CASE (HEADER "\x06/e\0ho\n", LP2P_CODEC_ERROR_MULTISTREAM, "\\x00"),
#undef CASE
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    for (gsize cut = 1; cut <= 64; cut += 63)
      for (guint side = 0; side < 2; side++)
        {
          g_autoptr (Lp2pMultistream) m = side == 0 ? listener ("/echo") : dialer ("/ping", NULL);
          g_autoptr (GError) error = NULL;
          Lp2pMultistreamStatus status = LP2P_MULTISTREAM_MORE;

          for (gsize at = 0; at < cases[i].len && status == LP2P_MULTISTREAM_MORE; at += cut)
            status = feed (m, cases[i].bytes + at, MIN (cut, cases[i].len - at), &error);
          g_assert_cmpint (status, ==, LP2P_MULTISTREAM_FAILED);
          g_assert_error (error, LP2P_CODEC_ERROR, cases[i].code);
          if (cut > 1 && strstr (error->message, cases[i].says) == NULL)
            g_error ("case %u: \"%s\" does not say %s", i, error->message, cases[i].says);
        }
}

static void
test_wrong_answer (void)
{
  g_autoptr (Lp2pMultistream) d = dialer ("/echo", NULL);

  assert_feed (d, HEADER, LP2P_MULTISTREAM_MORE);
  assert_fails (d, PING, LP2P_CODEC_ERROR_PROTOCOL, "proposed /echo, the remote answered");
}

/* Names that multistream-select itself uses never reach the callback. */
static void
test_own_words (void)
{
  guint calls = 0;
  g_autoptr (Lp2pMultistream) l = lp2p_multistream_new_listener (match_none, &calls);

  assert_feed (l, HEADER NA "\x03ls\n" HEADER "\x01\n" "\x03\xff\xfe\n", LP2P_MULTISTREAM_MORE);
  g_assert_cmpuint (calls, ==, 0);
  assert_output (l, HEADER NA NA NA NA NA);

  g_assert_false (lp2p_multistream_is_protocol_name (""));
  g_assert_false (lp2p_multistream_is_protocol_name ("na"));
  g_assert_false (lp2p_multistream_is_protocol_name ("ls"));
  g_assert_false (lp2p_multistream_is_protocol_name ("a\nb"));
  g_assert_false (lp2p_multistream_is_protocol_name ("/\xff"));
  g_assert_true (lp2p_multistream_is_protocol_name ("/echo/1.0.0"));
  g_assert_true (lp2p_multistream_is_protocol_name ("echo"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, G_TEST_OPTION_ISOLATE_DIRS, NULL);

  g_test_add_func ("/multistream/dialer", test_dialer);
  g_test_add_func ("/multistream/listener", test_listener);
  g_test_add_func ("/multistream/listener-one-answer", test_listener_one_answer);
  g_test_add_func ("/multistream/refusals", test_refusals);
  g_test_add_func ("/multistream/all-refused", test_all_refused);
  g_test_add_func ("/multistream/single-refused", test_single_refused);
  g_test_add_func ("/multistream/splits", test_splits);
  g_test_add_func ("/multistream/one-cut", test_one_cut);
  g_test_add_func ("/multistream/both-sides", test_both_sides);
  g_test_add_func ("/multistream/proposal-limit", test_proposal_limit);
  g_test_add_func ("/multistream/longest-message", test_longest_message);
  g_test_add_func ("/multistream/too-large", test_too_large);
  g_test_add_func ("/multistream/malformed", test_malformed);
  g_test_add_func ("/multistream/wrong-answer", test_wrong_answer);
  g_test_add_func ("/multistream/own-words", test_own_words);

  return g_test_run ();
}
