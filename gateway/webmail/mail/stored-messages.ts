import { imap, joined, piece, type Syntax, uidSet } from '../imap/codec/command.ts';
import type { RawResponse } from '../imap/codec/response-reader.ts';
import {
  bufferOf,
  type ImapValue,
  listOf,
  octetsOf,
  pairsOf,
  readValues,
  textOf,
} from '../imap/codec/response-values.ts';
import type { PooledConnection } from '../imap/connection-pool.ts';
import type { IndexedEmail, IndexedMailbox } from './account-index.ts';
import type { AccountSession } from './account-session.ts';
import { leavesOf, partsOfBodyStructure } from './body-part.ts';
import { readFields } from './header-forms.ts';
import type { MessageSource } from './message-source.ts';

export interface Wanted {
  readonly fields: 'all' | readonly string[];
  readonly structure: boolean;
  readonly preview: boolean;
}

/** Parts of a message asked for in one FETCH. */
const PARTS_BATCH = 50;
/** Messages asked for in one FETCH: the command stays short. */
const FETCH_BATCH = 500;

/** Reads what is wanted of these emails; of those that are gone meanwhile, nothing. */
export async function readStored(
  session: AccountSession,
  emails: readonly IndexedEmail[],
  wanted: Wanted,
): Promise<Map<string, MessageSource>> {
  const sources = new Map<string, MessageSource>();
  const items = itemsOf(wanted);
  if (items === undefined) {
    for (const email of emails) sources.set(email.id, sourceOf(session, email, new Map()));
    return sources;
  }
  await session.read(async (pooled) => {
    for (const [mailbox, inMailbox] of byMailbox(emails)) {
      if (!(await pooled.select(mailbox.listed.name))) continue;
      for (let i = 0; i < inMailbox.length; i += FETCH_BATCH) {
        const batch = new Map(inMailbox.slice(i, i + FETCH_BATCH));
        await fetchRows(pooled, [...batch.keys()], items, (uid, row) => {
          const email = batch.get(uid);
          if (email !== undefined) sources.set(email.id, sourceOf(session, email, row));
        });
      }
    }
  });
  return sources;
}

function itemsOf({ fields, structure, preview }: Wanted): Syntax | undefined {
  const items: Syntax[] = [];
  if (structure) items.push(piece`BODYSTRUCTURE`);
  if (preview) items.push(piece`PREVIEW`);
  if (fields === 'all') items.push(piece`BODY.PEEK[HEADER]`);
  else if (fields.length > 0) items.push(piece`BODY.PEEK[HEADER.FIELDS (${joined([...fields])})]`);
  return items.length === 0 ? undefined : piece`(UID ${joined(items)})`;
}

/** One copy of each email, by mailbox: `[uid, email]`. */
export function byMailbox(emails: readonly IndexedEmail[]): Map<IndexedMailbox, [number, IndexedEmail][]> {
  const groups = new Map<IndexedMailbox, [number, IndexedEmail][]>();
  for (const email of emails) {
    for (const [mailbox, { uid }] of email.copies) {
      const group = groups.get(mailbox);
      if (group === undefined) groups.set(mailbox, [[uid, email]]);
      else group.push([uid, email]);
      break;
    }
  }
  return groups;
}

type Row = ReadonlyMap<string, ImapValue>;

async function fetchRows(
  { connection }: PooledConnection,
  uids: readonly number[],
  items: Syntax,
  take: (uid: number, row: Row) => void,
): Promise<void> {
  await connection.must(imap`UID FETCH ${uidSet(uids)} ${items}`, (response: RawResponse) => {
    if (!/^\* \d+ FETCH /i.test(response.lines[0] ?? '')) return;
    const row = pairsOf(listOf(readValues(response, 0)[3]));
    // Flags that somebody changes meanwhile are told in rows of their own.
    if (row.size > 1) take(Number(octetsOf(row.get('UID'))), row);
  });
}

