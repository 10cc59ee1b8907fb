import { createConnection } from 'mysql2/promise';
import { startStack, type TestStack } from '../../support/stack.ts';
import { fillByMailstore } from '../imap/fill.ts';
import { accountOf, oursOf } from '../imap/imap.ts';
import { ImapWire } from '../imap/imap-wire.ts';
import { MAILBOX } from '../imap/tasks.ts';
import { ownMemoryKiB } from '../measure/processes.ts';
import { Watched } from '../measure/watched.ts';
import { type GrowthStep, reportGrowth } from '../report/growth-report.ts';
import { growMailbox } from './grow-mailbox.ts';

/** Messages that the store itself brings; the rest grows from them. */
const FIRST = 1_000;
const REPEATS = 5;

/** What a client does in a mailbox, as the mailbox grows. */
export async function growMessages(sizes: readonly number[]): Promise<void> {
  const stack = await startStack({ without: ['relay'], databaseOptions: ['--innodb-buffer-pool-size=2048M'] });
  try {
    const accountId = await accountOf(stack, oursOf(stack));
    await fillByMailstore(stack.database.url, accountId, FIRST);
    const steps: GrowthStep[] = [];
    for (const size of sizes) {
      const filling = performance.now();
      await stack.end('store');
      await grow(stack, accountId, size);
      await stack.restart('store');
      console.log(`${size} messages, filled in ${((performance.now() - filling) / 1000).toFixed(0)} s`);
      const watched = new Watched(oursOf(stack).programs);
      let figures: GrowthStep['figures'] = {};
      await watched.run(1, async () => {
        figures = await measured(stack, size);
        return [];
      });
      steps.push({ size, figures, cost: watched.measured });
    }
    reportGrowth(
      {
        part: 'growth-messages',
        title: 'IMAP as a mailbox grows: milliseconds, memory of the store in MiB',
        sizes: 'messages',
        fitFrom: FIRST,
      },
      steps,
    );
  } finally {
    await stack.stop();
  }
}

async function grow(stack: TestStack, accountId: number, size: number): Promise<void> {
  const sql = await createConnection(stack.database.url);
  const [rows] = await sql.query('SELECT id FROM mailbox WHERE owner_id = ? AND name = ?', [accountId, MAILBOX]);
  await growMailbox(sql, (rows as { id: number }[])[0]?.id ?? 0, FIRST, size);
  await sql.end();
}

async function measured(stack: TestStack, size: number): Promise<GrowthStep['figures']> {
  const { host, port, user, password, programs } = oursOf(stack);
  const open = async (): Promise<ImapWire> => {
    const wire = await ImapWire.connect(port, host);
    await wire.login(user, password);
    return wire;
  };
  const wire = await open();
  const once = async (...pieces: (string | Buffer)[]): Promise<number> => {
    const { status, milliseconds, tail } = await wire.command(...pieces);
    if (status !== 'OK') throw new Error(`${String(pieces[0])}: ${tail}`);
    return milliseconds;
  };
  const several = async (command: (n: number) => (string | Buffer)[]): Promise<readonly number[]> => {
    const times: number[] = [];
    for (let n = 0; n < REPEATS; n++) times.push(await once(...command(n)));
    return times;
  };
  const letter = Buffer.from('Subject: one more\r\n\r\nx\r\n');
  const figures: GrowthStep['figures'] = {
    'first SELECT': await once(`SELECT ${MAILBOX}`),
    'later SELECT': await several(() => [`SELECT ${MAILBOX}`]),
    'newest 50, ENVELOPE': await several(() => [`FETCH ${Math.max(1, size - 49)}:${size} (UID FLAGS ENVELOPE)`]),
    'flags of all': await several(() => ['FETCH 1:* (UID FLAGS)']),
    'changes since (CONDSTORE)': await several(() => ['FETCH 1:* (FLAGS) (CHANGEDSINCE 999999999)']),
    'SEARCH UNSEEN': await several(() => ['SEARCH RETURN (COUNT) UNSEEN']),
    'STORE of one flag': await several((n) => [`STORE ${Math.floor(size / 2) + n} +FLAGS (\\Flagged)`]),
    'APPEND of one': await several(() => [`APPEND ${MAILBOX} {${letter.length}+}\r\n`, letter]),
    STATUS: await several(() => ['STATUS INBOX (MESSAGES UNSEEN)']),
  };
  wire.close();
  return { ...figures, 'store MiB': ownMemoryKiB(programs.filter(({ name }) => name === 'store')) / 1024 };
}
