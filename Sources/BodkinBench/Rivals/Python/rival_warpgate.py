"""Drives warpgate's TCP hole punching (its plugin tcp_punch), as its TraversalManager does."""
import asyncio
import socket
import time
from types import SimpleNamespace

from rival import ADDRESS, IS_INITIATOR, OUTSIDE, PEER, PROBES, STUN, exchange_profiles, run
from aionetiface import EXT_BIND, IP4, RFC5389, TCP, UDP, Interface, IPRange, Route, RoutePool, SysClock, delta_info, nat_info
from aionetiface.nic.nat.nat_utils import delta_test
from aionetiface.protocol.stun.stun_client import STUNClient
from warpgate.node.node_utils import make_stop_pair
from warpgate.traversal.plugins.tcp_punch.main import PunchPluginFactory
from warpgate.traversal.plugins.tcp_punch.proto import PunchMsg
from warpgate.traversal.plugins.tcp_punch.punch_defs import PUNCH_CONF


def profile(nat_type, delta, step):
    return nat_info(nat_type, delta_info(delta, step))


def network():
    """The interface as aionetiface would have found it with the help of public servers."""
    nic = Interface("eth0")
    nic.netiface_index, nic.nic_no, nic.id, nic.mac = 0, socket.if_nametoindex("eth0"), "eth0", ""
    nic.is_default = lambda af, gws=None: True
    nic.rp[IP4] = RoutePool([Route(IP4, [IPRange(ADDRESS)], [IPRange(OUTSIDE)], interface=nic)])
    nic.stack, nic.resolved = IP4, True
    return nic


async def prepare(link, application):
    nic = network()
    probes = [STUNClient(IP4, STUN, nic, proto=UDP, mode=RFC5389) for _ in range(PROBES)]
    # As in a network where it has not been before.
    own, other = await exchange_profiles(link, lambda: delta_test(probes, PROBES, PROBES // 2 - 1, is_cold_start=True))
    nic.nat = profile(*own)
    stuns = [STUNClient(IP4, STUN, nic, proto=TCP, mode=RFC5389, conf=PUNCH_CONF)]
    factory = await PunchPluginFactory.create({IP4: {0: stuns}}, SysClock(nic, ntp=time.time()))
    stop, keep = make_stop_pair()
    source = {"if_index": 0, "ip": ADDRESS, "ext": OUTSIDE, "nat": profile(*own)}
    target = {"if_index": 0, "ip": PEER, "nat": profile(*other)}

    async def send(message, plugin, relay_no=2):
        link.send(message.payload.to_dict())

    async def connect():
        plugin = factory.build_plugin()
        plugin.set_inbound_pipes({}, "bench")
        plugin.set_routing(IP4, source, target, nic)
        plugin.set_context(EXT_BIND, False, False, 10)
        plugin.set_send_signal(send)
        plugin.stop_reader, plugin.node_msg_cb, plugin.kept = stop, application.received, keep

        async def follow():
            while True:
                await plugin.run(SimpleNamespace(payload=PunchMsg.Payload.from_dict(await link.receive())))

        if IS_INITIATOR:
            await plugin.run()
        following = asyncio.ensure_future(follow())
        await asyncio.wait([following, plugin.result], return_when=asyncio.FIRST_COMPLETED)
        if not plugin.result.done():
            following.result()
        return plugin.result.result()

    return connect


if __name__ == "__main__":
    asyncio.run(run(prepare))
