import type { Log } from '@postern/shared/runtime/log.ts';
import type { Acting, AdministrationParts } from './acting.ts';
import type { Outcome } from './outcome.ts';
import { refuse } from './outcome.ts';
import { isAdministrator } from './roles.ts';

/** The relay's administration, over its private leg. */
export interface RelayAdmin {
  ask(method: 'GET' | 'POST' | 'DELETE', path: string): Promise<{ readonly status: number; readonly body: unknown }>;
}

/** What concerns the whole site is for its administrators. The directory has no entry that says so of a queue, so it is asked who they are. */
export async function forAdministrators<T>(
  call: { readonly services: AdministrationParts; readonly acting: Acting },
  run: () => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  const may = await isAdministrator(call.services, call.acting);
  return may ? run() : refuse('forbidden', 'This is for administrators of the site');
}

/** One question to the relay's administration. */
export async function askRelay(
  { services: { relay, log } }: { readonly services: { readonly relay: RelayAdmin | undefined; readonly log: Log } },
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
): Promise<Outcome<unknown>> {
  if (relay === undefined) return refuse('state', 'console.relay is not set: the relay is not asked');
  try {
    const { status, body } = await relay.ask(method, path);
    if (status === 200) return { kind: 'done', value: body };
    const answer = JSON.stringify(body).slice(0, 200);
    return refuse('state', 'The relay answers {status}: {answer}', undefined, { status, answer });
  } catch (error) {
    log.warn({ event: 'relay-not-asked', err: error });
    return refuse('state', 'The relay does not answer');
  }
}
