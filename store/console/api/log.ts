import { z } from 'zod';
import { done } from '../../administration/outcome.ts';
import { rolesOf } from '../../administration/roles.ts';
import { type Route, route } from '../route.ts';
import { difference } from './shapes.ts';

export const logRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/log',
    summary: 'Who changed what, from, to, when; of the domains that you administer',
    action: 'read',
    query: z.object({
      beforeId: z.coerce.number().int().optional(),
      target: z.string().max(320).optional(),
      size: z.coerce.number().int().min(1).max(200).default(50),
    }),
    answer: z.array(
      z.object({
        id: z.number(),
        atMs: z.number(),
        actor: z.string(),
        via: z.string(),
        client: z.string(),
        action: z.string(),
        domain: z.string(),
        target: z.string(),
        differences: z.array(difference),
      }),
    ),
    async run({ services, acting, domains: tokenDomains, query }) {
      const roles = await rolesOf(services, acting);
      const domains = tokenDomains ?? (roles.administrator ? undefined : roles.domains);
      const { beforeId, target, size: limit } = query;
      return done(await services.mailstore.administration.readLog({ domains, beforeId, target, limit }));
    },
  }),
];
