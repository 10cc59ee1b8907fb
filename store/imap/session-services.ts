import type { SecureContext } from 'node:tls';
import type { CredentialWriter } from '@postern/shared/directory/credential-writer.ts';
import type { Directory } from '@postern/shared/directory/directory.ts';
import type { StoreConfig } from '../config.ts';
import type { LiteralBudget } from '../connection/literal-budget.ts';
import type { ScriptLanguage } from '../delivery/rules/script-language.ts';
import type { Outbox } from '../hub/outbox.ts';
import type { Mailstore } from '../mailstore/mailstore.ts';
import type { OpenSessions } from '../sign-in/open-sessions.ts';
import type { SessionCounts, SignInThrottle } from '../sign-in/sign-in-limits.ts';
import type { TrustedClients } from '../sign-in/trusted-clients.ts';
import type { ReadAheadMemory } from './read-ahead/read-ahead-memory.ts';
import type { TokenSessions } from './token-sessions.ts';

/** What all sessions of a server share. */
export interface SessionServices {
  readonly config: StoreConfig['imap'];
  readonly quota: StoreConfig['quota'];
  readonly mailstore: Mailstore;
  readonly directory: Directory;
  readonly tlsContext: () => SecureContext | undefined;
  readonly throttle: SignInThrottle;
  readonly trusted: TrustedClients;
  readonly tokens: TokenSessions;
  /** Those that passwords opened; undefined: they last until they end by themselves. */
  readonly openSessions?: OpenSessions | undefined;
  readonly credentialWriter: CredentialWriter;
  readonly literals: LiteralBudget;
  readonly readAhead: ReadAheadMemory;
  readonly accountSessions: SessionCounts;
  /** Undefined where no hub is configured. */
  readonly outbox: Outbox | undefined;
  /** By which Sieve scripts in METADATA are judged. */
  readonly language: ScriptLanguage;
}
