import { CORE } from './capabilities.ts';
import { EMAIL_METHODS } from './email.ts';
import { EMAIL_QUERY_METHODS } from './email-query.ts';
import { MAILBOX_METHODS } from './mailbox.ts';
import type { Method } from './method.ts';

/** RFC 8620 §4. */
const echo: Method = { name: 'Core/echo', capability: CORE, call: async (args) => args };

/** Every method of the API by its name. */
export const METHODS: ReadonlyMap<string, Method> = new Map(
  [echo, ...MAILBOX_METHODS, ...EMAIL_METHODS, ...EMAIL_QUERY_METHODS].map((method) => [method.name, method]),
);
