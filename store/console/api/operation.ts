import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { note } from '../../administration/acting.ts';
import { findAccount } from '../../administration/find.ts';
import { domainOf } from '../../administration/names.ts';
import { done, type Outcome, refuse } from '../../administration/outcome.ts';
import { type Call, type Route, route } from '../route.ts';
import { askRelay, forAdministrators } from './for-administrators.ts';

const anything = z.unknown();
const DAY_MS = 86_400_000;

export const operationRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/operation/queues',
    summary: 'The queues of hub and relay',
    action: 'session',
    answer: z.object({ hub: z.array(anything), counts: anything, relay: anything, relayWhy: z.string().optional() }),
    run: (call) =>
      forAdministrators(call, async () => {
        const { outgoing } = call.services.mailstore;
        const [hub, counts, relay] = await Promise.all([
          outgoing.list({ limit: 200 }),
          outgoing.counts(),
          askRelay(call, 'GET', '/queue'),
        ]);
        return done({
          hub,
          counts,
          ...(relay.kind === 'done' ? { relay: relay.value } : { relay: null, relayWhy: relay.why }),
        });
      }),
  }),
  route({
    method: 'POST',
    path: '/api/operation/queues/hub/{id}/{action}',
    summary: 'hold, release, retry or cancel a message of the hub’s queue',
    action: 'session',
    answer: z.object({ result: z.string() }),
    run: (call) =>
      forAdministrators(call, async () => {
        const action = z.enum(['hold', 'release', 'retry', 'cancel']).safeParse(call.params.action);
        if (!action.success) return refuse('not-found', 'There is no such action');
        const result = await call.services.mailstore.outgoing.administer(call.params.id ?? '', action.data);
        await note(call.services, call.acting, {
          action: `hub-${action.data}`,
          domain: '',
          target: call.params.id ?? '',
        });
        return result === 'done' ? done({ result }) : refuse('state', result);
      }),
  }),
  route({
    method: 'POST',
    path: '/api/operation/queues/relay/{id}/{action}',
    summary: 'hold, release, retry or delete a message of the relay’s queue',
    action: 'session',
    answer: anything,
    run: (call) =>
      forAdministrators(call, async () => {
        const { id = '', action = '' } = call.params;
        if (!/^[0-9a-f]{32}$/.test(id) || !/^[a-z]{1,20}$/.test(action))
          return refuse('not-found', 'There is no such message');
        await note(call.services, call.acting, { action: `relay-${action}`.slice(0, 32), domain: '', target: id });
        return action === 'delete'
          ? askRelay(call, 'DELETE', `/queue/${id}`)
          : askRelay(call, 'POST', `/queue/${id}/${action}`);
      }),
  }),
  route({
    method: 'GET',
    path: '/api/operation/store',
    summary: 'What the store holds, and when certificates end',
    action: 'session',
    answer: z.object({
      accounts: z.number(),
      messages: z.number(),
      bytes: z.number(),
      largest: z.array(z.object({ address: z.string(), messages: z.number(), bytes: z.number() })),
      certificates: z.array(
        z.object({ file: z.string(), subject: z.string(), endsAt: z.string(), daysLeft: z.number() }),
      ),
      database: z.string(),
      directory: z.string(),
    }),
    run: (call) =>
      forAdministrators(call, async () => {
        const { mailstore, certificates, signInDirectory } = call.services;
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
      }),
  }),
  route({
    method: 'GET',
    path: '/api/accounts/{address}/deleted-mail',
    summary: 'Mail and mailboxes of an account that can still come back',
    action: 'session',
    answer: z.object({ mailboxes: z.array(anything), messages: z.array(anything) }),
    run: (call) =>
      withMail(call, async (accountId) => {
        const { maintenance } = call.services.mailstore;
        const [mailboxes, messages] = await Promise.all([
          maintenance.deletedMailboxes(accountId),
          maintenance.deletedMessages(accountId, { limit: 200 }),
        ]);
        // Envelopes are content: who administers an account does not read its mail.
        const told = messages.map(({ mailboxId, mailbox, uid, expungedAt, sizeBytes }) => ({
          mailboxId,
          mailbox,
          uid,
          expungedAt,
          sizeBytes,
        }));
        return done({ mailboxes, messages: told });
      }),
  }),
  route({
    method: 'POST',
    path: '/api/accounts/{address}/undelete',
    summary: 'Bring deleted mail back',
    action: 'session',
    body: z.strictObject({
      mailboxId: z.number().int().optional(),
      messages: z
        .array(z.strictObject({ mailboxId: z.number().int(), uid: z.number().int() }))
        .max(10_000)
        .default([]),
    }),
    answer: z.object({ messages: z.number(), mailbox: z.string().optional() }),
    run: (call) =>
      withMail(call, async (accountId, target) => {
        const { maintenance } = call.services.mailstore;
        const { mailboxId, messages } = call.body;
        const mailbox = mailboxId === undefined ? undefined : await maintenance.restoreMailbox(accountId, mailboxId);
        if (mailbox !== undefined && mailbox.kind !== 'restored') return refuse('state', mailbox.kind);
        const restored = await maintenance.restoreMessages(accountId, messages);
        await note(call.services, call.acting, { action: 'mail-undeleted', domain: domainOf(target), target });
        return done({ messages: restored.length, mailbox: mailbox?.mailbox.name });
      }),
  }),
];

/** For who may change the account, which the directory is asked by a change of nothing; and for its owner. */
async function withMail<T>(
  call: Pick<Call, 'services' | 'acting' | 'session' | 'params'>,
  run: (accountId: number, address: string) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  const found = await findAccount(call.services, call.acting, call.params.address ?? '');
  if (found.kind !== 'done') return found;
  const { dn, active, address, uuid } = found.value;
  if (call.session?.account.address !== address) {
    const same = [{ operation: 'replace', attribute: 'accountActive', values: [active ? 'TRUE' : 'FALSE'] }] as const;
    const { code } = await call.acting.person.change(dn, same);
    if (code !== 0) return refuse('forbidden', 'The directory does not allow this to you');
  }
  const stored = await call.services.mailstore.accounts.find(address);
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
