import { ImapFlow } from 'imapflow';

export interface SeenMessage {
  readonly flags: readonly string[];
  readonly internalDate: string;
  /** latin1 */
  readonly source: string;
}

/** Everything of an account as a mail program sees it, by mailbox; `uids` puts the UID before each message. */
export async function mailSeen(
  server: { readonly port: number; readonly user: string; readonly password: string },
  options: { readonly uids?: boolean } = {},
): Promise<Map<string, (SeenMessage & { uid?: number })[]>> {
  const client = new ImapFlow({
    host: '127.0.0.1',
    port: server.port,
    secure: false,
    doSTARTTLS: false,
    auth: { user: server.user, pass: server.password },
    logger: false,
  });
  await client.connect();
  try {
    const seen = new Map<string, (SeenMessage & { uid?: number })[]>();
    for (const { path, delimiter, flags, specialUse } of await client.list()) {
      if (flags.has('\\Noselect') || specialUse === '\\All' || path.startsWith('Other Users')) continue;
      // Below `INBOX.` at servers that keep all there.
      const prefix = client.namespace?.prefix ?? '';
      const own = path !== 'INBOX' && path.startsWith(prefix) ? path.slice(prefix.length) : path;
      const lock = await client.getMailboxLock(path, { readOnly: true });
      try {
        const exists = client.mailbox === false ? 0 : client.mailbox.exists;
        const wanted = { uid: true, flags: true, internalDate: true, source: true };
        const messages = exists === 0 ? [] : await client.fetchAll('1:*', wanted);
        if (messages.length === 0) continue;
        seen.set(
          own.split(delimiter).join('/'),
          messages.map((message) => ({
            ...(options.uids === true ? { uid: message.uid } : {}),
            flags: [...(message.flags ?? [])].filter((flag) => flag !== '\\Recent').sort(),
            internalDate: new Date(message.internalDate ?? 0).toISOString(),
            source: message.source?.toString('latin1') ?? '',
          })),
        );
      } finally {
        lock.release();
      }
    }
    return seen;
  } finally {
    await client.logout();
  }
}
