import type { CredentialWriter } from '@postern/shared/directory/credential-writer.ts';
import type { Directory } from '@postern/shared/directory/directory.ts';
import type { z } from 'zod';
import type { Acting } from '../administration/acting.ts';
import type { OperationParts } from '../administration/operation.ts';
import type { Outcome } from '../administration/outcome.ts';
import type { Action } from '../administration/tokens.ts';
import type { SignInThrottle } from '../sign-in/sign-in-limits.ts';
import type { ConsoleSession, ConsoleSessions } from './sessions.ts';
import type { ConsoleSettings } from './settings.ts';

/** What every route works on. */
export interface ConsoleServices extends OperationParts {
  readonly settings: ConsoleSettings;
  readonly sessions: ConsoleSessions;
  readonly signInDirectory: Directory;
  readonly throttle: SignInThrottle;
  readonly writer: CredentialWriter;
  /** Where the store's events are logged; undefined: standard output. */
  readonly logFile: string | undefined;
}

/** A request that a route answers: its parts are checked already. */
export interface Call<Query = unknown, Body = unknown> {
  readonly services: ConsoleServices;
  readonly acting: Acting;
  /** Undefined for a token of the API. */
  readonly session: ConsoleSession | undefined;
  /** Domains that a token is limited to; undefined for a session, whom the directory alone limits. */
  readonly domains: readonly string[] | undefined;
  /** Parts of the path in braces. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
}

/** A text instead of JSON. */
export interface TextAnswer {
  readonly contentType: string;
  readonly fileName: string;
  readonly text: string;
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** `/api/domains/{domain}`. */
  readonly path: string;
  readonly summary: string;
  /** What a token needs; `session`: people alone. */
  readonly action: Action | 'session';
  readonly query?: z.ZodType | undefined;
  readonly body?: z.ZodType | undefined;
  readonly answer: z.ZodType;
  readonly maxBodyBytes?: number;
  run(call: Call): Promise<Outcome<unknown>>;
}

/** Whose account it is; for routes that tokens do not reach. */
export function sessionOf({ session }: Pick<Call, 'session'>): ConsoleSession {
  if (session === undefined) throw new Error('a route of people was reached by a token');
  return session;
}

/** Declares a route; its `run` gets query and body as the declaration types them. */
export function route<Q extends z.ZodType, B extends z.ZodType>(
  declared: Omit<Route, 'run' | 'query' | 'body'> & {
    readonly query?: Q;
    readonly body?: B;
    run(call: Call<z.output<Q>, z.output<B>>): Promise<Outcome<unknown>>;
  },
): Route {
  return declared as unknown as Route;
}
