import { z } from 'zod';
import { markDeleted, purge, undoDeletion } from '../../administration/deletion.ts';
import {
  changeDomain,
  changePostmasters,
  createDomain,
  listDomains,
  postmastersOf,
} from '../../administration/domains.ts';
import { findDomain } from '../../administration/find.ts';
import { done } from '../../administration/outcome.ts';
import { type Route, route } from '../route.ts';
import { checkDns } from './dns-records.ts';
import { domain, domainName, domainSettings, listQuery, nothing, pageOf, purged } from './shapes.ts';

const one = '/api/domains/{domain}';
const name = (params: Readonly<Record<string, string>>): string => params.domain ?? '';

export const domainRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/domains',
    summary: 'Domains that you may see',
    action: 'read',
    query: listQuery.omit({ domain: true }),
    answer: pageOf(domain),
    run: ({ services, acting, query }) => listDomains(services, acting, query),
  }),
  route({
    method: 'POST',
    path: '/api/domains',
    summary: 'Make a domain, with postmaster@ and abuse@',
    action: 'session',
    body: domainSettings.extend({ name: domainName, postmaster: z.string().max(320) }),
    answer: domain,
    run: ({ services, acting, body }) => createDomain(services, acting, body),
  }),
  route({
    method: 'GET',
    path: one,
    summary: 'A domain and who administers it',
    action: 'read',
    answer: domain.extend({ postmasters: z.array(z.string()) }),
    async run({ services, acting, params }) {
      const found = await findDomain(services, acting, name(params));
      if (found.kind !== 'done') return found;
      return done({ ...found.value, postmasters: await postmastersOf(services, acting, found.value.name) });
    },
  }),
  route({
    method: 'PATCH',
    path: one,
    summary: 'Change a domain: suspend it, what its postmasters may do, limits',
    action: 'domain',
    body: domainSettings,
    answer: domain,
    run: ({ services, acting, params, body }) => changeDomain(services, acting, name(params), body),
  }),
  route({
    method: 'GET',
    path: `${one}/dns`,
    summary: 'DNS records that the domain needs, and what the DNS says now',
    action: 'read',
    answer: z.array(
      z.object({
        type: z.string(),
        name: z.string(),
        value: z.string(),
        found: z.array(z.string()),
        state: z.enum(['right', 'other', 'missing', 'unknown']),
      }),
    ),
    async run({ services, acting, params }) {
      const found = await findDomain(services, acting, name(params));
      return found.kind === 'done' ? done(await checkDns(found.value.name, services.settings.mailHosts)) : found;
    },
  }),
  route({
    method: 'POST',
    path: `${one}/postmasters`,
    summary: 'Name a postmaster, or take one away',
    action: 'session',
    body: z.strictObject({ operation: z.enum(['add', 'delete']), address: z.string().max(1000) }),
    answer: z.array(z.string()),
    run: ({ services, acting, params, body }) => changePostmasters(services, acting, name(params), body),
  }),
  route({
    method: 'DELETE',
    path: one,
    summary: 'Mark a domain for deletion: refused at once, can be undone',
    action: 'session',
    answer: z.object({ purgeAfterMs: z.number() }),
    run: ({ services, acting, params }) => markDeleted(services, acting, 'domain', name(params)),
  }),
  route({
    method: 'POST',
    path: `${one}/restore`,
    summary: 'Undo a deletion',
    action: 'session',
    answer: nothing,
    run: ({ services, acting, params }) => undoDeletion(services, acting, 'domain', name(params)),
  }),
  route({
    method: 'POST',
    path: `${one}/purge`,
    summary: 'Remove a domain that is marked, its accounts and their mail, for good',
    action: 'session',
    body: z.strictObject({ evenWithinGrace: z.boolean().default(false) }),
    answer: purged,
    run: ({ services, acting, params, body }) => purge(services, acting, 'domain', name(params), body),
  }),
];
