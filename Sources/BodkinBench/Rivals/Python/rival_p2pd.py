"""Drives p2pd's TCP hole punching (p2pd.TCPPuncher), as its P2PPipe.tcp_hole_punch does."""
import asyncio
from decimal import Decimal

from rival import ADDRESS, IS_INITIATOR, OUTSIDE, PEER, PROBES, STUN, exchange_profiles, run
from p2pd import SysClock, STUNClient, TCPPuncher, get_pp_executors, init_p2pd
from p2pd.interface import Interface
from p2pd.ip_range import IPRange
from p2pd.nat_predict import NATMapping
from p2pd.nat_utils import delta_info, delta_test, nat_info
from p2pd.net import IP4, TCP, UDP
from p2pd.route_defs import Route, RoutePool
from p2pd.stun_defs import RFC5389
from p2pd.tcp_punch_utils import INITIATOR, PUNCH_CONF


def profile(nat_type, delta, step):
    return nat_info(nat_type, delta_info(delta, step))


def network():
    """The interface as p2pd would have found it with the help of public servers."""
    nic = Interface("eth0")
    nic.netiface_index, nic.nic_no, nic.id, nic.mac = 0, 0, "eth0", ""
    nic.is_default = lambda af, gws=None: True
    nic.rp[IP4] = RoutePool([Route(IP4, [IPRange(ADDRESS)], [IPRange(OUTSIDE)], interface=nic)])
    nic.stack, nic.resolved = IP4, True
    return nic


class Node:
    """What a puncher wants of its node."""

    node_id = "bodkin-bench"

    def __init__(self, application):
        self.msg_cb = application.received
        self.ready = asyncio.get_running_loop().create_future()

    def pipe_ready(self, _, pipe):
        if not self.ready.done():
            self.ready.set_result(pipe)


async def prepare(link, application):
    await init_p2pd()
    nic, node = network(), Node(application)
    probes = [STUNClient(IP4, STUN, nic, proto=UDP, mode=RFC5389) for _ in range(PROBES)]
    own, other = await exchange_profiles(link, lambda: delta_test(probes, PROBES, PROBES // 2 - 1))
    nic.nat = profile(*own)
    stuns = [STUNClient(IP4, STUN, nic, proto=TCP, mode=RFC5389, conf=PUNCH_CONF)]
    source = {"if_index": 0, "ip": ADDRESS, "nat": profile(*own)}
    target = {"if_index": 0, "ip": PEER, "nat": profile(*other)}
    puncher = TCPPuncher(IP4, source, target, stuns, SysClock(nic, clock_skew=Decimal(0)), nic)
    puncher.set_parent("bench", node)
    puncher.setup_multiproc((await get_pp_executors())[1])

    async def advance(message):
        mappings = [NATMapping(mapping) for mapping in message["mappings"]] if message else None
        answer = await puncher.proto(mappings, Decimal(message["time"]) if message else None)
        if answer != 1:
            punch = asyncio.ensure_future(later(2 if puncher.side == INITIATOR else 0))
            link.send({"mappings": [mapping.toJSON() for mapping in answer[0]], "time": str(answer[1])})
            return punch

    async def later(seconds):
        await asyncio.sleep(seconds)
        return await puncher.setup_punching_process()

    async def connect():
        punch = await advance(None if IS_INITIATOR else await link.receive())
        if IS_INITIATOR:
            await advance(await link.receive())
        await punch
        return await node.ready

    return connect


if __name__ == "__main__":
    asyncio.run(run(prepare))
