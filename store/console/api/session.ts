import { z } from 'zod';
import { done } from '../../administration/outcome.ts';
import { rolesOf } from '../../administration/roles.ts';
import { ACTIONS } from '../../administration/tokens.ts';
import { type Route, route } from '../route.ts';

/** Sign-in and sign-out stand in server.ts: they come before there is a session. */
export const sessionRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/session',
    summary: 'Who is signed in, and what they administer',
    action: 'session',
    answer: z.object({
      address: z.string(),
      name: z.string(),
      administrator: z.boolean(),
      domains: z.array(z.string()),
      services: z.array(z.string()),
      actions: z.array(z.enum(ACTIONS)),
      relay: z.boolean(),
    }),
    async run({ services, acting, session }) {
      const roles = await rolesOf(services, acting);
      return done({
        address: session?.account.address ?? '',
        name: session?.entry.displayName ?? '',
        ...roles,
        services: services.directory.defaultServices,
        actions: [...ACTIONS],
        relay: services.relay !== undefined,
      });
    },
  }),
];
