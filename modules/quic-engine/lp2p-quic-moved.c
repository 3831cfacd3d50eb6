/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A client that has moved, as its server sees it. */

#include "lp2p-quic-private.h"

static gboolean
is_on (Lp2pQuicConnection *self, const ngtcp2_path *path)
{
  return ngtcp2_path_eq (path, ngtcp2_conn_get_path (self->conn));
}

void
lp2p_quic_moved_begin (Lp2pQuicConnection *self, const ngtcp2_path *path)
{
  lp2p_quic_path_copy (&self->moved.shown, path);
  lp2p_quic_path_copy (&self->moved.shown_before, path);
}

void
lp2p_quic_moved_clear (Lp2pQuicConnection *self)
{
  g_clear_pointer (&self->moved.formers, g_array_unref);
}

void
lp2p_quic_moved_follow (Lp2pQuicConnection *self, const ngtcp2_path *path)
{
  self->moved.needs_token |= !lp2p_quic_address_same_host (path->remote.addr, self->path.path.remote.addr);
}

/* What is heard from where it was
 *
 * Some versions of ngtcp2 must not hear of a path that was left while they may be asking
 * once more whether the next one holds: until they cannot be, such packets are lost, as
 * any may be. */

/* It waits for one, then for two and for four, until three are over; one more for what is
 * late. And what it takes for one at the least. */
#define VALIDATION_PTOS   8
#define MIN_VALIDATION_US (3 * LP2P_QUIC_INITIAL_RTT_US)

/* Who leaves more of them is heard on no other path meanwhile. */
#define MAX_FORMERS 8

static void
begin_doubt (Lp2pQuicConnection *self)
{
  gint64 pto = MAX (lp2p_quic_get_pto (self->conn), self->moved.former_pto);

  self->moved.doubt = VALIDATION_PTOS * MAX (pto, MIN_VALIDATION_US);
  lp2p_quic_arrival_ask_after (self, self->moved.doubt);
}

static void
end_doubt (Lp2pQuicConnection *self)
{
  if (self->moved.doubt > 0)
    lp2p_quic_arrival_ask_after (self, self->arrival.keep_alive);
  self->moved.doubt = self->moved.doubt_ends = 0;
}

static void
forget_formers (Lp2pQuicConnection *self)
{
  end_doubt (self);
  self->moved.former_pto = 0;
  g_clear_pointer (&self->moved.formers, g_array_unref);
}

/* ngtcp2 asks as soon as it may send something that is to be acknowledged, and gives up some
 * time later, again when it may. */
void
lp2p_quic_moved_was_asked (Lp2pQuicConnection *self, gint64 now)
{
  Lp2pQuicMoved *moved = &self->moved;

  if (moved->doubt == 0)
    return;
  if (moved->doubt_ends == 0)
    moved->doubt_ends = now + moved->doubt;
  else if (now > moved->doubt_ends)
    forget_formers (self);
}

static gboolean
is_former (const Lp2pQuicMoved *self, const struct sockaddr *remote)
{
  for (guint i = 0; i < self->formers->len; i++)
    if (lp2p_quic_address_equal ((struct sockaddr *) &g_array_index (self->formers, ngtcp2_sockaddr_union, i), remote))
      return TRUE;
  return FALSE;
}

/* Where it is now may soon be where it was. */
static void
add_former (Lp2pQuicMoved *self, const struct sockaddr *remote)
{
  if (self->formers == NULL)
    self->formers = g_array_new (FALSE, FALSE, sizeof (ngtcp2_sockaddr_union));
  if (self->formers->len == MAX_FORMERS || is_former (self, remote))
    return;
  g_array_set_size (self->formers, self->formers->len + 1);
  lp2p_quic_address_copy (&g_array_index (self->formers, ngtcp2_sockaddr_union, self->formers->len - 1), remote);
}

