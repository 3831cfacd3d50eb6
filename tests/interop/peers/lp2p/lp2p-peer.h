/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p.h>

#define PEER_PROTOCOL_PING       "/ipfs/ping/1.0.0"
#define PEER_PROTOCOL_ECHO       "/lp2p/echo/1.0.0"
#define PEER_PROTOCOL_UPLOAD     "/lp2p/upload/1.0.0"
#define PEER_PROTOCOL_DOWNLOAD   "/lp2p/download/1.0.0"
#define PEER_PROTOCOL_RESET      "/lp2p/reset/1.0.0"
#define PEER_PROTOCOL_HALF_CLOSE "/lp2p/half-close/1.0.0"
/* Answers each byte with how many it answered before, of all peers, in four bytes. Only
 * the listener of this library has it. */
#define PEER_PROTOCOL_ORDER "/lp2p/order/1.0.0"
#define PEER_ORDER_SIZE     4

#define PEER_EXIT_USAGE 2

/* The command line; see ../README.md. */
typedef struct
{
  char *transport;
  char *security;
  char *muxer;
  char *key_seed;
  char *tls_certificate;
  char *tls_key;
  char *tls_trust;
  char **settings;
  char *address;
  gint64 upload_bytes;
  int streams;
  int parallel;
  char *steps;
  gboolean abrupt;
  int quiet;
  gint64 upload;
  gint64 download;
  int count;
} PeerOptions;

/* All return the exit status. */
int peer_fail_usage (const char *format, ...) G_GNUC_PRINTF (1, 2);
int peer_listen (const PeerOptions *options);
int peer_dial (const PeerOptions *options);
int peer_bench (const char *command, const PeerOptions *options);

Lp2pIdentity *peer_identity_new (const char *key_seed, GError **error);
Lp2pHost *peer_host_new (const PeerOptions *options, GError **error);
gboolean peer_host_check_stack (Lp2pHost *host, const PeerOptions *options, GError **error);

/* Of this process. */
double peer_cpu_seconds (void);
gint64 peer_resident_bytes (void);
gint64 peer_heap_bytes (void);
