import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findJourneys } from '@postern/shared/trace/journey.ts';
import { type LogLine, readLog } from '@postern/shared/trace/log-lines.ts';
import { renderJourney } from '../trace/render-journey.ts';

export const TRACE_USAGE = `usage: postern trace <message id | queue id | address | client's IP address> [--log FILE]… [--state DIR] [--json]

Prints the way of a message through gateway and store, from their logs.
  --log FILE    a log to read; may be given several times (default: relay.log and store.log below DIR/log)
  --state DIR   the folder of the running stack (default: var)
  --json        one JSON object a journey instead of tables
`;

/** `postern trace`: 0 for something found, 1 for nothing, 2 for a mistake in the command. */
export async function trace(args: readonly string[]): Promise<number> {
  let parsed: ReturnType<typeof parse>;
  try {
    parsed = parse(args);
  } catch (error) {
    process.stderr.write(`postern: ${(error as Error).message}\n${TRACE_USAGE}`);
    return 2;
  }
  const { values, positionals } = parsed;
  const [query, ...rest] = positionals;
  if (values.help === true) {
    process.stdout.write(TRACE_USAGE);
    return 0;
  }
  if (query === undefined || query.trim() === '' || rest.length > 0) {
    process.stderr.write(TRACE_USAGE);
    return 2;
  }
  const paths = values.log ?? ['relay.log', 'store.log'].map((name) => join(values.state ?? 'var', 'log', name));
  const missing = paths.filter((path) => !existsSync(path));
  if (missing.length === paths.length || (values.log !== undefined && missing.length > 0)) {
    process.stderr.write(`postern: no such log: ${missing.join(', ')}\n`);
    return 2;
  }
  const there = paths.filter((path) => !missing.includes(path));
  const journeys = await findJourneys(query, async function* (): AsyncGenerator<LogLine> {
    for (const path of there) yield* readLog(path);
  });
  if (journeys.length === 0) {
    process.stderr.write(`postern: nothing about ${JSON.stringify(query)} in ${there.join(', ')}\n`);
    return 1;
  }
  for (const journey of journeys) {
    if (values.json === true) {
      process.stdout.write(`${JSON.stringify({ ...journey, lines: journey.lines.map((line) => line.fields) })}\n`);
    } else {
      process.stdout.write(`${renderJourney(journey)}\n`);
    }
  }
  return 0;
}

function parse(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      log: { type: 'string', multiple: true },
      state: { type: 'string' },
      json: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
}
