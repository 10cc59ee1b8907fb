import { signal } from '@preact/signals';
import { ask, get, Refusal, type Session, whenSignedOut } from './api.ts';
import { t } from './i18n.ts';

/** `undefined`: not known yet; `null`: nobody has signed in. */
export const session = signal<Session | null | undefined>(undefined);
/** The view, from the part of the address after `#`. */
export const view = signal<readonly string[]>(readView());
/** A sentence about what was just done, told to screen readers too. */
export const notice = signal<{ readonly text: string; readonly bad: boolean } | undefined>(undefined);

let noticeTimer = 0;
const NOTICE_MS = 8_000;

export function tell(text: string, bad = false): void {
  notice.value = { text, bad };
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => {
    notice.value = undefined;
  }, NOTICE_MS);
}

export function sentenceOf(error: unknown): string {
  return error instanceof Refusal ? t(error.text, error.values) : t('Something went wrong here');
}

export async function loadSession(): Promise<void> {
  try {
    session.value = await get<Session>('/api/session');
  } catch {
    session.value = null;
  }
}

export async function signOut(): Promise<void> {
  await ask('DELETE', '/api/session').catch(() => undefined);
  session.value = null;
  location.hash = '';
}

export function go(...parts: readonly string[]): void {
  location.hash = `/${parts.map(encodeURIComponent).join('/')}`;
}

export const hrefOf = (...parts: readonly string[]): string => `#/${parts.map(encodeURIComponent).join('/')}`;

function readView(): readonly string[] {
  return location.hash
    .replace(/^#\/?/, '')
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent);
}

addEventListener('hashchange', () => {
  view.value = readView();
});
whenSignedOut(() => {
  session.value = null;
});
