import { parseArgs } from 'node:util';
import { benchConsole } from './console/console.ts';
import { benchDelivery } from './delivery/delivery.ts';
import { benchGrowth } from './growth/growth.ts';
import { benchIdle } from './imap/idle.ts';
import { benchImap } from './imap/imap.ts';
import { benchInbound } from './inbound/inbound.ts';
import { benchOutbound } from './outbound/outbound.ts';
import { benchPieces } from './pieces/pieces.ts';
import { benchStall } from './stall/stall.ts';
import { benchWebmail } from './webmail/webmail.ts';

const USAGE = `usage: npm run bench -- PART [--quick] [--repeats N] [--only TEXT] [--trusted] [--million]

  inbound   SMTP to the durable message, beside Postfix and Dovecot
  delivery  what Sieve costs: processor time of scripts, and deliveries a second with and without them
  outbound  SMTP in, and out to smtp-sink, beside Postfix
  console   pages of the console over 100,000 accounts in slapd (--quick: 10,000)
  imap      IMAP command for command in a mailbox of 20,000 messages, beside Dovecot
  webmail   list and open messages of a large inbox, first paint, script, push, idle sessions, beside Roundcube
  idle      memory of idle IMAP sessions, plain and with TLS, beside Dovecot
  stall     how long NOOP takes while one session fetches everything and four others work, beside Dovecot
  pieces    judging a DKIM signature, ours beside mailauth; a question to the process that remembers
  growth    curves with their exponents: 1,000 to 100,000 messages in a mailbox (--million: a million), 10 to 100,000
            accounts, 1 to 10,000 idle sessions; --only messages, accounts or idle

  --quick     fewer loads and messages
  --repeats   runs of each load a side
  --trusted   inbound: the sender's network is trusted, so that nobody is judged by SPF, DKIM and DMARC
  --only      only loads or commands whose name contains the text, e.g. "20 sessions, 5 KB"
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
      trusted: { type: 'boolean', default: false },
      million: { type: 'boolean', default: false },
    },
  });
  const { quick, only, trusted, million } = values;
  const repeats = values.repeats === undefined ? undefined : Number(values.repeats);
  const [part, ...more] = positionals;
  const wrong = more.length > 0 || (repeats !== undefined && !(Number.isInteger(repeats) && repeats > 0));
  if (part === 'inbound' && !wrong) await benchInbound({ quick, repeats: repeats ?? (quick ? 2 : 3), only, trusted });
  else if (part === 'delivery' && !wrong) await benchDelivery({ quick, repeats: repeats ?? (quick ? 2 : 3) });
  else if (part === 'outbound' && !wrong) await benchOutbound({ quick, repeats: repeats ?? (quick ? 2 : 3) });
  else if (part === 'console' && !wrong) {
    await benchConsole({ accounts: quick ? 10_000 : 100_000, repeats: repeats ?? 10, only });
  } else if (part === 'imap' && !wrong) {
    await benchImap({ messages: quick ? 5_000 : 20_000, repeats: repeats ?? (quick ? 3 : 5), only });
  } else if (part === 'webmail' && !wrong) {
    const size = quick ? { messages: 5_000, sessions: 100 } : { messages: 50_000, sessions: 1_000 };
    await benchWebmail({ ...size, repeats: repeats ?? (quick ? 5 : 15), only });
  } else if (part === 'idle' && !wrong) {
    await benchIdle(quick ? { plain: 1_000, tls: 500, theirs: 100 } : { plain: 10_000, tls: 2_000, theirs: 200 });
  } else if (part === 'stall' && !wrong) {
    await benchStall({ messages: quick ? 5_000 : 20_000, repeats: repeats ?? (quick ? 2 : 3) });
  } else if (part === 'pieces' && !wrong) {
    await benchPieces({ quick, repeats: repeats ?? 5 });
  } else if (part === 'growth' && !wrong) {
    await benchGrowth({ quick, million, only });
  } else {
    process.stderr.write(USAGE);
    return 2;
  }
  return 0;
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.exitCode = await main(process.argv.slice(2));
