/** What the server says of a refusal: for people, with the field that it is about. */
export class Refusal extends Error {
  readonly status: number;
  readonly field: string | undefined;
  /** The message before values were put into it, and the values. */
  readonly text: string;
  readonly values: Readonly<Record<string, string | number>>;

  constructor(status: number, { error, field, text, values }: RefusalBody) {
    super(error);
    this.status = status;
    this.field = field;
    this.text = text ?? error;
    this.values = values ?? {};
  }
}

interface RefusalBody {
  readonly error: string;
  readonly field?: string;
  readonly text?: string;
  readonly values?: Readonly<Record<string, string | number>>;
}

/** Called when the session has ended. */
let onSignedOut: () => void = () => undefined;
export function whenSignedOut(listener: () => void): void {
  onSignedOut = listener;
}

/** One request of the API; rejects with {@link Refusal}. */
export async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  let answer: Response;
  try {
    answer = await fetch(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { 'Content-Type': 'application/json' } }),
    });
  } catch {
    throw new Refusal(0, { error: 'The server does not answer' });
  }
  const text = await answer.text();
  if (answer.ok)
    return (answer.headers.get('Content-Type')?.startsWith('application/json') ? JSON.parse(text) : text) as T;
  if (answer.status === 401 && path !== '/api/session') onSignedOut();
  throw new Refusal(answer.status, readError(text));
}

function readError(text: string): RefusalBody {
  try {
    return JSON.parse(text) as RefusalBody;
  } catch {
    return { error: 'The server answers nothing that can be read' };
  }
}

export const get = <T>(path: string): Promise<T> => ask<T>('GET', path);
/** A path with names as they are, whatever signs they have. */
export const path = (...parts: readonly string[]): string => `/api/${parts.map(encodeURIComponent).join('/')}`;

export interface Page<T> {
  readonly items: T[];
  readonly nextCursor?: string;
}

export interface Session {
  readonly address: string;
  readonly name: string;
  readonly administrator: boolean;
  readonly domains: readonly string[];
  readonly services: readonly string[];
  readonly actions: readonly string[];
  readonly relay: boolean;
}

export interface Domain {
  readonly name: string;
  readonly description: string;
  readonly active: boolean;
  readonly deleted: boolean;
  readonly transport: string;
  readonly editAccounts: boolean;
  readonly editPostmasters: boolean;
  readonly editCatchAll: boolean;
  readonly maxAccounts?: number;
  readonly maxAliases?: number;
  readonly maxQuotaBytes?: number;
  readonly postmasters?: readonly string[];
}

export interface Account {
  readonly address: string;
  readonly name: string;
  readonly description: string;
  readonly active: boolean;
  readonly deleted: boolean;
  readonly services?: readonly string[];
  readonly quotaBytes: number;
  readonly quotaMessages: number;
  readonly forwards: readonly string[];
  readonly forwardOnly: boolean;
  readonly secondFactor: boolean;
  readonly usage?: { readonly bytes: number; readonly messages: number };
  readonly references?: References;
  readonly purgeAfterMs?: number;
}

export interface Alias {
  readonly address: string;
  readonly targets: readonly string[];
  readonly active: boolean;
  readonly catchAll: boolean;
  readonly description: string;
}

export interface References {
  readonly aliases: readonly { readonly address: string; readonly lastTarget: boolean }[];
  readonly forwards: readonly string[];
  readonly postmasterOf: readonly string[];
}

export interface AppPassword {
  readonly name: string;
  readonly label: string;
  readonly services: readonly string[];
  readonly createdAtMs: number;
  readonly lastUsedAtMs?: number;
}

export interface LogEntry {
  readonly id: number;
  readonly atMs: number;
  readonly actor: string;
  readonly via: string;
  readonly action: string;
  readonly domain: string;
  readonly target: string;
  readonly differences: readonly { readonly what: string; readonly from: string; readonly to: string }[];
}
