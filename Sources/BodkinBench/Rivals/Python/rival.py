"""What both rivals' drivers share: the link to the other driver, the application's bytes, and the report to the benchmark.

The lab's variables say who and where this is: host a dials. RIVAL_NAT_TYPE is the type of the own NAT in the rivals' numbers, RIVAL_PATIENCE is in
seconds. Standard output is one JSON object a line: {"start": s}, {"byte": s}, {"echo": s} by the system's monotonic clock, or {"failure": why}.
"""
import asyncio
import ipaddress
import json
import os
import sys
import time

# The lab's Internet has the addresses that are for documentation, which Python takes for those of a LAN.
DOCUMENTATION = [ipaddress.ip_network(text) for text in ("198.51.100.0/24", "203.0.113.0/24")]
ipaddress._IPv4Constants._private_networks = [
    network for network in ipaddress._IPv4Constants._private_networks if network not in DOCUMENTATION
]

HOST = os.environ["BODKIN_LAB_HOST"]
IS_INITIATOR = HOST == "a"
ADDRESS = os.environ["BODKIN_LAB_ADDRESS"]
OUTSIDE = os.environ[f"BODKIN_LAB_{HOST.upper()}_OUTSIDE"]
PEER = os.environ[f"BODKIN_LAB_{'B' if IS_INITIATOR else 'A'}_OUTSIDE"]
NAT_TYPE = int(os.environ["RIVAL_NAT_TYPE"])
# As many STUN servers as the rivals ask.
PROBES = 12
SERVER = os.environ["BODKIN_LAB_SERVER"]
STUN = (SERVER, 3478)
RELAY = (SERVER, 7000)
# In none of the rivals' own control messages.
BYTE = b"x"


def report(**values):
    print(json.dumps(values), flush=True)


class Link:
    """Messages to the other driver, one JSON value a line, over the relay."""

    async def open(self):
        # The relay may begin later.
        for _ in range(100):
            try:
                self.reader, self.writer = await asyncio.open_connection(*RELAY)
                return
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
        raise TimeoutError("there is no relay")

    def send(self, value):
        self.writer.write(json.dumps(value).encode() + b"\n")

    async def receive(self):
        line = await self.reader.readline()
        if not line:
            raise EOFError("the other driver has ended")
        return json.loads(line)


class Application:
    """Writes a byte until it is echoed, or echoes what comes. A rival's bridge that loses its first bytes is not held against it."""

    def __init__(self):
        self.arrived = asyncio.Event()

    async def received(self, message, *_):
        if BYTE in message:
            if not self.arrived.is_set():
                report(**{"echo" if IS_INITIATOR else "byte": time.monotonic()})
            self.arrived.set()

    async def talk(self, pipe):
        while not (IS_INITIATOR and self.arrived.is_set()):
            if IS_INITIATOR or self.arrived.is_set():
                await pipe.send(BYTE)
            await asyncio.sleep(0.02)


async def exchange_profiles(link, measure):
    """Has the rival measure how its NAT gives out ports, and returns type, delta and step of the own NAT and of the other one."""
    for _ in range(3):
        if delta := await measure():
            own = [NAT_TYPE, delta["type"], delta["value"]]
            link.send(own)
            return own, await asyncio.wait_for(link.receive(), 40)
    raise RuntimeError("the rival could not measure its NAT")


async def run(prepare):
    """Meets the other driver, has what `prepare(link, application)` returns make a connection, and sends a byte over it and back."""
    link, application = Link(), Application()
    await link.open()
    connect = await prepare(link, application)
    link.send("ready")
    if await asyncio.wait_for(link.receive(), 20) != "ready":
        raise ValueError("the other driver is of another kind")
    # What the preparation has left to do is not measured.
    await asyncio.sleep(0.3)
    if IS_INITIATOR:
        report(start=time.monotonic())

    async def converse():
        pipe = await connect()
        if pipe is None:
            raise ConnectionError("it gave up")
        await application.talk(pipe)

    conversation = asyncio.ensure_future(converse())
    patience = int(os.environ["RIVAL_PATIENCE"])
    done, _ = await asyncio.wait([conversation], timeout=patience)
    if not done and not application.arrived.is_set():
        report(failure=f"no connection in {patience} s")
    elif done and (error := conversation.exception()):
        # The other side has said why.
        ended = isinstance(error, EOFError)
        report(failure="no connection: the other side gave up" if ended else f"{type(error).__name__}: {error}")
    # The rivals' threads and processes wait for what will not come any more.
    sys.stdout.flush()
    os._exit(0)
