import type { Log } from '@postern/shared/runtime/log.ts';
import type { WebmailConfig } from '../config.ts';
import type { SealedSession } from '../http/session-cookie.ts';
import type { Uploads } from '../http/uploads.ts';
import type { AccountIndex } from '../mail/account-index.ts';
import type { AccountSession } from '../mail/account-session.ts';
import type { PushParts } from '../push/push-sender.ts';
import { MethodError } from './errors.ts';

/** Name, arguments, call id (RFC 8620 §3.2). */
export type Invocation = readonly [name: string, args: Record<string, unknown>, callId: string];

/** What the methods of one request share. */
export class RequestContext {
  readonly session: AccountSession;
  readonly config: WebmailConfig;
  readonly uploads: Uploads;
  readonly log: Log;
  /** Undefined where Web Push is not configured. */
  readonly push: PushParts | undefined;
  /** What the session is known by; undefined for clients that send a password with each request. */
  readonly cookie: SealedSession | undefined;
  /** Creation ids of this request (RFC 8620 §5.3). */
  readonly createdIds: Map<string, string>;
  #index: Promise<AccountIndex> | undefined;

  constructor(
    parts: Pick<RequestContext, 'session' | 'config' | 'uploads' | 'log' | 'push' | 'cookie'>,
    createdIds: ReadonlyMap<string, string>,
  ) {
    this.session = parts.session;
    this.config = parts.config;
    this.uploads = parts.uploads;
    this.log = parts.log;
    this.push = parts.push;
    this.cookie = parts.cookie;
    this.createdIds = new Map(createdIds);
  }

  /** The account as it was when the request came, or after its last change. */
  index(): Promise<AccountIndex> {
    this.#index ??= this.session.index();
    return this.#index;
  }

  /** Something was changed: the next {@link index} asks the store. */
  changed(): void {
    this.#index = undefined;
  }

  /** The account of a call must be the session's own (RFC 8620 §3.6.2). */
  checkAccount(accountId: unknown): void {
    if (typeof accountId !== 'string') throw new MethodError('invalidArguments', 'accountId: not an id');
    if (accountId !== this.session.accountId) throw new MethodError('accountNotFound');
  }

  /** The real id behind `#creationId`; undefined when nothing was created under it. */
  resolve(id: string): string | undefined {
    return id.startsWith('#') ? this.createdIds.get(id.slice(1)) : id;
  }
}

/** One method of the API. */
export interface Method {
  readonly name: string;
  readonly capability: string;
  /** Arguments have had their references resolved. Answers with its own response, or with several (RFC 8620 §3.3). */
  call(
    args: Record<string, unknown>,
    context: RequestContext,
  ): Promise<Record<string, unknown> | readonly (readonly [name: string, args: Record<string, unknown>])[]>;
}
