import type { Log } from '@postern/shared/runtime/log.ts';
import type { WebmailConfig } from '../config.ts';
import type { StoreEndpoint } from '../imap/store-connection.ts';
import type { AccountSessions } from '../mail/account-session.ts';
import type { PushParts } from '../push/push-sender.ts';
import type { Authentication } from './authentication.ts';
import type { GuessLimits } from './back-off.ts';
import type { EventStreams } from './event-streams.ts';
import type { SessionCookies } from './session-cookie.ts';
import type { StaticFiles } from './static-files.ts';
import type { Uploads } from './uploads.ts';

/** What the routes of this host share. */
export interface WebmailServices {
  readonly config: WebmailConfig;
  readonly log: Log;
  readonly endpoint: () => StoreEndpoint;
  readonly cookies: SessionCookies;
  readonly sessions: AccountSessions;
  readonly authentication: Authentication;
  readonly backOff: GuessLimits;
  readonly uploads: Uploads;
  readonly streams: EventStreams;
  readonly files: StaticFiles;
  /** Undefined where Web Push is not configured. */
  readonly push: PushParts | undefined;
}
