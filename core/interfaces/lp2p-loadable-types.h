/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/interfaces/lp2p-extension.h>

G_BEGIN_DECLS

/* What only loadable objects know: applications and bindings do not see these. */
typedef struct _Lp2pContext Lp2pContext;
typedef struct _Lp2pTransport Lp2pTransport;
typedef struct _Lp2pListener Lp2pListener;
typedef struct _Lp2pSecurity Lp2pSecurity;
typedef struct _Lp2pMuxer Lp2pMuxer;
typedef struct _Lp2pMuxerSession Lp2pMuxerSession;
typedef struct _Lp2pMuxerStream Lp2pMuxerStream;
typedef struct _Lp2pRawConnection Lp2pRawConnection;

G_END_DECLS
