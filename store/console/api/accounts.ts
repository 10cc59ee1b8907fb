import { z } from 'zod';
import { changeAccount, createAccount, listAccounts, setAccountPassword } from '../../administration/accounts.ts';
import { markDeleted, purge, undoDeletion } from '../../administration/deletion.ts';
import { findAccount } from '../../administration/find.ts';
import { done } from '../../administration/outcome.ts';
import { referencesTo } from '../../administration/references.ts';
import { type Route, route } from '../route.ts';
import { account, accountSettings, address, listQuery, nothing, pageOf, purged, references } from './shapes.ts';

const one = '/api/accounts/{address}';
const name = (params: Readonly<Record<string, string>>): string => params.address ?? '';

export const accountRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/accounts',
    summary: 'Accounts that you may see',
    action: 'read',
    query: listQuery,
    answer: pageOf(account),
    run: ({ services, acting, query }) => listAccounts(services, acting, query),
  }),
  route({
    method: 'POST',
    path: '/api/accounts',
    summary: 'Make an account; without a password one is generated and told once',
    action: 'accounts',
    body: accountSettings.extend({
      address,
      password: z.string().max(256).optional(),
      welcome: z.enum(['en', 'de', 'fr']).optional(),
    }),
    answer: z.object({ account, password: z.string().optional() }),
    run: ({ services, acting, body }) => createAccount(services, acting, body),
  }),
  route({
    method: 'GET',
    path: one,
    summary: 'An account: what it holds, which aliases lead to it, whether it is to be purged',
    action: 'read',
    answer: account.extend({
      references,
      usage: z.object({ bytes: z.number(), messages: z.number() }),
      purgeAfterMs: z.number().optional(),
    }),
    async run({ services, acting, params }) {
      const found = await findAccount(services, acting, name(params));
      if (found.kind !== 'done') return found;
      const { mailstore } = services;
      const { value } = found;
      const stored = await mailstore.accounts.find(value.address);
      const [usage, names, deletion] = await Promise.all([
        // Mail of another entry that had this address is nobody's to be told of.
        stored?.uuid === value.uuid ? mailstore.accounts.usage(stored.id) : { bytes: 0, messages: 0 },
        referencesTo(services, acting, value.address, value.dn),
        value.deleted ? mailstore.administration.findDeletion(value.uuid) : undefined,
      ]);
      return done({ ...value, references: names, usage, purgeAfterMs: deletion?.purgeAfterMs });
    },
  }),
  route({
    method: 'PATCH',
    path: one,
    summary: 'Change an account: name, suspension, quota, services, forwards',
    action: 'accounts',
    body: accountSettings,
    answer: account,
    run: ({ services, acting, params, body }) => changeAccount(services, acting, name(params), body),
  }),
  route({
    method: 'POST',
    path: `${one}/password`,
    summary: 'Set a password, or generate one that is told once',
    action: 'passwords',
    body: z.strictObject({ password: z.string().max(256).optional() }),
    answer: z.object({ password: z.string().optional() }),
    async run({ services, acting, params, body }) {
      const outcome = await setAccountPassword(services, acting, name(params), body);
      const stored = await services.mailstore.accounts.find(name(params).toLowerCase());
      if (outcome.kind === 'done' && stored !== undefined) services.sessions.endOf(stored.id);
      return outcome;
    },
  }),
  route({
    method: 'DELETE',
    path: one,
    summary: 'Mark an account for deletion: refused at once, can be undone',
    action: 'delete',
    answer: z.object({ purgeAfterMs: z.number() }),
    run: ({ services, acting, params }) => markDeleted(services, acting, 'account', name(params)),
  }),
  route({
    method: 'POST',
    path: `${one}/restore`,
    summary: 'Undo a deletion',
    action: 'delete',
    answer: nothing,
    run: ({ services, acting, params }) => undoDeletion(services, acting, 'account', name(params)),
  }),
  route({
    method: 'POST',
    path: `${one}/purge`,
    summary: 'Remove an account that is marked, and its mail, for good',
    action: 'delete',
    body: z.strictObject({ evenWithinGrace: z.boolean().default(false) }),
    answer: purged,
    run: ({ services, acting, params, body }) => purge(services, acting, 'account', name(params), body),
  }),
];
