-- SPDX-License-Identifier: LGPL-2.1-or-later
--
-- A peer store of version 1, with what it knows of one peer.
PRAGMA application_id = 1819292272;
PRAGMA user_version = 1;
CREATE TABLE peers (
  id INTEGER PRIMARY KEY, peer BLOB NOT NULL UNIQUE, public_key BLOB, protocols TEXT,
  agent_version TEXT, protocol_version TEXT, record BLOB, expires INTEGER NOT NULL);
CREATE INDEX peers_expires ON peers (expires);
CREATE TABLE addresses (
  peer INTEGER NOT NULL REFERENCES peers ON DELETE CASCADE, address BLOB NOT NULL,
  source INTEGER NOT NULL, network TEXT NOT NULL, expires INTEGER NOT NULL,
  PRIMARY KEY (peer, address)) WITHOUT ROWID;
CREATE TABLE data (
  peer INTEGER NOT NULL REFERENCES peers ON DELETE CASCADE, own BLOB NOT NULL,
  plugin TEXT NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL, expires INTEGER NOT NULL,
  flags INTEGER NOT NULL, PRIMARY KEY (peer, own, plugin, key)) WITHOUT ROWID;
CREATE INDEX data_expires ON data (expires);
-- 12D3KooWJWoaqZhDaoEFshF7Rh1bpY9ohihFhzcW6d69Lr2NASuq
INSERT INTO peers VALUES (
  1, X'0024080112208139770EA87D175F56A35466C34C7ECCCB8D8A91B4EE37A25DF60F5B8FC9B394', NULL,
  '/ipfs/ping/1.0.0' || char(10) || '/test/1', 'old/1', 'ipfs/0.1.0', NULL, 9223372036854775807);
-- /ip4/192.0.2.1/tcp/4001
INSERT INTO addresses VALUES (1, X'04C0000201060FA1', 3, 'home', 9223372036854775807);
