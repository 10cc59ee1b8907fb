import { z } from 'zod';
import { changeAlias, createAlias, listAliases, removeAlias } from '../../administration/aliases.ts';
import { findAlias } from '../../administration/find.ts';
import { done } from '../../administration/outcome.ts';
import { referencesTo } from '../../administration/references.ts';
import { type Route, route } from '../route.ts';
import { address, alias, aliasSettings, listQuery, nothing, pageOf, references } from './shapes.ts';

const one = '/api/aliases/{address}';
const name = (params: Readonly<Record<string, string>>): string => params.address ?? '';

export const aliasRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/aliases',
    summary: 'Aliases that you may see',
    action: 'read',
    query: listQuery,
    answer: pageOf(alias),
    run: ({ services, acting, query }) => listAliases(services, acting, query),
  }),
  route({
    method: 'POST',
    path: '/api/aliases',
    summary: 'Make an alias; @domain is the catch-all',
    action: 'aliases',
    body: aliasSettings.extend({ address, targets: z.array(z.string().max(320)).min(1).max(1000) }),
    answer: alias,
    run: ({ services, acting, body }) => createAlias(services, acting, body),
  }),
  route({
    method: 'GET',
    path: one,
    summary: 'An alias, and who else names it',
    action: 'read',
    answer: alias.extend({ references }),
    async run({ services, acting, params }) {
      const found = await findAlias(services, acting, name(params));
      if (found.kind !== 'done') return found;
      return done({ ...found.value, references: await referencesTo(services, acting, found.value.address) });
    },
  }),
  route({
    method: 'PATCH',
    path: one,
    summary: 'Change an alias',
    action: 'aliases',
    body: aliasSettings,
    answer: alias,
    run: ({ services, acting, params, body }) => changeAlias(services, acting, name(params), body),
  }),
  route({
    method: 'DELETE',
    path: one,
    summary: 'Remove an alias; its targets stand in the log',
    action: 'aliases',
    answer: nothing,
    run: ({ services, acting, params }) => removeAlias(services, acting, name(params)),
  }),
];
