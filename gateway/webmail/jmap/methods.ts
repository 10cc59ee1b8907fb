import { CORE } from './capabilities.ts';
import { EMAIL_METHODS } from './email.ts';
import { EMAIL_PARSE_METHODS } from './email-parse.ts';
import { EMAIL_QUERY_METHODS } from './email-query.ts';
import { EMAIL_SET_METHODS } from './email-set.ts';
import { IDENTITY_METHODS } from './identity.ts';
import { MAILBOX_METHODS } from './mailbox.ts';
import type { Method } from './method.ts';
import { PUSH_SUBSCRIPTION_METHODS } from './push-subscription.ts';
import { QUOTA_METHODS } from './quota.ts';
import { SETTINGS_METHODS } from './settings.ts';
import { SUBMISSION_METHODS } from './submission.ts';
import { VACATION_METHODS } from './vacation.ts';

/** RFC 8620 §4. */
const echo: Method = { name: 'Core/echo', capability: CORE, call: async (args) => args };

/** Every method of the API by its name. */
export const METHODS: ReadonlyMap<string, Method> = new Map(
  [
    echo,
    ...MAILBOX_METHODS,
    ...EMAIL_METHODS,
    ...EMAIL_QUERY_METHODS,
    ...EMAIL_SET_METHODS,
    ...EMAIL_PARSE_METHODS,
    ...IDENTITY_METHODS,
    ...SUBMISSION_METHODS,
    ...VACATION_METHODS,
    ...QUOTA_METHODS,
    ...PUSH_SUBSCRIPTION_METHODS,
    ...SETTINGS_METHODS,
  ].map((method) => [method.name, method]),
);
