/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <string.h>

#include "noise-fixture.h"

#include "lp2p-noise-security.h"

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
side_init (NoiseSide *self, Lp2pRole role)
{
  self->identity = lp2p_identity_generate (LP2P_KEY_TYPE_ED25519, NULL);
  g_assert_nonnull (self->identity);
  self->context = g_object_new (FAKE_TYPE_CONTEXT, NULL);
  FAKE_CONTEXT (self->context)->identity = self->identity;
  self->security =
      g_object_new (LP2P_TYPE_NOISE_SECURITY, "context", self->context, "name", "noise", NULL);
  self->cancellable = g_cancellable_new ();
  self->params.role = role;
}

static void
side_clear (NoiseSide *self)
{
  g_clear_pointer (&self->result, lp2p_security_result_free);
  g_clear_error (&self->error);
  g_clear_object (&self->security);
  g_clear_object (&self->context);
  g_clear_object (&self->identity);
  g_clear_object (&self->cancellable);
}

void
noise_fixture_init (NoiseFixture *self)
{
  memset (self, 0, sizeof *self);
  self->world = test_world_new (FALSE);
  self->loop = self->world->loop;
  side_init (&self->sides[NOISE_INITIATOR], LP2P_ROLE_INITIATOR);
  side_init (&self->sides[NOISE_RESPONDER], LP2P_ROLE_RESPONDER);
}

void
noise_fixture_clear (NoiseFixture *self)
{
  for (guint i = 0; i < 2; i++)
    {
      side_clear (&self->sides[i]);
      g_clear_pointer (&self->wire[i], lp2p_layer_free);
    }
  self->loop = NULL;
  g_clear_pointer (&self->world, test_world_free);
}

void
noise_fixture_connect (NoiseFixture *self, const MemoryLayerOptions *options)
{
  memory_layer_new_pair (self->loop, options, &self->lower[0], &self->lower[1]);
}

void
noise_fixture_connect_wires (NoiseFixture *self, const MemoryLayerOptions *options)
{
  for (guint i = 0; i < 2; i++)
    memory_layer_new_pair (self->loop, options, &self->lower[i], &self->wire[i]);
}

static void
secured (GObject *source, GAsyncResult *result, gpointer data)
{
  NoiseSide *side = data;

  g_assert_false (side->done);
  side->result = lp2p_security_secure_finish (LP2P_SECURITY (source), result, &side->error);
  g_assert_true ((side->result != NULL) == (side->error == NULL));
  side->done = TRUE;
}

void
noise_fixture_start (NoiseFixture *self, guint side)
{
  NoiseSide *s = &self->sides[side];

  lp2p_security_secure_async (s->security, self->lower[side], &s->params, s->cancellable, secured,
                              s);
  g_assert_false (s->done);
}

void
noise_fixture_handshake (NoiseFixture *self)
{
  noise_fixture_start (self, NOISE_RESPONDER);
  noise_fixture_start (self, NOISE_INITIATOR);
  while (!self->sides[0].done || !self->sides[1].done)
    noise_fixture_iterate ();
  for (guint i = 0; i < 2; i++)
    g_assert_no_error (self->sides[i].error);
}

Lp2pLayer *
noise_fixture_get_layer (NoiseFixture *self, guint side)
{
  return self->sides[side].result->layer;
}

gboolean
noise_fixture_iterate (void)
{
  return g_main_context_iteration (g_main_context_get_thread_default (), FALSE);
}

void
noise_fixture_settle (void)
{
  while (noise_fixture_iterate ())
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
noise_fixture_forward (NoiseFixture *self, guint from, gsize max, gsize at, guint8 flip)
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
