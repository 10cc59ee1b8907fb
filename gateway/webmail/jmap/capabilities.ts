import type { WebmailConfig } from '../config.ts';

export const CORE = 'urn:ietf:params:jmap:core';
export const MAIL = 'urn:ietf:params:jmap:mail';
export const SUBMISSION = 'urn:ietf:params:jmap:submission';
export const VACATION = 'urn:ietf:params:jmap:vacationresponse';
export const QUOTA = 'urn:ietf:params:jmap:quota';
/** RFC 9749: by which key push services know this host. */
export const WEB_PUSH = 'urn:ietf:params:jmap:webpush-vapid';
/** Ours: the settings that the web app keeps and shares with its user's other browsers (docs/webmail.md). */
export const SETTINGS = 'https://postern.example/jmap/settings';

export const MAX_CALLS = 32;
export const MAX_GET = 1_000;
export const MAX_SET = 1_000;
/** Scheduled sending, in seconds: a year. */
export const MAX_DELAYED_SEND_S = 31_536_000;

/** RFC 8620 §2: what this server can do. @param vapidKey where Web Push is configured */
export function serverCapabilities(
  { limits, uploads }: WebmailConfig,
  vapidKey: string | undefined,
): Record<string, object> {
  return {
    [CORE]: {
      maxSizeUpload: uploads.maxBytes,
      maxConcurrentUpload: limits.maxConcurrentUploads,
      maxSizeRequest: limits.maxRequestBytes,
      maxConcurrentRequests: limits.maxConcurrentRequests,
      maxCallsInRequest: MAX_CALLS,
      maxObjectsInGet: MAX_GET,
      maxObjectsInSet: MAX_SET,
      collationAlgorithms: ['i;ascii-casemap', 'i;unicode-casemap'],
    },
    [MAIL]: {},
    [SUBMISSION]: {},
    [VACATION]: {},
    [QUOTA]: {},
    [SETTINGS]: {},
    ...(vapidKey === undefined ? {} : { [WEB_PUSH]: { applicationServerKey: vapidKey } }),
  };
}

/** RFC 8620 §2, RFC 8621 §1.3: what can be done with the account. */
export function accountCapabilities({ limits }: WebmailConfig): Record<string, object> {
  return {
    [CORE]: {},
    [MAIL]: {
      maxMailboxesPerEmail: null,
      maxMailboxDepth: 50,
      maxSizeMailboxName: 255,
      maxSizeAttachmentsPerEmail: limits.maxMessageBytes,
      emailQuerySortOptions: [
        'receivedAt',
        'size',
        'from',
        'to',
        'subject',
        'sentAt',
        'hasKeyword',
        'allInThreadHaveKeyword',
        'someInThreadHaveKeyword',
      ],
      mayCreateTopLevelMailbox: true,
    },
    // RFC 4865: sending later, and undoing it until then.
    [SUBMISSION]: {
      maxDelayedSend: MAX_DELAYED_SEND_S,
      submissionExtensions: { FUTURERELEASE: [String(MAX_DELAYED_SEND_S)] },
    },
    [VACATION]: {},
    [QUOTA]: {},
    [SETTINGS]: {},
  };
}
