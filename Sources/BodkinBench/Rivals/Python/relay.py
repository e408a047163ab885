"""The signalling that rivals have for free: joins two connections, and passes on what comes."""
import asyncio
import os


async def pass_on(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def main():
    waiting = asyncio.Queue()
    address = os.environ["BODKIN_LAB_SERVER"]
    server = await asyncio.start_server(lambda reader, writer: waiting.put_nowait((reader, writer)), address, 7000)
    async with server:
        first, second = await waiting.get(), await waiting.get()
        await asyncio.gather(pass_on(first[0], second[1]), pass_on(second[0], first[1]))


asyncio.run(main())
