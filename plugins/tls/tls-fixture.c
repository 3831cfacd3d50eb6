/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "tls-fixture.h"

#include "lp2p-tls-security.h"

/* A context that knows who it is, and nothing else. */

#define FAKE_TYPE_CONTEXT (fake_context_get_type ())
G_DECLARE_FINAL_TYPE (FakeContext, fake_context, FAKE, CONTEXT, GObject)

struct _FakeContext
{
  GObject parent_instance;
  Lp2pIdentity *identity;
};

static void context_init (Lp2pContextInterface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (FakeContext,
                               fake_context,
                               G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (LP2P_TYPE_CONTEXT, context_init))

static Lp2pIdentity *
get_identity (Lp2pContext *context)
{
  return FAKE_CONTEXT (context)->identity;
}

static void
context_init (Lp2pContextInterface *iface)
{
  iface->get_identity = get_identity;
}

static void
fake_context_class_init (FakeContextClass *klass)
{
}

static void
fake_context_init (FakeContext *self)
{
}

static void
side_init (TlsSide *self, Lp2pRole role)
{
  self->identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
  g_assert_nonnull (self->identity);
  self->context = g_object_new (FAKE_TYPE_CONTEXT, NULL);
  FAKE_CONTEXT (self->context)->identity = self->identity;
  self->security =
      g_object_new (LP2P_TYPE_TLS_SECURITY, "context", self->context, "name", "tls", NULL);
  self->cancellable = g_cancellable_new ();
  self->params.role = role;
}

static void
side_clear (TlsSide *self)
{
  g_clear_pointer (&self->result, lp2p_security_result_free);
  g_clear_error (&self->error);
  g_clear_object (&self->security);
  g_clear_object (&self->context);
  g_clear_object (&self->identity);
  g_clear_object (&self->cancellable);
}

static gint64
get_now (Lp2pClock *clock)
{
  return g_get_monotonic_time ();
}

static gint64
get_real_time (Lp2pClock *clock)
{
  return ((TlsFixture *) clock)->unix_time * G_USEC_PER_SEC;
}

void
tls_fixture_init (TlsFixture *self)
{
  memset (self, 0, sizeof *self);
  self->clock.now = get_now;
  self->clock.real_time = get_real_time;
  self->unix_time = TLS_FIXTURE_TIME;
  self->loop = lp2p_loop_new (NULL, &self->clock);
  side_init (&self->sides[TLS_CLIENT], LP2P_ROLE_INITIATOR);
  side_init (&self->sides[TLS_SERVER], LP2P_ROLE_RESPONDER);
}

void
tls_fixture_clear (TlsFixture *self)
{
  for (guint i = 0; i < 2; i++)
    {
      side_clear (&self->sides[i]);
      g_clear_pointer (&self->wire[i], lp2p_layer_free);
    }
  tls_fixture_settle ();
  g_clear_pointer (&self->loop, lp2p_loop_unref);
}

void
tls_fixture_connect (TlsFixture *self, const MemoryLayerOptions *options)
{
  memory_layer_new_pair (self->loop, options, &self->lower[0], &self->lower[1]);
}

void
tls_fixture_connect_wires (TlsFixture *self, const MemoryLayerOptions *options)
{
  for (guint i = 0; i < 2; i++)
    memory_layer_new_pair (self->loop, options, &self->lower[i], &self->wire[i]);
}

static void
secured (GObject *source, GAsyncResult *result, gpointer data)
{
  TlsSide *side = data;

  g_assert_false (side->done);
  side->result = lp2p_security_secure_finish (LP2P_SECURITY (source), result, &side->error);
  g_assert_true ((side->result != NULL) == (side->error == NULL));
  side->done = TRUE;
}

void
tls_fixture_start (TlsFixture *self, guint side)
{
  TlsSide *s = &self->sides[side];

  lp2p_security_secure_async (s->security, self->lower[side], &s->params, s->cancellable, secured,
                              s);
  g_assert_false (s->done);
}

void
tls_fixture_forget (TlsFixture *self, guint side)
{
  TlsSide *s = &self->sides[side];

  g_clear_pointer (&s->result, lp2p_security_result_free);
  g_clear_error (&s->error);
  s->done = FALSE;
}

void
tls_fixture_handshake (TlsFixture *self)
{
  tls_fixture_start (self, TLS_SERVER);
  tls_fixture_start (self, TLS_CLIENT);
  while (!self->sides[0].done || !self->sides[1].done)
    g_main_context_iteration (NULL, TRUE);
  for (guint i = 0; i < 2; i++)
    g_assert_no_error (self->sides[i].error);
}

Lp2pLayer *
tls_fixture_get_layer (TlsFixture *self, guint side)
{
  return self->sides[side].result->layer;
}

void
tls_fixture_settle (void)
{
  while (g_main_context_iteration (NULL, FALSE))
    ;
}

/* What has arrived lies there in several pieces. */
static GByteArray *
take_all (Lp2pLayer *layer, gsize max)
{
  GByteArray *bytes = g_byte_array_new ();
  const guint8 *data;
  gssize n;

  while (bytes->len < max && (n = lp2p_layer_peek (layer, &data)) > 0)
    {
      n = MIN ((gsize) n, max - bytes->len);
      g_byte_array_append (bytes, data, n);
      lp2p_layer_consume (layer, n);
    }
  return bytes;
}

gsize
tls_fixture_forward (TlsFixture *self, guint from, gsize max, gsize at, guint8 flip)
{
  gsize room = lp2p_layer_write_room (self->wire[1 - from]);
  g_autoptr (GByteArray) bytes = take_all (self->wire[from], MIN (max, room));

  if (at < bytes->len)
    bytes->data[at] ^= flip;
  if (bytes->len > 0)
    g_assert_cmpint (
        lp2p_layer_write (self->wire[1 - from], bytes->data, bytes->len, LP2P_WRITE_NONE), ==,
        bytes->len);
  return bytes->len;
}
