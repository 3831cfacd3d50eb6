/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include "lp2p-ws-authorities.h"

#include "lp2p-ws-stamp.h"

/* How often a file is looked at, which is done when somebody dials. */
#define LOOK_US G_USEC_PER_SEC

/* Where a system keeps what it trusts nobody tells, and all of it takes some time to
 * read. */
#define SYSTEM_US (10 * 60 * G_USEC_PER_SEC)

struct _Lp2pWsAuthorities
{
  Lp2pLoop *loop;
  char *ca_file;
  Lp2pWsTrust *trust; /* NULL until it is needed */
  Lp2pWsStamp stamp;
  gint64 looked_at;
};

Lp2pWsAuthorities *
lp2p_ws_authorities_new (Lp2pLoop *loop, const char *ca_file)
{
  Lp2pWsAuthorities *self = g_new0 (Lp2pWsAuthorities, 1);

  self->loop = lp2p_loop_ref (loop);
  self->ca_file = g_strdup (ca_file);
  return self;
}

void
lp2p_ws_authorities_free (Lp2pWsAuthorities *self)
{
  g_clear_pointer (&self->trust, lp2p_ws_trust_unref);
  g_free (self->ca_file);
  lp2p_loop_unref (self->loop);
  g_free (self);
}

/* Whether they may be others than those that were read. */
static gboolean
look (Lp2pWsAuthorities *self)
{
  gboolean is_file = *self->ca_file != '\0';
  gint64 now = lp2p_loop_now (self->loop);
  Lp2pWsStamp stamp;
  gboolean same;

  if (self->trust != NULL && now - self->looked_at < (is_file ? LOOK_US : SYSTEM_US))
    return FALSE;
  self->looked_at = now;
  if (!is_file)
    return TRUE;
  stamp = lp2p_ws_stamp_get (self->ca_file);
  same = lp2p_ws_stamp_equal (&stamp, &self->stamp);
  self->stamp = stamp;
  return self->trust == NULL || !same;
}

Lp2pWsTrust *
lp2p_ws_authorities_get (Lp2pWsAuthorities *self, GError **error)
{
  g_autoptr (GError) reason = NULL;
  Lp2pWsTrust *trust;

  if (!look (self))
    return self->trust;
  trust = lp2p_ws_trust_new (self->ca_file, self->trust != NULL ? &reason : error);
  if (reason != NULL)
    g_warning ("The certificate authorities that were read before are kept: %s", reason->message);
  if (trust == NULL)
    return self->trust;
  /* Dials that are under way keep those that they began with. */
  g_clear_pointer (&self->trust, lp2p_ws_trust_unref);
  self->trust = trust;
  return trust;
}
