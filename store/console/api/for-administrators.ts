import type { Outcome } from '../../administration/outcome.ts';
import { refuse } from '../../administration/outcome.ts';
import { isAdministrator } from '../../administration/roles.ts';
import type { Call } from '../route.ts';

/** What concerns the whole site is for its administrators. The directory has no entry that says so of a queue, so it is asked who they are. */
export async function forAdministrators<T>(
  call: Pick<Call, 'services' | 'acting'>,
  run: () => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  const may = await isAdministrator(call.services, call.acting);
  return may ? run() : refuse('forbidden', 'This is for administrators of the site');
}

/** One question to the relay's administration. */
export async function askRelay(
  { services: { relay, log } }: Pick<Call, 'services'>,
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
