import { ImapFlow, type ListResponse } from 'imapflow';
import { type FlagSet, systemFlagBit } from '../mailstore/flags.ts';
import type { SpecialUse } from '../mailstore/mailstore.ts';
import {
  type MailSource,
  SourceFault,
  type SourceMailbox,
  type SourceMessage,
  type SourceScript,
  validKeywords,
} from './source.ts';

export interface ImapServer {
  readonly host: string;
  readonly port: number;
  /** From the first octet, by STARTTLS, or not at all. */
  readonly tls: 'implicit' | 'starttls' | 'none';
  readonly user: string;
  readonly password: string;
  /** Whose mail it is, where `user` may sign in for others (the authorization identity of SASL PLAIN, RFC 4616). */
  readonly onBehalfOf?: string | undefined;
  /** PEM of the CA that the server's certificate is of; default: those that the machine trusts. */
  readonly ca?: string | undefined;
}

/** Messages of one FETCH of flags and dates. */
const LISTED_AT_ONCE = 1_000;
const LISTED = { uid: true, flags: true, internalDate: true, size: true };
/** Uses that a mailbox of ours can have; \All is one of the server's own, \Flagged a search. */
const SPECIAL_USES: ReadonlySet<string> = new Set(['\\Drafts', '\\Sent', '\\Junk', '\\Trash', '\\Archive']);

type Listed = SourceMessage & { readonly uid: number };

/**
 * An old server, read by IMAP: nothing there is changed, not even \Seen (EXAMINE, BODY.PEEK).
 *
 * @param scripts where the Sieve scripts come from
 */
export async function openImap(server: ImapServer, scripts: () => Promise<SourceScript[]>): Promise<MailSource> {
  const client = new ImapFlow({
    host: server.host,
    port: server.port,
    secure: server.tls === 'implicit',
    doSTARTTLS: server.tls === 'starttls',
    auth: {
      user: server.user,
      pass: server.password,
      ...(server.onBehalfOf === undefined ? {} : { authzid: server.onBehalfOf }),
    },
    ...(server.ca === undefined ? {} : { tls: { ca: server.ca } }),
    logger: false,
  });
  // Told by the command that meets it.
  client.on('error', () => {});
  const where = `${server.host}:${server.port}`;
  const asked = <T>(work: () => Promise<T>): Promise<T> => work().catch((fault: unknown) => told(where, fault));
  const own = await asked(async () => {
    await client.connect();
    return ownMailboxes(client, await client.list());
  }).catch((fault: unknown) => {
    client.close();
    throw fault;
  });
  return {
    name: `imap:${server.onBehalfOf ?? server.user}@${where}`,
    mailboxes: () =>
      asked(async () => {
        const mailboxes: SourceMailbox[] = [];
        for (const entry of own) if (isSelectable(entry)) mailboxes.push(await mailboxOf(client, entry, where));
        return mailboxes;
      }),
    subscriptions: async () => own.filter(({ subscribed }) => subscribed).map((entry) => nameOf(client, entry)),
    scripts,
    close: () => client.logout().catch(() => {}),
  };
}

/** A sentence of an error that imapflow throws: a refused sign-in has its reason in a field of its own. */
function told(where: string, fault: unknown): never {
  if (fault instanceof SourceFault) throw fault;
  const { message, responseText } = fault as { message?: string; responseText?: string };
  throw new SourceFault(`${where}: ${responseText ?? message ?? String(fault)}`, { cause: fault });
}

/** Those of others and shared ones (RFC 2342) belong to other accounts. */
function ownMailboxes(client: ImapFlow, list: readonly ListResponse[]): ListResponse[] {
  const { namespaces } = client as unknown as {
    namespaces?: Record<'other' | 'shared', readonly { readonly prefix: string }[] | false | undefined>;
  };
  const foreign = [...(namespaces?.other || []), ...(namespaces?.shared || [])].map(({ prefix }) => prefix);
  const prefix = client.namespace?.prefix ?? '';
  const isForeign = (path: string): boolean => {
    if (/^inbox$/i.test(path) || (prefix !== '' && path.startsWith(prefix))) return false;
    // A prefix of its own, or none: then all that is not below that of the owner.
    return foreign.some((each) => (each === '' ? prefix !== '' : `${path}${each.at(-1)}`.startsWith(each)));
  };
  return list.filter(({ path }) => !isForeign(path));
}

