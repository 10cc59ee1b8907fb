import { z } from 'zod';
import { done, refuse } from '../../administration/outcome.ts';
import { rolesOf } from '../../administration/roles.ts';
import { ACTIONS, createToken, listTokens, removeToken } from '../../administration/tokens.ts';
import { type Call, type Route, route } from '../route.ts';
import { domainName, nothing } from './shapes.ts';

const visible = async ({ services, acting }: Pick<Call, 'services' | 'acting'>) => {
  const roles = await rolesOf(services, acting);
  return listTokens(services, roles.administrator ? 'all' : roles.domains);
};

export const tokenRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/tokens',
    summary: 'Tokens of the API for the domains that you administer',
    action: 'session',
    answer: z.array(
      z.object({
        id: z.string(),
        label: z.string(),
        domains: z.array(z.string()),
        actions: z.array(z.string()),
        createdBy: z.string(),
        createdAtMs: z.number(),
        expiresAtMs: z.number(),
        lastUsedAtMs: z.number().optional(),
      }),
    ),
    async run(call) {
      const tokens = await visible(call);
      return done(
        tokens.map(({ id, label, domains, actions, createdBy, createdAtMs, expiresAtMs, lastUsedAtMs }) => ({
          id,
          label,
          domains,
          actions,
          createdBy,
          createdAtMs,
          expiresAtMs,
          lastUsedAtMs,
        })),
      );
    },
  }),
  route({
    method: 'POST',
    path: '/api/tokens',
    summary: 'Make a token, limited to domains and actions; it is told once',
    action: 'session',
    body: z.strictObject({
      label: z.string().max(100),
      domains: z.array(domainName).min(1).max(100),
      actions: z.array(z.enum(ACTIONS)).min(1),
      lifetimeDays: z.number().int().min(1).max(3650).default(365),
    }),
    answer: z.object({ id: z.string(), token: z.string() }),
    run: ({ services, acting, body }) => createToken(services, acting, body),
  }),
  route({
    method: 'DELETE',
    path: '/api/tokens/{id}',
    summary: 'Remove a token; it opens nothing from then on',
    action: 'session',
    answer: nothing,
    async run(call) {
      const token = (await visible(call)).find(({ id }) => id === call.params.id);
      return token === undefined
        ? refuse('not-found', 'There is no such token')
        : removeToken(call.services, call.acting, token);
    },
  }),
];
