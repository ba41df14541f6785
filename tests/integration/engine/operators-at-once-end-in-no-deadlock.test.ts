import type pg from "pg";
import { expect, it } from "vitest";
import { withClient } from "../../../scripts/with-client.ts";
import { answerAll } from "../../support/answers.ts";
import { createTestDatabase } from "../../support/database.ts";
import { ENGINE, openSession } from "../../support/engine.ts";

const ROUNDS = 40;
/** Few people with many rows each: whatever one operator takes, another wants. */
const PEOPLE = 3;
const ROWS = 60;

/** Ten of them, in any order. */
const SOME = `array(
    select delivery_id from crm_sync.deliveries
    where status in ('pending', 'in_flight', 'dead', 'cancelled') order by random() limit 10)`;
const PERSON = `'person-' || floor(random() * ${PEOPLE})::int || '@example.test'`;
const ROW = "(select id::text from leads order by random() limit 1)";

const OPERATORS: Record<string, string[]> = {
  "one redelivers": [`select crm_sync.redeliver(${SOME}, true)`],
  "one redelivers and cancels": [
    `select crm_sync.cancel(${SOME})`,
    `select crm_sync.redeliver(${SOME}, true)`,
  ],
  "one erases people": [`select crm_sync.erase_person(${PERSON}, p_count_only => false)`],
  "another erases people": [
    `select crm_sync.erase_person(p_phone => '06 00 00 00 0' || floor(random() * ${PEOPLE})::int, p_count_only => false)`,
  ],
  "one erases rows": [`select crm_sync.erase('leads', ${ROW})`],
  "one stops and starts": ["select crm_sync.stop()", "select crm_sync.start()"],
  "another starts": ["select crm_sync.start()"],
  "one pauses and resumes": [
    "select crm_sync.pause('monelec'), crm_sync.pause('elementor')",
    "select crm_sync.resume('elementor'), crm_sync.resume('monelec')",
  ],
  "one purges": ["select crm_sync.purge(clock_timestamp() + interval '1 year', 5)"],
  "the application writes": [
    `insert into leads (email, phone) values (${PERSON}, '06 00 00 00 01')`,
    `update leads set source = random()::text where id::text = ${ROW}`,
  ],
};

it("redeliver, cancel, erase, stop, start and pause beside each other and beside ticks", async () => {
  const database = await createTestDatabase(ENGINE);
  // As long as it takes by default, a second, the sessions would mostly wait for each other.
  await withClient(database.superuserUrl, (superuser) =>
    superuser.query(`alter database ${database.name} set deadlock_timeout = '20ms'`),
  );
  const engine = await openSession(database);
  await engine.query(`
    insert into leads (email, phone)
    select 'person-' || n % ${PEOPLE} || '@example.test', '06 00 00 00 0' || n / ${PEOPLE} % ${PEOPLE}
    from generate_series(1, ${ROWS}) as n`);
  await engine.query("update crm_sync.deliveries set status = 'dead', finished_at = now()");

  const errors: string[] = [];
  let busy = Object.keys(OPERATORS).length;
  await Promise.all([
    ...Object.entries(OPERATORS).map(async ([who, statements]) => {
      const session = await openSession(database);
      for (let round = 0; round < ROUNDS; round += 1) {
        for (const statement of statements) await noting(who, session, statement);
      }
      busy -= 1;
    }),
    (async () => {
      while (busy > 0) {
        await noting("the tick", engine, "select crm_sync.tick()");
        await answerAll(engine);
      }
    })(),
  ]);
  const faults = await engine.query("select place, sql_state from crm_sync.faults");

  expect([...new Set(errors)]).toEqual([]);
  expect(faults.rows).toEqual([]);

  async function noting(who: string, session: pg.Client, statement: string): Promise<void> {
    await session.query(statement).catch(({ code, message }) => {
      errors.push(`${who}: ${code} ${message}`);
    });
  }
});
