# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two machines, each in a network of its own behind a NAT, as network namespaces.

    with Nats({"a": "kept", "b": "random"}) as nats:
        server = nats.popen("a", [..., nats.inside["a"], ...])
        ... nats.outside["a"] is where others see it

With Nats(..., family=6) all of it is IPv6.
"""

import collections
import subprocess

from namespaces import Missing, Namespaces

# The kinds of NAT. All drop what comes from somewhere that nothing was sent to; "kept"
# and "host" map a port to the same one outside, "random" to one that differs for each
# address. Nothing is filtered by port with "host": whoever was sent something may answer
# from any.
KINDS = ("kept", "random", "host")

# Which addresses there are, and how their rules and settings are called.
Family = collections.namedtuple("Family", "inside router outside flags bits name type forward")
FAMILIES = {
    4: Family(inside={"a": "10.78.1.2", "b": "10.78.2.2"},
              router={"a": "10.78.1.1", "b": "10.78.2.1"},
              outside={"a": "192.0.2.1", "b": "192.0.2.2"}, flags="", bits=24,
              name="ip", type="ipv4_addr", forward="ipv4/ip_forward"),
    6: Family(inside={"a": "fd78:1::2", "b": "fd78:2::2"},
              router={"a": "fd78:1::1", "b": "fd78:2::1"},
              outside={"a": "2001:db8::1", "b": "2001:db8::2"}, flags="nodad", bits=64,
              name="ip6", type="ipv6_addr", forward="ipv6/conf/all/forwarding"),
}

RULES = """
table {name} nat {{
  set known {{ type {type}; flags dynamic; }}
  chain in {{
    type nat hook prerouting priority dstnat;
    {incoming}
  }}
  chain out {{
    type nat hook postrouting priority srcnat;
    oifname "wan" add @known {{ {name} daddr }}
    oifname "wan" masquerade {how}
  }}
}}
table {name} filter {{
  chain input {{
    type filter hook input priority filter; policy drop;
    meta l4proto ipv6-icmp accept
  }}
  chain forward {{
    type filter hook forward priority filter; policy drop;
    iifname "lan" accept
    ct state established,related accept
    ct status dnat accept
  }}
}}
"""


class Nats(Namespaces):
    """The namespaces "a" and "b", and a router with NAT in front of each."""

    def __init__(self, kinds, family=4):
        super().__init__("a", "b", "nat-a", "nat-b")
        self._family = FAMILIES[family]
        self.inside, self.outside = self._family.inside, self._family.outside
        self._made = []
        try:
            self._make(kinds)
        except FileNotFoundError as reason:
            self.close()
            raise Missing(f"the program {reason.filename}") from None
        except subprocess.CalledProcessError as reason:
            self.close()
            raise Missing(f"{' '.join(reason.cmd)}: {reason.stderr.strip()}") from None

    def run(self, *argv, text=None):
        return subprocess.run(argv, env=self._env, input=text, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, check=True).stdout

    def _ip(self, side, words):
        self.run("ip", "-n", self.netns[side], *words.split())

    def _make(self, kinds):
        for side, netns in self.netns.items():
            self.run("ip", "netns", "add", netns)
            self._made.append(netns)
            self._ip(side, "link set lo up")
        self.run("ip", "-n", self.netns["nat-a"], "link", "add", "wan", "type", "veth",
                 "peer", "name", "wan", "netns", self.netns["nat-b"])
        for side, kind in kinds.items():
            self._make_side(side, f"nat-{side}", kind)

    def _make_side(self, side, router, kind):
        self.run("ip", "-n", self.netns[side], "link", "add", "lan", "type", "veth",
                 "peer", "name", "lan", "netns", self.netns[router])
        self._add_address(side, self.inside[side], "lan")
        self._ip(side, f"route add default via {self._family.router[side]}")
        self._add_address(router, self._family.router[side], "lan")
        self._add_address(router, self.outside[side], "wan")
        self.run("ip", "netns", "exec", self.netns[router], "sh", "-c",
                 f"echo 1 >/proc/sys/net/{self._family.forward}")
        name = self._family.name
        dnat = f'iifname "wan" {name} saddr @known meta l4proto udp dnat to {self.inside[side]}'
        self.run("ip", "netns", "exec", self.netns[router], "nft", "-f", "-",
                 text=RULES.format(name=name, type=self._family.type,
                                   incoming=dnat if kind == "host" else "",
                                   how="fully-random" if kind == "random" else ""))

    def _add_address(self, side, address, device):
        self._ip(side, f"link set {device} up")
        self._ip(side, f"addr add {address}/{self._family.bits} dev {device} {self._family.flags}")

    def close(self):
        """Ends the programs and removes the namespaces."""
        super().close()
        while self._made:
            self.run("ip", "netns", "del", self._made.pop())
