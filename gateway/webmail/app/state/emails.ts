import { type Signal, signal } from '@preact/signals';
import { call, callAll, MethodFailed, resultOf } from '../jmap/request.ts';
import {
  BODY_PROPERTIES,
  type ChangesAnswer,
  type EmailBody,
  type EmailHead,
  type GetAnswer,
  HEAD_PROPERTIES,
} from '../jmap/types.ts';
import { withAsked } from './patches.ts';

/** Emails as far as they were looked at: one signal each, so that a flag redraws one row. */
const heads = new Map<string, Signal<EmailHead | undefined>>();
const bodies = new Map<string, EmailBody>();
const threads = new Map<string, Signal<readonly string[]>>();
const MOST_BODIES = 100;
const MOST_HEADS = 20_000;

/** The state up to which all of it is right. */
export let emailState = '';
export function knowState(state: string): void {
  emailState = state;
}

export function emailSignal(id: string): Signal<EmailHead | undefined> {
  let found = heads.get(id);
  if (found === undefined) {
    found = signal(undefined);
    heads.set(id, found);
  }
  return found;
}

/** Emails of a thread, oldest first; empty until it is known. */
export function threadSignal(id: string): Signal<readonly string[]> {
  let found = threads.get(id);
  if (found === undefined) {
    found = signal([]);
    threads.set(id, found);
  }
  return found;
}

export const peekEmail = (id: string): EmailHead | undefined => heads.get(id)?.peek();

export function putHeads(list: readonly EmailHead[]): void {
  if (heads.size > MOST_HEADS) forgetUnread();
  for (const head of list) emailSignal(head.id).value = withAsked(head);
}

export function putThreads(list: readonly { readonly id: string; readonly emailIds: readonly string[] }[]): void {
  for (const { id, emailIds } of list) {
    const known = threadSignal(id);
    if (known.peek().join() !== emailIds.join()) known.value = emailIds;
  }
}

/** Rows far away are read again when they are scrolled to. */
function forgetUnread(): void {
  for (const [id] of [...heads].slice(0, MOST_HEADS / 2)) heads.delete(id);
}

export function forgetEmail(id: string): void {
  const known = heads.get(id);
  if (known !== undefined) known.value = undefined;
  bodies.delete(id);
  const thread = [...threads.values()].find((each) => each.peek().includes(id));
  if (thread !== undefined) thread.value = thread.peek().filter((each) => each !== id);
}

export const peekBody = (id: string): EmailBody | undefined => bodies.get(id);

/** Bodies never change, so they are read once. @throws RequestFailed, MethodFailed; undefined when the email is gone */
export async function loadBody(id: string): Promise<EmailBody | undefined> {
  const known = bodies.get(id);
  if (known !== undefined) return known;
  const { list } = await call<GetAnswer<EmailBody>>('Email/get', {
    ids: [id],
    properties: BODY_PROPERTIES,
    fetchTextBodyValues: true,
    fetchHTMLBodyValues: true,
    maxBodyValueBytes: 2_000_000,
  });
  const body = list[0];
  if (body === undefined) return undefined;
  bodies.set(id, body);
  for (const oldest of bodies.keys()) {
    if (bodies.size <= MOST_BODIES) break;
    bodies.delete(oldest);
  }
  return body;
}

/** Reads an email and its whole thread; undefined when it is gone. */
export async function loadThreadOf(id: string): Promise<EmailHead | undefined> {
  const [own, thread, members] = await callAll([
    ['Email/get', { ids: [id], properties: HEAD_PROPERTIES }],
    ['Thread/get', { '#ids': resultOf(0, 'Email/get', '/list/*/threadId') }],
    ['Email/get', { '#ids': resultOf(1, 'Thread/get', '/list/*/emailIds'), properties: HEAD_PROPERTIES }],
  ]);
  if (own instanceof MethodFailed) throw own;
  putHeads((own as GetAnswer<EmailHead>).list);
  if (!(members instanceof MethodFailed)) putHeads((members as GetAnswer<EmailHead>).list);
  if (!(thread instanceof MethodFailed)) putThreads((thread as GetAnswer<{ id: string; emailIds: string[] }>).list);
  return (own as GetAnswer<EmailHead>).list[0];
}

const MOST_CHANGES = 500;

export interface EmailChanges {
  /** Emails that are new. */
  readonly created: readonly EmailHead[];
  /** Whether the lists have to be read anew as well, because the server could not tell what changed. */
  readonly lost: boolean;
}

/** Brings all known emails up to the server's state. */
export async function catchUp(): Promise<EmailChanges> {
  if (emailState === '') return { created: [], lost: true };
  const created: EmailHead[] = [];
  for (let round = 0; round < 20; round += 1) {
    const [changes, got, made, threadsOfMade] = await callAll([
      ['Email/changes', { sinceState: emailState, maxChanges: MOST_CHANGES }],
      ['Email/get', { '#ids': resultOf(0, 'Email/changes', '/updated'), properties: HEAD_PROPERTIES }],
      ['Email/get', { '#ids': resultOf(0, 'Email/changes', '/created'), properties: HEAD_PROPERTIES }],
      ['Thread/get', { '#ids': resultOf(2, 'Email/get', '/list/*/threadId') }],
    ]);
    if (changes instanceof MethodFailed) {
      heads.clear();
      bodies.clear();
      emailState = '';
      return { created, lost: true };
    }
    const { newState, hasMoreChanges, destroyed } = changes as ChangesAnswer;
    for (const id of destroyed) forgetEmail(id);
    if (!(got instanceof MethodFailed)) putHeads((got as GetAnswer<EmailHead>).list);
    if (!(made instanceof MethodFailed)) {
      putHeads((made as GetAnswer<EmailHead>).list);
      created.push(...(made as GetAnswer<EmailHead>).list);
    }
    if (!(threadsOfMade instanceof MethodFailed)) {
      putThreads((threadsOfMade as GetAnswer<{ id: string; emailIds: string[] }>).list);
    }
    emailState = newState;
    if (!hasMoreChanges) break;
  }
  return { created, lost: false };
}
