import { readVacation, type VacationSetting } from '@postern/shared/settings/vacation.ts';
import { z } from 'zod';
import { note } from '../../administration/acting.ts';
import { domainOf } from '../../administration/names.ts';
import { done, refuse } from '../../administration/outcome.ts';
import { type Route, route, sessionOf } from '../route.ts';

const vacation = z.object({
  enabled: z.boolean(),
  from: z.string().optional().meta({ description: 'First moment, ISO 8601 with a zone; missing: from now on' }),
  to: z.string().optional().meta({ description: 'Last moment; missing: until it is turned off' }),
  subject: z.string().optional(),
  text: z.string(),
  addresses: z.array(z.string()).meta({ description: 'Further addresses: mail to them is answered too' }),
  days: z.number().meta({ description: 'Until the same sender is answered again' }),
});

const NONE: VacationSetting = { enabled: false, text: '', addresses: [], days: 7 };

/** The same setting that webmail and Sieve know (docs/sieve.md). */
export const vacationRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/self/vacation',
    summary: 'What senders hear while you are away',
    action: 'session',
    answer: vacation,
    async run(call) {
      const kept = await call.services.mailstore.scripts.vacation(sessionOf(call).account.id);
      const read = kept === undefined ? NONE : readVacation(kept);
      return done(typeof read === 'string' ? NONE : read);
    },
  }),
  route({
    method: 'PUT',
    path: '/api/self/vacation',
    summary: 'Set what senders hear while you are away',
    action: 'session',
    body: vacation.partial().required({ enabled: true }),
    answer: vacation,
    async run(call) {
      const value = Buffer.from(JSON.stringify({ ...NONE, ...call.body }));
      const read = readVacation(value);
      if (typeof read === 'string')
        return refuse('invalid', 'An answer while away has a text, and moments and addresses that can be read', 'text');
      const { account } = sessionOf(call);
      await call.services.mailstore.scripts.setVacation(account.id, value);
      const action = read.enabled ? 'vacation-on' : 'vacation-off';
      await note(call.services, call.acting, { action, domain: domainOf(account.address), target: account.address });
      return done(read);
    },
  }),
];
