import { z } from 'zod';
import { note } from '../../administration/acting.ts';
import { askRelay, forAdministrators } from '../../administration/for-administrators.ts';
import { domainOf } from '../../administration/names.ts';
import { deletedMail, queuesOf, storeUsage, withMailOf } from '../../administration/operation.ts';
import { done, refuse } from '../../administration/outcome.ts';
import { type Route, route } from '../route.ts';

const anything = z.unknown();

export const operationRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/operation/queues',
    summary: 'The queues of hub and relay',
    action: 'session',
    answer: z.object({ hub: z.array(anything), counts: anything, relay: anything, relayWhy: z.string().optional() }),
    run: ({ services, acting }) => queuesOf(services, acting),
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
    run: ({ services, acting }) => storeUsage(services, acting),
  }),
  route({
    method: 'GET',
    path: '/api/accounts/{address}/deleted-mail',
    summary: 'Mail and mailboxes of an account that can still come back',
    action: 'session',
    answer: z.object({ mailboxes: z.array(anything), messages: z.array(anything) }),
    run: ({ services, acting, params }) => deletedMail(services, acting, params.address ?? ''),
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
    run: ({ services, acting, params, body }) =>
      withMailOf(services, acting, params.address ?? '', async (accountId, target) => {
        const { maintenance } = services.mailstore;
        const { mailboxId, messages } = body;
        const mailbox = mailboxId === undefined ? undefined : await maintenance.restoreMailbox(accountId, mailboxId);
        if (mailbox !== undefined && mailbox.kind !== 'restored') return refuse('state', mailbox.kind);
        const restored = await maintenance.restoreMessages(accountId, messages);
        await note(services, acting, { action: 'mail-undeleted', domain: domainOf(target), target });
        return done({ messages: restored.length, mailbox: mailbox?.mailbox.name });
      }),
  }),
];
