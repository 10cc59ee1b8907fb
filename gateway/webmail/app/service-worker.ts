/**
 * Keeps the app's own files, so that it starts at once and without a connection; mail is never kept. Files with a hash in their
 * name come from the cache, the page from the host while it answers.
 */
const CACHE = 'postern-shell-1';

interface WorkerEvent extends Event {
  waitUntil(work: Promise<unknown>): void;
}
interface FetchEvent extends WorkerEvent {
  readonly request: Request;
  respondWith(answer: Promise<Response>): void;
}
const worker = self as unknown as {
  addEventListener(type: 'install' | 'activate', listener: (event: WorkerEvent) => void): void;
  addEventListener(type: 'fetch', listener: (event: FetchEvent) => void): void;
  addEventListener(type: 'push', listener: (event: PushEvent) => void): void;
  addEventListener(type: 'notificationclick', listener: (event: NotificationClick) => void): void;
  readonly clients: {
    claim(): Promise<void>;
    matchAll(options: object): Promise<readonly { readonly visibilityState: string; focus(): Promise<unknown> }[]>;
    openWindow(url: string): Promise<unknown>;
  };
  readonly registration: { showNotification(title: string, options: object): Promise<void> };
  skipWaiting(): Promise<void>;
};
interface PushEvent extends WorkerEvent {
  readonly data: { json(): unknown } | null;
}
interface NotificationClick extends WorkerEvent {
  readonly notification: { close(): void };
}

worker.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll(['/', '/icon.svg', '/manifest.webmanifest']))
      .then(() => worker.skipWaiting()),
  );
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name))))
      .then(() => worker.clients.claim()),
  );
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== location.origin) return;
  if (url.pathname.startsWith('/assets/')) event.respondWith(fromCache(request));
  else if (request.mode === 'navigate' && !/^\/(?:jmap|session|\.well-known)/.test(url.pathname))
    event.respondWith(page(request));
  else if (url.pathname === '/icon.svg' || url.pathname === '/manifest.webmanifest')
    event.respondWith(fromCache(request));
});

async function fromCache(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request);
  if (kept !== undefined) return kept;
  const answer = await fetch(request);
  if (answer.ok) await cache.put(request, answer.clone());
  return answer;
}

/** Every view is the same page. */
async function page(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  try {
    const answer = await fetch(request);
    if (answer.ok) await keepPage(cache, answer.clone());
    return answer;
  } catch (error) {
    const kept = await cache.match('/');
    if (kept === undefined) throw error;
    return kept;
  }
}

/** Files of builds that the page no longer names go. */
async function keepPage(cache: Cache, answer: Response): Promise<void> {
  const before = await (await cache.match('/'))?.text();
  const now = await answer.clone().text();
  await cache.put('/', answer);
  if (before === undefined || before === now) return;
  for (const request of await cache.keys()) {
    if (new URL(request.url).pathname.startsWith('/assets/')) await cache.delete(request);
  }
}

/** RFC 8620 §7.1 and §7.2.2. */
type Pushed =
  | { readonly '@type': 'PushVerification'; readonly pushSubscriptionId: string; readonly verificationCode: string }
  | { readonly '@type': 'StateChange' };

worker.addEventListener('push', (event) => {
  const pushed = event.data?.json() as Pushed | undefined;
  if (pushed?.['@type'] === 'PushVerification') event.waitUntil(verify(pushed));
  else if (pushed?.['@type'] === 'StateChange') event.waitUntil(tellOfMail());
});

async function verify({
  pushSubscriptionId,
  verificationCode,
}: Pushed & { '@type': 'PushVerification' }): Promise<void> {
  const update = { [pushSubscriptionId]: { verificationCode } };
  await fetch('/jmap/api', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      using: ['urn:ietf:params:jmap:core'],
      methodCalls: [['PushSubscription/set', { update }, '0']],
    }),
  });
}

const NEW_MAIL: Readonly<Record<string, string>> = { de: 'Neue E-Mail', fr: 'Nouveau message' };

/** What was pushed says that there is mail, and not which: the page tells more when it is open. */
async function tellOfMail(): Promise<void> {
  const windows = await worker.clients.matchAll({ type: 'window', includeUncontrolled: true });
  if (windows.some(({ visibilityState }) => visibilityState === 'visible')) return;
  const title = NEW_MAIL[navigator.language.slice(0, 2)] ?? 'New mail';
  await worker.registration.showNotification(title, { tag: 'new-mail', icon: '/icon-192.png', badge: '/icon-192.png' });
}

worker.addEventListener('notificationclick', (event) => {
  event.notification.close();
  event.waitUntil(
    worker.clients
      .matchAll({ type: 'window' })
      .then(([window]) => (window === undefined ? worker.clients.openWindow('/mail/inbox') : window.focus())),
  );
});

export {};
