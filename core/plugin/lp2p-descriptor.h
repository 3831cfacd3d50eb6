/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <lp2p/lp2p-macros.h>

G_BEGIN_DECLS

/**
 * LP2P_KIND_TRANSPORT:
 *
 * An object that is an `Lp2pTransport`, in descriptors.
 */
#define LP2P_KIND_TRANSPORT "transport"
/**
 * LP2P_KIND_SECURITY:
 *
 * An object that is an `Lp2pSecurity`, in descriptors.
 */
#define LP2P_KIND_SECURITY "security"
/**
 * LP2P_KIND_MUXER:
 *
 * An object that is an `Lp2pMuxer`, in descriptors.
 */
#define LP2P_KIND_MUXER "muxer"
/**
 * LP2P_KIND_SERVICE:
 *
 * An object that is an `Lp2pService`, in descriptors.
 */
#define LP2P_KIND_SERVICE "service"
/**
 * LP2P_KIND_DISCOVERY:
 *
 * An object that is an `Lp2pDiscovery`, in descriptors.
 */
#define LP2P_KIND_DISCOVERY "discovery"
/**
 * LP2P_KIND_KEY_STORE:
 *
 * An object that is an `Lp2pKeyStore`, in descriptors.
 */
#define LP2P_KIND_KEY_STORE "key-store"

/**
 * LP2P_TRAIT_NATIVE:
 *
 * A transport that has security and streams of its own, in descriptors.
 */
#define LP2P_TRAIT_NATIVE "native"
/**
 * LP2P_TRAIT_LOCAL:
 *
 * A transport that does not leave the process, in descriptors.
 */
#define LP2P_TRAIT_LOCAL "local"
/**
 * LP2P_TRAIT_CERTIFICATE:
 *
 * A transport that listens with a certificate of its address: the options `certificate`
 * and `private-key` of its group are files in PEM, and `ca-file` is one with the
 * authorities that it trusts when it dials.
 */
#define LP2P_TRAIT_CERTIFICATE "certificate"

/**
 * LP2P_ADDRESS_FORM_IP:
 *
 * What the form of an address begins with, in descriptors, where the address of an
 * interface stands first. See [func@Descriptor.fill_address].
 *
 * Since: 1.0
 */
#define LP2P_ADDRESS_FORM_IP "/ip/"

#define LP2P_TYPE_DESCRIPTOR (lp2p_descriptor_get_type ())
LP2P_AVAILABLE_IN_1_0
G_DECLARE_FINAL_TYPE (Lp2pDescriptor, lp2p_descriptor, LP2P, DESCRIPTOR, GObject)

LP2P_AVAILABLE_IN_1_0
Lp2pDescriptor *lp2p_descriptor_new (const char *file);

LP2P_AVAILABLE_IN_1_0
const char *lp2p_descriptor_get_file (Lp2pDescriptor *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_descriptor_get_name (Lp2pDescriptor *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_descriptor_get_module (Lp2pDescriptor *self);
LP2P_AVAILABLE_IN_1_0
char *lp2p_descriptor_dup_module_file (Lp2pDescriptor *self);
LP2P_AVAILABLE_IN_1_0
guint lp2p_descriptor_get_abi (Lp2pDescriptor *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_descriptor_get_kind (Lp2pDescriptor *self);
LP2P_AVAILABLE_IN_1_0
const char *const *lp2p_descriptor_get_protocols (Lp2pDescriptor *self);
LP2P_AVAILABLE_IN_1_0
const char *const *lp2p_descriptor_get_addresses (Lp2pDescriptor *self);
LP2P_AVAILABLE_IN_1_0
char *lp2p_descriptor_fill_address (const char *form, const char *ip);
LP2P_AVAILABLE_IN_1_0
const char *const *lp2p_descriptor_get_traits (Lp2pDescriptor *self);
LP2P_AVAILABLE_IN_1_0
int lp2p_descriptor_get_priority (Lp2pDescriptor *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_descriptor_get_schema (Lp2pDescriptor *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_descriptor_get_license (Lp2pDescriptor *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_descriptor_get_title (Lp2pDescriptor *self);
LP2P_AVAILABLE_IN_1_0
const char *lp2p_descriptor_get_description (Lp2pDescriptor *self);
LP2P_AVAILABLE_IN_1_0
gboolean lp2p_descriptor_get_loaded (Lp2pDescriptor *self);
LP2P_AVAILABLE_IN_1_0
const GError *lp2p_descriptor_get_error (Lp2pDescriptor *self);

G_END_DECLS
