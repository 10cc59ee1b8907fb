import { computed, signal } from '@preact/signals';

/** What the address bar says. `/mail/MAILBOX/EMAIL?q=…`, `/settings/PAGE`. */
export type Route =
  | {
      readonly view: 'mail';
      /** Id of a mailbox, or a role such as `inbox`; empty for a search in all mailboxes. */
      readonly mailbox: string;
      readonly query: string;
      /** Id of the email that is open. */
      readonly email: string | undefined;
    }
  | { readonly view: 'settings'; readonly page: string };

export type MailRoute = Extract<Route, { view: 'mail' }>;

export function readRoute(pathname: string, search: string): Route {
  const [view = '', first = '', second] = pathname.split('/').slice(1).map(decodePart);
  if (view === 'settings') return { view, page: first };
  const query = new URLSearchParams(search).get('q') ?? '';
  if (view !== 'mail') return { view: 'mail', mailbox: 'inbox', query: '', email: undefined };
  return { view, mailbox: first === 'all' ? '' : first || 'inbox', query, email: second || undefined };
}

export function writeRoute(to: Route): string {
  if (to.view === 'settings') return `/settings/${encodeURIComponent(to.page)}`;
  const query = to.query === '' ? '' : `?q=${encodeURIComponent(to.query)}`;
  const email = to.email === undefined ? '' : `/${encodeURIComponent(to.email)}`;
  return `/mail/${encodeURIComponent(to.mailbox || 'all')}${email}${query}`;
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return '';
  }
}

/** Tests of the codec run without a page. */
const here = typeof location === 'undefined' ? { pathname: '/', search: '' } : location;
export const route = signal<Route>(readRoute(here.pathname, here.search));
export const mailRoute = computed<MailRoute | undefined>(() => (route.value.view === 'mail' ? route.value : undefined));

/** Goes somewhere; `replace` leaves no trace in the history. */
export function goTo(to: Route, { replace = false } = {}): void {
  const path = writeRoute(to);
  if (path !== location.pathname + location.search) {
    if (replace) history.replaceState(null, '', path);
    else history.pushState(null, '', path);
  }
  route.value = to;
}

if (typeof window !== 'undefined') {
  window.addEventListener('popstate', () => {
    route.value = readRoute(location.pathname, location.search);
  });
}
