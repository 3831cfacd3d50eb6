/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "lp2p-test.h"

G_BEGIN_DECLS

/* The transports of this tree, with the addresses that the suites need. */
extern const Lp2pTestTransport transport_cases[];
extern const guint n_transport_cases;

G_END_DECLS