function sourceOf(session: AccountSession, email: IndexedEmail, row: Row): MessageSource {
  const structure = row.get('BODYSTRUCTURE');
  const header = [...row].find(([name]) => name.startsWith('BODY[HEADER'))?.[1];
  const one = async (items: Syntax): Promise<Row> => {
    let found: Row = new Map();
    await withCopy(session, email, async (pooled, uid) => {
      await fetchRows(pooled, [uid], items, (_uid, each) => {
        found = each;
      });
    });
    return found;
  };
  const inPortions = async (
    sections: readonly string[],
    item: (section: string) => Syntax,
  ): Promise<Map<string, Buffer>> => {
    const found = new Map<string, Buffer>();
    for (let i = 0; i < sections.length; i += PARTS_BATCH) {
      const row = await one(piece`(UID ${joined(sections.slice(i, i + PARTS_BATCH).map(item))})`);
      for (const [name, value] of row) {
        const section = /^BODY\[([\d.]*?)(?:\.MIME)?\]/i.exec(name)?.[1];
        if (section !== undefined) found.set(section, bufferOf(value) ?? Buffer.alloc(0));
      }
    }
    return found;
  };
  return {
    blobId: email.id,
    structure: structure === undefined ? undefined : partsOfBodyStructure(structure),
    fields: header === undefined ? [] : readFields(bufferOf(header) ?? Buffer.alloc(0)),
    preview: row.has('PREVIEW') ? (textOf(row.get('PREVIEW')) ?? '') : undefined,
    read: (sections, maxBytes) =>
      inPortions(sections, (section) => piece`BODY.PEEK[${sectionOf(section)}]<0.${maxBytes}>`),
    async decodedSizes(parts) {
      const leaves = parts.flatMap(leavesOf);
      const sizes = new Map<string, number>();
      const encoded = leaves.filter(({ encoding, section, encodedBytes }) => {
        const plain = !['base64', 'quoted-printable'].includes(encoding);
        if (plain) sizes.set(section ?? '', encodedBytes);
        return !plain;
      });
      if (encoded.length === 0) return sizes;
      const asked = encoded.map(({ section = '' }) => piece`BINARY.SIZE[${sectionOf(section)}]`);
      const found = await one(piece`(UID ${joined(asked)})`);
      for (const { section = '' } of encoded) {
        sizes.set(section, Number(octetsOf(found.get(`BINARY.SIZE[${section}]`)) ?? 0));
      }
      return sizes;
    },
    async partFields(sections) {
      const found = await inPortions(sections, (section) => piece`BODY.PEEK[${sectionOf(section)}.MIME]`);
      return new Map([...found].map(([section, octets]) => [section, readFields(octets)]));
    },
  };
}

/** `1.2`, or nothing for the whole message. */
export function sectionOf(section: string): Syntax {
  const numbers = section === '' ? [] : section.split('.').map(Number);
  return joined(numbers, '.');
}

/** Runs `work` with the mailbox of one copy selected. */
export async function withCopy(
  session: AccountSession,
  email: IndexedEmail,
  work: (pooled: PooledConnection, uid: number) => Promise<void>,
): Promise<void> {
  await session.read(async (pooled) => {
    for (const [mailbox, { uid }] of email.copies) {
      if (await pooled.select(mailbox.listed.name)) return work(pooled, uid);
    }
  });
}

/** A slice of a message or part as it lies there, before decoding. Empty behind the end. */
export async function readSlice(
  session: AccountSession,
  email: IndexedEmail,
  section: string,
  from: number,
  count: number,
): Promise<Buffer> {
  let slice: Buffer = Buffer.alloc(0);
  await withCopy(session, email, async (pooled, uid) => {
    const items = piece`(UID BODY.PEEK[${sectionOf(section)}]<${from}.${count}>)`;
    await fetchRows(pooled, [uid], items, (_uid, row) => {
      slice = bufferOf([...row].find(([name]) => name.startsWith('BODY['))?.[1]) ?? Buffer.alloc(0);
    });
  });
  return slice;
}
