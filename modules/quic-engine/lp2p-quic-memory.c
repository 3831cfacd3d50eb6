/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What a connection holds of the host's memory: the window beyond the initial one,
 * which the peer may fill at any time, or what it did fill; and what streams were
 * given that the peer does not acknowledge. ngtcp2 grows the windows of streams, which
 * together are within that of the connection. */

#include "lp2p-quic-private.h"

/* Accounted for in steps, as a connection that moves bytes would ask for each packet. */
#define STEP (64 * 1024)

/* Bytes that wait to be read, of a connection, for which nobody is asked. */
#define FREE_INPUT (256 * 1024)

/* The window doubles where half of it was read within so many round trips. */
#define GROWTH_ROUND_TRIPS 2

static gsize
round_up (gsize size)
{
  return (size + STEP - 1) / STEP * STEP;
}

static gsize
get_needed (const Lp2pQuicMemory *memory)
{
  gsize growth = memory->window - MIN (memory->window, LP2P_QUIC_INITIAL_WINDOW);
  gsize input = memory->input > FREE_INPUT ? round_up (memory->input - FREE_INPUT) : 0;

  return MAX (growth, input) + round_up (memory->output);
}

static gboolean
reserve_up_to (Lp2pQuicConnection *self, gsize needed)
{
  Lp2pQuicEngine *engine = self->endpoint->engine;
  Lp2pQuicMemory *memory = &self->memory;

  if (needed <= memory->reserved)
    return TRUE;
  if (engine == NULL || self->conn == NULL ||
      !lp2p_context_reserve_memory (engine->context, memory->reserved, needed - memory->reserved))
    return FALSE;
  memory->reserved = needed;
  return TRUE;
}

static void
release_down_to (Lp2pQuicConnection *self, gsize needed)
{
  Lp2pQuicEngine *engine = self->endpoint->engine;
  Lp2pQuicMemory *memory = &self->memory;

  if (needed >= memory->reserved)
    return;
  if (engine != NULL)
    lp2p_context_release_memory (engine->context, memory->reserved - needed);
  memory->reserved = needed;
}

/* Returns: by how much the window grows */
static gsize
grow_window (Lp2pQuicConnection *self, gsize size)
{
  Lp2pQuicMemory *memory = &self->memory;
  gint64 now = lp2p_loop_now (self->loop);
  gint64 began = memory->window_time;
  gsize before = memory->window;
  ngtcp2_conn_info info;

  memory->consumed += size;
  if (memory->consumed < memory->window / 2)
    return 0;
  memory->consumed = 0;
  memory->window_time = now;
  ngtcp2_conn_get_conn_info (self->conn, &info);
  if (began == 0 || LP2P_QUIC_TIME (now - began) > GROWTH_ROUND_TRIPS * info.smoothed_rtt)
    return 0;
  memory->window = MAX (MIN (2 * before, self->protocol->options.window), before);
  if (!reserve_up_to (self, get_needed (memory)))
    memory->window = before;
  return memory->window - before;
}

/* So many bytes were taken: the peer may send as many more. */
void
lp2p_quic_memory_give_credit (Lp2pQuicConnection *self, gsize size)
{
  ngtcp2_conn_extend_max_offset (self->conn, size + grow_window (self, size));
}

/* Returns: whether there is room for bytes that wait to be read */
gboolean
lp2p_quic_memory_add_input (Lp2pQuicConnection *self, gsize size)
{
  self->memory.input += size;
  return reserve_up_to (self, get_needed (&self->memory));
}

void
lp2p_quic_memory_remove_input (Lp2pQuicConnection *self, gsize size)
{
  self->memory.input -= size;
  release_down_to (self, get_needed (&self->memory));
}

/* Returns: whether streams may be given so many more bytes */
gboolean
lp2p_quic_memory_has_output (Lp2pQuicConnection *self, gsize size)
{
  Lp2pQuicMemory more = self->memory;

  more.output += size;
  return reserve_up_to (self, get_needed (&more));
}

/* @before, @now: what is accounted for of a stream. What was asked for in vain stays
 * until something is acknowledged. */
void
lp2p_quic_memory_update_output (Lp2pQuicConnection *self, gsize before, gsize now)
{
  self->memory.output += now - before;
  if (now <= before)
    release_down_to (self, get_needed (&self->memory));
}

/* With ngtcp2 gone the peer can fill no more. What it did fill still waits to be read. */
void
lp2p_quic_memory_end (Lp2pQuicConnection *self)
{
  self->memory.window = LP2P_QUIC_INITIAL_WINDOW;
  release_down_to (self, get_needed (&self->memory));
}
