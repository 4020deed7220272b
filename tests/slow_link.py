"""``python slow_link.py PORT BACKEND RATE CUT``: a link to another port that is slow or breaks.

What the backend sends passes at RATE bytes a second (0: as fast as it comes), and a connection
breaks after CUT bytes (0: never). Run it in the namespace where both ports are.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

PORT, BACKEND, RATE, CUT = (int(word) for word in sys.argv[1:5])


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, back: bool) -> None:
    sent = 0
    with contextlib.suppress(OSError):
        while piece := await reader.read(16_384):
            if back and CUT and sent + len(piece) > CUT:
                break
            if back and RATE:
                await asyncio.sleep(len(piece) / RATE)
            writer.write(piece)
            await writer.drain()
            sent += len(piece)
    writer.close()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    there, here = await asyncio.open_connection("127.0.0.1", BACKEND)
    await asyncio.gather(pump(reader, here, False), pump(there, writer, True))


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", PORT)
    print("listening", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
