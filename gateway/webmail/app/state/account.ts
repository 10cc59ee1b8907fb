import { signal } from '@preact/signals';
import { fetchJson, onSessionEnded, RequestFailed } from '../jmap/http.ts';
import { useAccount } from '../jmap/request.ts';

export interface Account {
  /** The address that signed in. */
  readonly user: string;
  readonly accountId: string;
  /** Largest upload, in bytes. */
  readonly maxUploadBytes: number;
  /** Longest time that sending may be put off, in seconds. */
  readonly maxDelayedSendS: number;
  /** By which push services know this host; undefined where it sends to none. */
  readonly webPushKey: string | undefined;
}

export type SignInState = 'unknown' | 'signed-out' | 'signed-in' | 'unreachable';

export const signInState = signal<SignInState>('unknown');
export const account = signal<Account | undefined>(undefined);

interface JmapSession {
  readonly username: string;
  readonly primaryAccounts: Readonly<Record<string, string>>;
  readonly capabilities: Readonly<Record<string, { maxSizeUpload?: number; applicationServerKey?: string }>>;
  readonly accounts: Readonly<Record<string, { accountCapabilities: Record<string, { maxDelayedSend?: number }> }>>;
}

/** Asks the host who has signed in. */
export async function loadAccount(): Promise<void> {
  try {
    const session = await fetchJson<JmapSession>('/jmap/session');
    const accountId = session.primaryAccounts['urn:ietf:params:jmap:mail'] ?? '';
    const submission = session.accounts[accountId]?.accountCapabilities['urn:ietf:params:jmap:submission'];
    useAccount(accountId);
    account.value = {
      user: session.username,
      accountId,
      maxUploadBytes: session.capabilities['urn:ietf:params:jmap:core']?.maxSizeUpload ?? 0,
      maxDelayedSendS: submission?.maxDelayedSend ?? 0,
      webPushKey: session.capabilities['urn:ietf:params:jmap:webpush-vapid']?.applicationServerKey,
    };
    signInState.value = 'signed-in';
  } catch (error) {
    const ended = error instanceof RequestFailed && (error.status === 401 || error.status === 403);
    signInState.value = ended ? 'signed-out' : 'unreachable';
  }
}

onSessionEnded(() => {
  account.value = undefined;
  signInState.value = 'signed-out';
});

/** @throws RequestFailed: 401 wrong, 429 too often, 503 store away */
export async function signIn(user: string, password: string, code: string): Promise<void> {
  await fetchJson('/session', { method: 'POST', json: { user, password, ...(code === '' ? {} : { code }) } });
  await loadAccount();
}

export async function signOut(): Promise<void> {
  try {
    await fetchJson('/session', { method: 'DELETE' });
  } finally {
    // Nothing of the account stays in this page's memory.
    location.assign('/');
  }
}

export interface OpenSession {
  readonly id: string;
  readonly host: string;
  readonly current: boolean;
  readonly createdAt: string;
  readonly expiresAt: string;
}

export async function listSessions(): Promise<readonly OpenSession[]> {
  return (await fetchJson<{ sessions: OpenSession[] }>('/sessions')).sessions;
}

export async function endSession(id: string): Promise<void> {
  await fetchJson(`/sessions/${encodeURIComponent(id)}`, { method: 'DELETE' });
}
