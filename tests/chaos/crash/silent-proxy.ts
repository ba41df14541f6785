/**
 * A TCP proxy that can fall silent: connections stay up and new ones are accepted, but no byte passes and nothing is closed,
 * as behind a firewall that drops packets. Once healed, what was held passes after all, late, as the network would do it.
 */
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface SilentProxy {
  /** The same URL, by way of the proxy. */
  through(url: string): string;
  fallSilent(): void;
  heal(): void;
  /** Connections that were live when it fell silent, and those accepted since. */
  silenced: { live: number; accepted: number };
  stop(): Promise<void>;
}

interface Pair {
  client: Socket;
  server: Socket;
}

/** In front of the server that the URL names. */
export async function startSilentProxy(target: string): Promise<SilentProxy> {
  const pairs = new Set<Pair>();
  /** Their other end broke off while nothing passed. */
  const left = new Set<Socket>();
  const silenced = { live: 0, accepted: 0 };
  let isSilent = false;

  const join = ({ client, server }: Pair) => {
    client.pipe(server);
    server.pipe(client);
  };
  const part = ({ client, server }: Pair) => {
    client.unpipe(server).pause();
    server.unpipe(client).pause();
  };

  const proxy = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    const { hostname, port } = new URL(target);
    const server = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const pair = { client, server };
    pairs.add(pair);
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      socket.on("error", () => undefined);
      socket.on("close", () => {
        pairs.delete(pair);
        if (isSilent) left.add(other);
        else other.destroy();
      });
    }
    if (isSilent) silenced.accepted += 1;
    else join(pair);
  });
  await new Promise<void>((resolve, reject) => {
    proxy.once("error", reject);
    proxy.listen(0, "127.0.0.1", resolve);
  });

  return {
    through: (url) => {
      const changed = new URL(url);
      changed.port = String((proxy.address() as AddressInfo).port);
      return changed.href;
    },
    fallSilent: () => {
      isSilent = true;
      silenced.live += pairs.size;
      for (const pair of pairs) part(pair);
    },
    heal: () => {
      isSilent = false;
      for (const socket of left) socket.destroy();
      left.clear();
      for (const pair of pairs) join(pair);
    },
    silenced,
    stop: () =>
      new Promise((resolve) => {
        proxy.close(() => resolve());
        for (const { client, server } of pairs) left.add(client).add(server);
        for (const socket of left) socket.destroy();
      }),
  };
}