gboolean
lp2p_quic_moved_may_read (Lp2pQuicConnection *self, const ngtcp2_path *path)
{
  Lp2pQuicMoved *moved = &self->moved;

  moved->elsewhere = self->server && !is_on (self, path);
  if (!moved->elsewhere || !LP2P_QUIC_ASKS_AGAIN)
    return TRUE;
  if (moved->doubt > 0 && (moved->formers->len == MAX_FORMERS || is_former (moved, path->remote.addr)))
    return FALSE;
  moved->former_pto = MAX (moved->former_pto, lp2p_quic_get_pto (self->conn));
  add_former (moved, ngtcp2_conn_get_path (self->conn)->remote.addr);
  return TRUE;
}

/* What goes where it has not shown to be
 *
 * ngtcp2 sends three times as many bytes there as came from there (RFC 9000 section 8.1).
 * Where it has sent just so many, it looks no more for what got lost, for as long as the
 * connection lives; and where that fills the congestion window, it never sends anything
 * again, nor asks where the client is. So it gets no room for the last of these bytes. Nor
 * for so few that no question fits: that would count as asked, and not leave.
 *
 * Who moves on before it has answered may be back where it has shown to be. Where it was
 * asked once more, it has not shown that before it has answered again. */

#define AMPLIFICATION 3

/* The type of a packet, whose it is, its number, a challenge, and what seals it. */
#define QUESTION_SIZE (1 + NGTCP2_MAX_CIDLEN + 4 + 9 + 16)

/* Where the client has come from elsewhere, another question begins. */
void
lp2p_quic_moved_was_read (Lp2pQuicConnection *self, const ngtcp2_path *path, gsize size)
{
  Lp2pQuicMoved *moved = &self->moved;

  if (!is_on (self, path))
    return;
  if (moved->elsewhere)
    {
      end_doubt (self);
      moved->allowance = ngtcp2_path_eq (path, &moved->shown.path) ? 0 : AMPLIFICATION * size;
    }
  else if (moved->allowance > 0)
    moved->allowance += AMPLIFICATION * size;
}

void
lp2p_quic_moved_was_sent (Lp2pQuicConnection *self, const ngtcp2_path *path, gsize size)
{
  if (self->moved.allowance > size && is_on (self, path))
    self->moved.allowance -= size;
}

gsize
lp2p_quic_moved_limit_room (Lp2pQuicConnection *self, gsize room)
{
  gsize allowance = self->moved.allowance;

  if (allowance == 0)
    return room;
  return allowance > QUESTION_SIZE ? MIN (room, allowance - 1) : 0;
}

/* What it answers */

/* Where that was aborted is said only of a question without an answer. */
static void
follow_shown (Lp2pQuicMoved *self, const ngtcp2_path *path, ngtcp2_path_validation_result result)
{
  if (result == NGTCP2_PATH_VALIDATION_RESULT_SUCCESS)
    {
      lp2p_quic_path_copy (&self->shown_before, &self->shown.path);
      lp2p_quic_path_copy (&self->shown, path);
    }
  else if (result == NGTCP2_PATH_VALIDATION_RESULT_ABORTED && ngtcp2_path_eq (path, &self->shown.path))
    lp2p_quic_path_copy (&self->shown, &self->shown_before.path);
}

/* Its token is of where it was. */
void
lp2p_quic_moved_validated (Lp2pQuicConnection *self, const ngtcp2_path *path, ngtcp2_path_validation_result result)
{
  Lp2pQuicMoved *moved = &self->moved;

  follow_shown (moved, path, result);
  if (result == NGTCP2_PATH_VALIDATION_RESULT_ABORTED)
    return;
  moved->allowance = 0;
  if (result != NGTCP2_PATH_VALIDATION_RESULT_SUCCESS || moved->doubt > 0)
    {
      forget_formers (self);
      return;
    }
  if (moved->formers != NULL)
    begin_doubt (self);
  if (moved->needs_token && ngtcp2_path_eq (path, &self->path.path))
    {
      moved->needs_token = FALSE;
      lp2p_quic_token_give (self);
    }
}