function isSelectable({ flags, specialUse }: ListResponse): boolean {
  return (
    !flags.has('\\Noselect') && !flags.has('\\NonExistent') && specialUse !== '\\All' && specialUse !== '\\Flagged'
  );
}

/** `INBOX.Work` of servers that keep all below INBOX (their personal namespace) is `Work`. */
function nameOf(client: ImapFlow, { path, delimiter }: ListResponse): string {
  const prefix = client.namespace?.prefix ?? '';
  const own =
    prefix !== '' && path.startsWith(prefix) && path.length > prefix.length ? path.slice(prefix.length) : path;
  const levels = delimiter === '' ? [own] : own.split(delimiter);
  return levels.map((level) => level.replaceAll('/', '_')).join('/');
}

async function mailboxOf(client: ImapFlow, entry: ListResponse, where: string): Promise<SourceMailbox> {
  const status = await client.status(entry.path, {
    messages: true,
    uidNext: true,
    uidValidity: true,
    ...(client.capabilities.has('CONDSTORE') ? { highestModseq: true } : {}),
  });
  if (!status) throw new SourceFault(`${where} does not tell the state of ${entry.path}`);
  const { messages, uidNext, uidValidity, highestModseq } = status;
  // Without CONDSTORE only a look at all flags tells whether one has changed.
  const state = highestModseq === undefined ? undefined : [uidValidity, uidNext, highestModseq, messages].join('/');
  const name = nameOf(client, entry);
  return {
    name,
    specialUse: SPECIAL_USES.has(entry.specialUse ?? '') ? (entry.specialUse as SpecialUse) : undefined,
    messages,
    state,
    read: () => readMailbox(client, entry.path, name, where),
    bodies: (listed) => readBodies(client, listed as readonly Listed[]).catch((fault: unknown) => told(where, fault)),
  };
}

async function* readMailbox(client: ImapFlow, path: string, name: string, where: string): AsyncIterable<Listed> {
  const lock = await client.getMailboxLock(path, { readOnly: true }).catch((fault: unknown) => told(where, fault));
  try {
    const mailbox = client.mailbox;
    if (mailbox === false) throw new SourceFault(`${where}: ${path} cannot be opened`);
    const { uidValidity } = mailbox;
    // By UID: numbers shift when somebody expunges meanwhile.
    const uids = await client.search({ all: true }, { uid: true }).catch((fault: unknown) => told(where, fault));
    if (uids === false || uids === undefined) throw new SourceFault(`${where} does not list the messages of ${path}`);
    for (let from = 0; from < uids.length; from += LISTED_AT_ONCE) {
      // All of the answer first: a body cannot be asked for while it comes.
      const listed = await client
        .fetchAll(uids.slice(from, from + LISTED_AT_ONCE).join(','), LISTED, { uid: true })
        .catch((fault: unknown) => told(where, fault));
      for (const { uid, flags, internalDate, size } of listed.sort((x, y) => x.uid - y.uid)) {
        yield {
          item: `${name}/${uidValidity}/${uid}`,
          uid,
          flags: flagsOf(flags ?? new Set()),
          internalDate: new Date(internalDate ?? 0),
          sizeBytes: size ?? 0,
        };
      }
    }
  } finally {
    lock.release();
  }
}

async function readBodies(client: ImapFlow, listed: readonly Listed[]): Promise<(Buffer | 'gone')[]> {
  const uids = listed.map(({ uid }) => uid).join(',');
  const fetched = await client.fetchAll(uids, { uid: true, source: true }, { uid: true });
  const bodies = new Map(fetched.map(({ uid, source }) => [uid, source]));
  return listed.map(({ uid }) => bodies.get(uid) ?? 'gone');
}

/** \Recent belongs to a session (RFC 3501 §2.3.2); what else begins with a backslash is unknown here. */
function flagsOf(flags: ReadonlySet<string>): FlagSet {
  let system = 0;
  const keywords: string[] = [];
  for (const flag of flags) {
    if (flag.startsWith('\\')) system |= systemFlagBit(flag);
    else keywords.push(flag);
  }
  return { system, keywords: validKeywords(keywords) };
}
