/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/types/lp2p-multiaddr.h>

G_BEGIN_DECLS

/* The bounds of one resolution; lp2p-name-tree.c has the reasons. */
#define LP2P_NAMES_MAX_LEVELS 4
#define LP2P_NAMES_MAX_LOOKUPS 32
#define LP2P_NAMES_MAX_ADDRESSES 256

/* What an address with names stands for, as far as it is known. It asks questions
 * and takes the answers; whoever has it looks them up. */
typedef struct
{
  GPtrArray *entries;   /* the first one is the root */
  GPtrArray *questions; /* in the order in which they are to be asked */
  guint n_asked;
  guint *budget; /* (unowned) (nullable): what others leave of it */
  GString *reasons;
  guint n_reasons;
  GQuark error_domain;
  int error_code;
  gboolean full;
} Lp2pNameTree;

typedef enum
{
  LP2P_ASK_IP6,
  LP2P_ASK_IP4,
  LP2P_ASK_TXT,
} Lp2pAsk;

/* A question, which several addresses may have. */
typedef struct
{
  Lp2pAsk ask;
  char *name;
  GPtrArray *waiting; /* (unowned) */
  GPtrArray *answer;  /* of GInetAddress or Lp2pMultiaddr; NULL where there is none */
  gboolean answered;
} Lp2pQuestion;

/* @budget: (nullable): how many look-ups there may be, in this tree and in others that share it */
void lp2p_name_tree_init (Lp2pNameTree *self, Lp2pMultiaddr *address, guint *budget);
void lp2p_name_tree_clear (Lp2pNameTree *self);
gboolean lp2p_name_tree_has_question (const Lp2pNameTree *self);
Lp2pQuestion *lp2p_name_tree_ask (Lp2pNameTree *self);
void lp2p_name_tree_answer (Lp2pNameTree *self, Lp2pQuestion *question, GPtrArray *answer, const GError *error);
void lp2p_name_tree_give_up (Lp2pNameTree *self, GQuark domain, int code, const char *reason);
GPtrArray *lp2p_name_tree_collect (Lp2pNameTree *self, GPtrArray **host_names, GError **error);

G_END_DECLS
