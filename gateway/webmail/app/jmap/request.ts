import { fetchJson } from './http.ts';

/** RFC 8620 §3.6.2: what a method answered instead of its result. */
export class MethodFailed extends Error {
  readonly type: string;

  constructor(type: string, description?: string) {
    super(description ?? type);
    this.name = 'MethodFailed';
    this.type = type;
  }
}

type Arguments = Readonly<Record<string, unknown>>;
export type Call = readonly [method: string, args: Arguments];
type Response = readonly [name: string, args: Readonly<Record<string, unknown>>, id: string];

interface Waiting {
  readonly calls: readonly Call[];
  resolve(answers: unknown[]): void;
  reject(error: unknown): void;
}

const USING = [
  'urn:ietf:params:jmap:core',
  'urn:ietf:params:jmap:mail',
  'urn:ietf:params:jmap:submission',
  'urn:ietf:params:jmap:vacationresponse',
  'urn:ietf:params:jmap:quota',
  'https://postern.example/jmap/settings',
];
/** Calls in one request; the server allows 32. */
const MAX_CALLS = 28;

let accountId = '';
let waiting: Waiting[] = [];
let scheduled = false;

export function useAccount(id: string): void {
  accountId = id;
}
export const currentAccount = (): string => accountId;

/**
 * Sends calls in one request, with those of others that are made in the same turn. A call refers to the result of one before it
 * in the same list by {@link resultOf}. Each answer is a result or a {@link MethodFailed}.
 *
 * @throws RequestFailed when the request as a whole failed
 */
export function callAll(calls: readonly Call[]): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    waiting.push({ calls, resolve, reject });
    if (scheduled) return;
    scheduled = true;
    queueMicrotask(() => {
      scheduled = false;
      const all = waiting;
      waiting = [];
      let request: Waiting[] = [];
      let count = 0;
      for (const each of all) {
        if (count > 0 && count + each.calls.length > MAX_CALLS) {
          void send(request);
          request = [];
          count = 0;
        }
        request.push(each);
        count += each.calls.length;
      }
      void send(request);
    });
  });
}

/** One call. @throws MethodFailed, RequestFailed */
export async function call<T>(method: string, args: Arguments): Promise<T> {
  const [answer] = await callAll([[method, args]]);
  if (answer instanceof MethodFailed) throw answer;
  return answer as T;
}

/** For the end of the page: the browser sends it when the page is gone. Nobody reads the answer; 64 KiB at most. */
export function keepCalling(calls: readonly Call[]): void {
  const methodCalls = calls.map(([method, args], index) => [method, { accountId, ...args }, String(index)]);
  void fetch('/jmap/api', {
    method: 'POST',
    credentials: 'same-origin',
    keepalive: true,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ using: USING, methodCalls }),
  }).catch(() => undefined);
}

/** A back-reference (RFC 8620 §3.7) to the call at this place of the same list. */
export const resultOf = (index: number, name: string, path: string): Readonly<Record<string, unknown>> => ({
  resultOf: String(index),
  name,
  path,
});

async function send(request: readonly Waiting[]): Promise<void> {
  const methodCalls: unknown[] = [];
  request.forEach(({ calls }, group) => {
    calls.forEach(([method, args], index) => {
      methodCalls.push([method, { accountId, ...inGroup(args, group) }, `${group}.${index}`]);
    });
  });
  try {
    const { methodResponses } = await fetchJson<{ methodResponses: readonly Response[] }>('/jmap/api', {
      method: 'POST',
      json: { using: USING, methodCalls },
    });
    const answers = new Map<string, unknown>();
    for (const [name, args, id] of methodResponses) {
      // A call may have several answers, such as the Email/set that a submission causes; the first is its own.
      if (answers.has(id)) continue;
      answers.set(id, name === 'error' ? new MethodFailed(String(args.type), args.description as string) : args);
    }
    request.forEach(({ calls, resolve }, group) => {
      resolve(calls.map((_, index) => answers.get(`${group}.${index}`) ?? new MethodFailed('serverFail')));
    });
  } catch (error) {
    for (const { reject } of request) reject(error);
  }
}

/** Back-references name calls within their own list. */
function inGroup(args: Arguments, group: number): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) =>
      name.startsWith('#')
        ? [name, { ...(value as object), resultOf: `${group}.${(value as { resultOf: string }).resultOf}` }]
        : [name, value],
    ),
  );
}
