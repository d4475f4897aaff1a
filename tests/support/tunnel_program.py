"""A small real tunnel for tests: passes TCP on from a port of its own, and prints an address that is new at each start.

    python tunnel_program.py FOLDER PORT

It writes the ids of its two processes into FOLDER/pids, and as the `localhost` of a resolver would be, the address it
prints leads to 127.0.0.1 only for those who are told so.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path


async def relay(port: int, folder: Path) -> None:
    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(copy(reader, far_writer), copy(far_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    child = await asyncio.create_subprocess_exec("sleep", "3600")
    (folder / "pids").write_text(f"{os.getpid()} {child.pid}")
    print("Thank you for using this tunnel. Read https://tunnels.example.org/docs/start first.", flush=True)
    print(f"forwarding http://t{os.getpid()}.example.org:{server.sockets[0].getsockname()[1]} -> {port}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(relay(int(sys.argv[2]), Path(sys.argv[1])))
