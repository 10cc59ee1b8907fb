import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Directory } from '@postern/shared/directory/directory.ts';
import type { Acting, AdministrationParts } from './acting.ts';
import { findAccount } from './find.ts';
import { askRelay, forAdministrators, type RelayAdmin } from './for-administrators.ts';
import { done, type Outcome, refuse } from './outcome.ts';

const DAY_MS = 86_400_000;
/** Most messages that are told at a time. */
const MOST = 200;

/** What looks at the running system work on, beside the rest. */
export interface OperationParts extends AdministrationParts {
  readonly relay: RelayAdmin | undefined;
  /** PEM files whose end is watched. */
  readonly certificates: readonly string[];
  readonly signInDirectory: Pick<Directory, 'check'>;
}

/** The queues of hub and relay; a relay that does not answer leaves those of the hub. */
export const queuesOf = (services: OperationParts, acting: Acting) =>
  forAdministrators({ services, acting }, async () => {
    const { outgoing } = services.mailstore;
    const [hub, counts, relay] = await Promise.all([
      outgoing.list({ limit: MOST }),
      outgoing.counts(),
      askRelay({ services }, 'GET', '/queue'),
    ]);
    return done({
      hub,
      counts,
      ...(relay.kind === 'done' ? { relay: relay.value } : { relay: null, relayWhy: relay.why }),
    });
  });

/** What the store holds, and when certificates end. */
export const storeUsage = (services: OperationParts, acting: Acting) =>
  forAdministrators({ services, acting }, async () => {
    const { mailstore, certificates, signInDirectory } = services;
    const [accounts, database, directory] = await Promise.all([
      mailstore.maintenance.accounts(),
      mailstore.check(),
      signInDirectory.check(),
    ]);
    const largest = accounts
      .toSorted((a, b) => b.bytes - a.bytes)
      .slice(0, 10)
      .map(({ address, messages, bytes }) => ({ address, messages, bytes }));
    const sum = (key: 'messages' | 'bytes'): number => accounts.reduce((total, account) => total + account[key], 0);
    return done({
      accounts: accounts.length,
      messages: sum('messages'),
      bytes: sum('bytes'),
      largest,
      certificates: certificates.map(certificateOf),
      database: database.ok ? 'ok' : database.cause,
      directory: directory.ok ? 'ok' : directory.cause,
    });
  });

/** Mail and mailboxes of an account that can still come back. */
export const deletedMail = (services: AdministrationParts, acting: Acting, address: string) =>
  withMailOf(services, acting, address, async (accountId) => {
    const { maintenance } = services.mailstore;
    const [mailboxes, messages] = await Promise.all([
      maintenance.deletedMailboxes(accountId),
      maintenance.deletedMessages(accountId, { limit: MOST }),
    ]);
    // Envelopes are content: who administers an account does not read its mail.
    const told = messages.map(({ mailboxId, mailbox, uid, expungedAt, sizeBytes }) => ({
      ...{ mailboxId, mailbox, uid, expungedAt, sizeBytes },
    }));
    return done({ mailboxes, messages: told });
  });

/** For who may change the account, which the directory is asked by a change of nothing; and for its owner. */
export async function withMailOf<T>(
  services: AdministrationParts,
  acting: Acting,
  asked: string,
  run: (accountId: number, address: string) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  const found = await findAccount(services, acting, asked);
  if (found.kind !== 'done') return found;
  const { dn, active, address, uuid } = found.value;
  if (acting.name !== address) {
    const same = [{ operation: 'replace', attribute: 'accountActive', values: [active ? 'TRUE' : 'FALSE'] }] as const;
    const { code } = await acting.person.change(dn, same);
    if (code !== 0) return refuse('forbidden', 'The directory does not allow this to you');
  }
  const stored = await services.mailstore.accounts.find(address);
  return stored?.uuid === uuid ? run(stored.id, address) : refuse('not-found', 'The account has no mail yet');
}

function certificateOf(file: string) {
  const certificate = new X509Certificate(readFileSync(file));
  const ends = new Date(certificate.validTo);
  return {
    file,
    subject: certificate.subject.replaceAll('\n', ', '),
    endsAt: ends.toISOString(),
    daysLeft: Math.floor((ends.getTime() - Date.now()) / DAY_MS),
  };
}
