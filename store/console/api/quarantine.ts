import { z } from 'zod';
import { note } from '../../administration/acting.ts';
import { forAdministrators } from '../../administration/for-administrators.ts';
import { type Outcome, refuse } from '../../administration/outcome.ts';
import { listQuarantine, releaseQuarantined, removeQuarantined } from '../../administration/quarantine.ts';
import { type Call, type Route, route } from '../route.ts';
import { nothing } from './shapes.ts';

const one = '/api/operation/quarantine/{uid}';

export const quarantineRoutes: readonly Route[] = [
  route({
    method: 'GET',
    path: '/api/operation/quarantine',
    summary: 'Mail in quarantine, the newest first: from whom, for whom, and why',
    action: 'session',
    query: z.object({
      beforeUid: z.coerce.number().int().optional(),
      size: z.coerce.number().int().min(1).max(200).default(50),
    }),
    answer: z.object({
      items: z.array(
        z.object({
          uid: z.number(),
          atMs: z.number(),
          sizeBytes: z.number(),
          sender: z.string(),
          from: z.string(),
          subject: z.string(),
          why: z.string(),
          recipients: z.array(z.string()),
        }),
      ),
      more: z.boolean(),
    }),
    run: (call) => inQuarantine(call, (address) => listQuarantine(call.services.mailstore, address, call.query)),
  }),
  route({
    method: 'POST',
    path: `${one}/release`,
    summary: 'Send a message on to those for whom it was',
    action: 'session',
    answer: z.object({ recipients: z.array(z.string()) }),
    run: (call) =>
      inQuarantine(call, async (address) => {
        const released = await releaseQuarantined(call.services.mailstore, address, Number(call.params.uid));
        if (released.kind === 'done') {
          await note(call.services, call.acting, {
            action: 'quarantine-released',
            domain: '',
            target: released.value.recipients.join(', ').slice(0, 320),
          });
        }
        return released;
      }),
  }),
  route({
    method: 'DELETE',
    path: one,
    summary: 'Remove a message from quarantine',
    action: 'session',
    answer: nothing,
    run: (call) =>
      inQuarantine(call, async (address) => {
        const uid = Number(call.params.uid);
        const removed = await removeQuarantined(call.services.mailstore, address, uid);
        if (removed.kind === 'done')
          await note(call.services, call.acting, { action: 'quarantine-removed', domain: '', target: String(uid) });
        return removed;
      }),
  }),
];

async function inQuarantine<T>(
  call: Pick<Call, 'services' | 'acting'>,
  run: (address: string) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  const { quarantineAddress } = call.services.settings;
  return forAdministrators(call, async () =>
    quarantineAddress === undefined ? refuse('state', 'console.quarantineAddress is not set') : run(quarantineAddress),
  );
}
