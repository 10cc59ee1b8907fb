import { connectImap, type ImapDialogue } from '../support/imap-dialogue.ts';
import type { TestStack } from '../support/stack.ts';

/** What IMAP shows of one INBOX. */
export interface InboxSeen {
  readonly address: string;
  readonly exists: number;
  readonly uidNext: number;
  /** In the order in which they came. */
  readonly messages: readonly { readonly uid: number; readonly bytes: Buffer }[];
}

const PAGE = 100;

/** Reads a whole INBOX by IMAP, without marking anything seen. */
export async function readInbox(
  stack: { readonly endpoints: Pick<TestStack['endpoints'], 'imap'> },
  account: { readonly address: string; readonly password: string },
): Promise<InboxSeen> {
  const { host, port } = stack.endpoints.imap;
  const imap = await connectImap(port, { host });
  try {
    expectOk(await imap.command(`LOGIN ${account.address} ${account.password}`));
    const selected = expectOk(await imap.command('EXAMINE INBOX'));
    const exists = Number(/^\* (\d+) EXISTS/m.exec(selected)?.[1]);
    const uidNext = Number(/\[UIDNEXT (\d+)\]/.exec(selected)?.[1]);
    const messages: { uid: number; bytes: Buffer }[] = [];
    for (let first = 1; first <= exists; first += PAGE) {
      messages.push(...(await fetchPage(imap, first, Math.min(exists, first + PAGE - 1))));
    }
    await imap.command('LOGOUT');
    return { address: account.address, exists, uidNext, messages };
  } finally {
    imap.close();
  }
}

async function fetchPage(imap: ImapDialogue, first: number, last: number): Promise<{ uid: number; bytes: Buffer }[]> {
  imap.send(`page FETCH ${first}:${last} (UID BODY.PEEK[])\r\n`);
  const text = await imap.until(/^page (?:OK|NO|BAD).*\r\n/m);
  const messages: { uid: number; bytes: Buffer }[] = [];
  const head = /\* \d+ FETCH \(UID (\d+) BODY\[\] \{(\d+)\}\r\n/y;
  let at = 0;
  for (;;) {
    head.lastIndex = at;
    const match = head.exec(text);
    if (match === null) break;
    const start = at + match[0].length;
    const end = start + Number(match[2]);
    messages.push({ uid: Number(match[1]), bytes: Buffer.from(text.slice(start, end), 'latin1') });
    if (text.slice(end, end + 3) !== ')\r\n') throw new Error(`not the end of a FETCH: ${text.slice(end, end + 80)}`);
    at = end + 3;
  }
  expectOk(text.slice(at));
  return messages;
}

function expectOk(response: string): string {
  if (!/^(?:TAG|page) OK/m.test(response)) throw new Error(`IMAP refused: ${response.slice(-500)}`);
  return response;
}
