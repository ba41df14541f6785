/** Everything one schedule runs in: a database, the sessions on it, pg_net, the function and the receivers. */
import pg from "pg";
import type { ChaosDatabase } from "../world/install.ts";
import { type Fate, type Net, simulateNet } from "../world/net.ts";
import { createReceivers, type Receivers } from "../world/receivers.ts";
import { type Application, startApplication } from "./application.ts";

export interface Connections {
  sessions: pg.Client[];
  /** As the owner: ticks, a second tick, the operator. */
  tick: pg.Client;
  secondTick: pg.Client;
  operator: pg.Client;
  /** As the superuser: pg_net's worker, and what moves time. */
  worker: pg.Client;
  mover: pg.Client;
  close(): Promise<void>;
}

export interface World {
  connections: Connections;
  application: Application;
  net: Net;
  receivers: Receivers;
  /** Columns that were renamed under the triggers, by table. */
  renamed: Set<string>;
  /** Rows whose changes an operator had erased. */
  erased: Set<string>;
}

/** Opened once and used by one schedule after another: a new session would plan everything anew. */
export async function connect({ url, superuserUrl }: ChaosDatabase): Promise<Connections> {
  const open = async (connectionString: string) => {
    const client = new pg.Client({ connectionString });
    client.on("error", () => undefined);
    await client.connect();
    await client.query("set statement_timeout = '20s'");
    return client;
  };
  const owners = await Promise.all(Array.from({ length: 6 }, () => open(url)));
  const [first, second, third, tick, secondTick, operator] = owners as [
    pg.Client,
    pg.Client,
    pg.Client,
    pg.Client,
    pg.Client,
    pg.Client,
  ];
  const [worker, mover] = (await Promise.all([open(superuserUrl), open(superuserUrl)])) as [
    pg.Client,
    pg.Client,
  ];
  return {
    sessions: [first, second, third],
    tick,
    secondTick,
    operator,
    worker,
    mover,
    close: async () => {
      await Promise.all([...owners, worker, mover].map((client) => client.end()));
    },
  };
}

/** How a world comes by its pg_net: simulated, or the server's own. */
export type MakeNet = (
  worker: pg.Client,
  receivers: Receivers,
  onFate: (fate: Fate) => void,
) => Net;

/** An empty ledger and a new world around it. */
export async function enterWorld(
  connections: Connections,
  strikes: Strikes,
  makeNet: MakeNet = simulateNet,
): Promise<World> {
  const { sessions, mover, worker } = connections;
  await mover.query("select chaos.reset()");
  for (const client of [
    ...sessions,
    connections.tick,
    connections.secondTick,
    connections.operator,
  ]) {
    await client.query("select setseed(0.5), set_config('crm_sync.session_posts', '0', false)");
  }
  const receivers = createReceivers((name) => strike(strikes, `receiver: ${name}`));
  return {
    connections,
    application: startApplication(sessions),
    net: makeNet(worker, receivers, (fate) => strike(strikes, `request: ${fate}`)),
    receivers,
    renamed: new Set(),
    erased: new Set(),
  };
}

/** How often each step happened, and what became of requests and calls. */
export type Strikes = Map<string, number>;

export function strike(strikes: Strikes, name: string): void {
  strikes.set(name, (strikes.get(name) ?? 0) + 1);
}
