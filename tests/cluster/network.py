"""Hosts of a test's network: a bridge, and a network namespace with one private address for each host.

Hosts reach each other, this machine at the gateway's address, and by it what this machine reaches. Everything has
the cluster's name, or a short form of it, so that it can be removed by whoever knows the name. Needs root.
"""

from __future__ import annotations

import secrets
import shlex
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PRIVATE = ip_network("10.128.0.0/9")  # RFC 1918; networks of machines tend to begin at 10.0
_FIRST = 10  # the last byte of the first host's address


@dataclass(frozen=True, slots=True)
class Host:
    """Where a worker runs: an address, and what comes before a command that runs there."""

    address: str
    enter: tuple[str, ...] = ()
    cable: str = ""  # this machine's end of it

    def partition(self) -> None:
        """Pull the cable: packets are lost both ways, connections stay open. An OSError where there is none."""
        self._set("down")

    def heal(self) -> None:
        """Plug the cable in again."""
        self._set("up")

    def _set(self, state: str) -> None:
        if not self.cable:
            msg = f"partitioning {self.address}: it has no network namespace"
            raise OSError(msg)
        _ip("link", "set", self.cable, state)


@dataclass(frozen=True, slots=True)
class Network:
    """The hosts, and the address at which they reach this machine."""

    gateway: str
    hosts: tuple[Host, ...]


def loopback(count: int) -> Network:
    """Return hosts that are only addresses, for machines on which network namespaces are not permitted."""
    return Network("127.0.0.1", tuple(Host(f"127.0.0.{_FIRST + number}") for number in range(count)))


def namespaces(name: str, count: int) -> Network:
    """Make a network of that many hosts; an OSError has the reason why it cannot be had."""
    bridge, subnet = _short(name), _free_subnet()
    gateway = str(subnet[1])
    try:
        _ip("link", "add", bridge, "type", "bridge")
        _ip("address", "add", f"{gateway}/{subnet.prefixlen}", "dev", bridge)
        _ip("link", "set", bridge, "up")
        for table, rule in _rules(bridge, subnet):
            _iptables(table, "--insert", *rule, "--match", "comment", "--comment", name)
        return Network(gateway, tuple(_host(name, bridge, subnet, number) for number in range(count)))
    except (OSError, subprocess.CalledProcessError) as error:
        remove(name)
        msg = f"network namespaces cannot be made: {getattr(error, 'stderr', '') or error}"
        raise OSError(msg) from error


def remove(name: str) -> None:
    """Remove a network, or what there is of it."""
    with suppress(OSError, subprocess.CalledProcessError):
        for line in _ip("netns", "list").splitlines():
            if (namespace := line.split()[0]).startswith(name):
                _ip("netns", "delete", namespace)
    with suppress(OSError, subprocess.CalledProcessError):
        for line in _ip("-oneline", "link", "show").splitlines():
            link = line.split(": ")[1].partition("@")[0]
            if link.startswith(_short(name)):
                _ip("link", "delete", link)
    with suppress(OSError, subprocess.CalledProcessError):
        _remove_rules(name)


def _host(name: str, bridge: str, subnet: IPv4Network, number: int) -> Host:
    namespace, cable, address = f"{name}-{number}", f"{bridge}-{number}", str(subnet[_FIRST + number])
    _ip("netns", "add", namespace)
    _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", namespace)
    _ip("link", "set", cable, "master", bridge, "up")
    inside = ("-netns", namespace)
    _ip(*inside, "link", "set", "lo", "up")
    _ip(*inside, "address", "add", f"{address}/{subnet.prefixlen}", "dev", "eth0")
    _ip(*inside, "link", "set", "eth0", "up")
    _ip(*inside, "route", "add", "default", "via", str(subnet[1]))
    # Not `ip netns exec`: that mounts a new /sys, in which an engine finds no control groups.
    return Host(address, ("nsenter", f"--net=/run/netns/{namespace}"), cable)


def _rules(bridge: str, subnet: IPv4Network) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield what a firewall must let pass, Docker's too, and who speaks for the hosts outside; tables first."""
    yield "filter", ("INPUT", "--in-interface", bridge, "--jump", "ACCEPT")
    yield "filter", ("FORWARD", "--in-interface", bridge, "--jump", "ACCEPT")
    yield "filter", ("FORWARD", "--out-interface", bridge, "--jump", "ACCEPT")
    outside = ("--source", str(subnet), "!", "--destination", str(subnet))
    yield "nat", ("POSTROUTING", *outside, "--jump", "MASQUERADE")


def _remove_rules(name: str) -> None:
    for table in ("filter", "nat"):
        for line in _iptables(table, "--list-rules").splitlines():
            words = shlex.split(line)
            if name in words:
                _iptables(table, "--delete", *words[1:])


def _free_subnet() -> IPv4Network:
    """Choose a network of 256 addresses to which this machine has no route; two at once choose the same hardly ever."""
    routes = [line.split()[0] for line in _ip("route", "show").splitlines()]
    used = [ip_network(route, strict=False) for route in routes if route[0].isdigit()]
    while True:
        chosen = ip_network((int(_PRIVATE.network_address) + (secrets.randbelow(1 << 15) << 8), 24))
        assert isinstance(chosen, IPv4Network)
        if not any(chosen.overlaps(one) for one in used):
            return chosen


def _short(name: str) -> str:
    """Return a name for interfaces, of which Linux permits 15 characters; the end of a name is random."""
    return f"wp{name[-8:]}"


def _ip(*arguments: str) -> str:
    return _run("ip", *arguments)


def _iptables(table: str, *arguments: str) -> str:
    return _run("iptables", "--wait", "--table", table, *arguments)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
