/** The mappers of two revisions over the records that the ledger keeps. */
import { parseJson } from "../../../supabase/functions/crm-sync/json.ts";
import { withProgress } from "../ask.ts";
import { type DatabaseOptions, type Query, withDatabase } from "../database.ts";
import { EXIT } from "../errors.ts";
import { type OutputOptions, plural, printJson, printTable } from "../output.ts";
import { requireRoute } from "../routes.ts";
import { compare } from "./compare.ts";
import {
  type KeptRecord,
  type Mappers,
  mappersOfRevision,
  mappersOfWorkingTree,
} from "./mappers.ts";
import { type ChangeOfDelivery, summarise } from "./summary.ts";

export interface ReplayOptions extends DatabaseOptions, OutputOptions {
  last: number;
  against: string;
  route?: string;
  showValues?: true;
}

/** Records read at a time: a record may have 60 kB. */
const PAGE = 500;

export async function replayDiff(options: ReplayOptions): Promise<void> {
  const { changes, compared } = await withDatabase(options, async (query) => {
    await requireRoute(query, options.route);
    const before = await mappersOfRevision(options.against);
    const after = await mappersOfWorkingTree();
    return withProgress("reading records", (say) => replay(query, before, after, options, say));
  });
  if (options.json) printJson({ against: options.against, compared, changes });
  else printChanges(changes, compared, options);
  process.exitCode = changes.length > 0 || compared === 0 ? EXIT.wrong : EXIT.well;
}

async function replay(
  query: Query,
  before: Mappers,
  after: Mappers,
  options: ReplayOptions,
  say: (text: string) => void,
) {
  const showValues = options.showValues ?? false;
  const changes: ChangeOfDelivery[] = [];
  let compared = 0;
  for await (const kept of keptRecords(query, options)) {
    const found = compare(before(kept), after(kept), parseJson(kept.record), { showValues });
    const { delivery_id, route } = kept;
    changes.push(...found.map((change) => ({ delivery_id, route, ...change })));
    compared += 1;
    if (compared % PAGE === 0) say(`${compared} of at most ${options.last} compared`);
  }
  return { changes, compared };
}

/** Newest first, page by page. What was never claimed has no record yet, what was purged none any more. */
async function* keptRecords(
  query: Query,
  { last, route }: ReplayOptions,
): AsyncGenerator<KeptRecord> {
  let before: number | null = null;
  for (let left = last; left > 0; left -= PAGE) {
    const page = (await query(
      `select delivery_id, route, to_json(captured_at at time zone 'UTC') #>> '{}' || '+00:00' as captured_at, record::text
       from crm_sync.deliveries
       where record is not null
         and ($1::text is null or route = $1)
         and ($2::bigint is null or delivery_id < $2)
       order by delivery_id desc limit $3`,
      [route ?? null, before, Math.min(left, PAGE)],
    )) as unknown as KeptRecord[];
    yield* page;
    if (page.length < Math.min(left, PAGE)) return;
    before = page.at(-1)?.delivery_id ?? null;
  }
}

function printChanges(changes: ChangeOfDelivery[], compared: number, options: ReplayOptions): void {
  if (compared === 0) {
    console.log(`nothing was compared with ${options.against}: no record is kept`);
    return;
  }
  const columns = {
    route: "route",
    field: "field",
    change: "change",
    deliveries: "delivery_count",
    "e.g.": "example",
    before: "before",
    after: "after",
  };
  const rows = summarise(changes).map((row) => ({ ...row }));
  if (rows.length > 0) printTable(columns, rows);
  const count = new Set(changes.map(({ delivery_id }) => delivery_id)).size;
  const differing = count === 0 ? "none differs" : `${count} would differ`;
  const hidden = count > 0 && !options.showValues ? "; --show-values shows the values" : "";
  console.log(
    `${plural(compared, "record")} compared with ${options.against}: ${differing}${hidden}`,
  );
}
