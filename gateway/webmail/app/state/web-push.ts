import { fetchJson } from '../jmap/http.ts';

/** RFC 8620 §7.2, as far as this app looks at it. */
interface Subscription {
  readonly id: string;
  readonly deviceClientId: string;
  readonly verificationCode: string | null;
}

/**
 * Subscribes this browser to new mail while no page is open, or ends that. The code that the host sends first is given back by the
 * service worker.
 *
 * @param key by which push services know the host (RFC 9749); undefined where it sends to none
 */
export async function keepSubscribed(key: string | undefined, wanted: boolean): Promise<void> {
  if (!('serviceWorker' in navigator) || !('PushManager' in window)) return;
  const { pushManager } = await navigator.serviceWorker.ready;
  const before = await pushManager.getSubscription();
  if (key === undefined || !wanted || Notification.permission !== 'granted') {
    await before?.unsubscribe();
    if (before !== null && key !== undefined) await replace(await subscriptions(), {});
    return;
  }
  const applicationServerKey = key;
  const own = before ?? (await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey }));
  const { endpoint, keys } = own.toJSON();
  if (endpoint === undefined || keys === undefined) return;
  const deviceClientId = await hashOf(`postern-webmail ${endpoint}`);
  const list = await subscriptions();
  if (list.some((each) => each.deviceClientId === deviceClientId && each.verificationCode !== null)) return;
  await replace(list, { own: { deviceClientId, url: endpoint, keys, types: ['EmailDelivery'] } });
}

const subscriptions = async (): Promise<readonly Subscription[]> =>
  (await ask<{ list: Subscription[] }>('get', { ids: null })).list;

/** A session has one browser: what it subscribed before is over. */
const replace = (before: readonly Subscription[], create: object): Promise<unknown> =>
  ask('set', { destroy: before.map(({ id }) => id), create });

/** These methods belong to no account. */
async function ask<T>(method: 'get' | 'set', args: object): Promise<T> {
  const using = ['urn:ietf:params:jmap:core'];
  const methodCalls = [[`PushSubscription/${method}`, args, '0']];
  type Answer = { methodResponses: [string, T][] };
  const { methodResponses } = await fetchJson<Answer>('/jmap/api', { method: 'POST', json: { using, methodCalls } });
  const [name, answer] = methodResponses[0] ?? ['error', undefined];
  if (name === 'error' || answer === undefined) throw new Error('the host cannot push');
  return answer;
}

async function hashOf(text: string): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
