import { parseArgs } from 'node:util';
import { benchInbound } from './inbound/inbound.ts';

const USAGE = `usage: npm run bench -- PART [--quick] [--repeats N] [--only TEXT]

  inbound   SMTP to the durable message, beside Postfix and Dovecot

  --quick     fewer loads and messages
  --repeats   runs of each load a side (3; 2 with --quick)
  --only      only loads whose name contains the text, e.g. "20 sessions, 5 KB"
`;

/** `npm run bench -- PART`: ours and a peer from Debian in turns; tables on the screen, figures and plot in var/bench. */
async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      repeats: { type: 'string' },
      only: { type: 'string' },
    },
  });
  const repeats = Number(values.repeats ?? (values.quick ? 2 : 3));
  if (positionals.length !== 1 || positionals[0] !== 'inbound' || !Number.isInteger(repeats) || repeats < 1) {
    process.stderr.write(USAGE);
    return 2;
  }
  await benchInbound({ quick: values.quick, repeats, only: values.only });
  return 0;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.exitCode = await main(process.argv.slice(2));
