/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Early data of the transport of these tests. */

#include "early-fixture.h"

#define ADDRESS "/ip4/127.0.0.1/udp/4001/quic-v1"

void
early_set_up (EarlyFixture *self, gconstpointer data)
{
  fake_set_up (&self->parent, data);
}

void
early_tear_down (EarlyFixture *self, gconstpointer data)
{
  fake_tear_down (&self->parent, data);
}

TestHost *
early_new_server (EarlyFixture *self, const char *options)
{
  g_autofree char *text = g_strdup_printf ("[plugin fake]\n%s", options);

  return fake_new_host (&self->parent, ADDRESS, text);
}

void
early_become_acquainted (EarlyFixture *self)
{
  fake_become_acquainted (&self->parent);
}

TestHost *
early_replace_server (EarlyFixture *self)
{
  test_host_close (self->parent.b);
  return early_new_server (self, "");
}

void
early_silence (EarlyFixture *self)
{
  g_autoptr (GError) error = NULL;

  lp2p_config_set_from_string (lp2p_host_get_config (self->parent.a->host), "plugin fake", "handshake-ms", "60000",
                               &error);
  g_assert_no_error (error);
}
