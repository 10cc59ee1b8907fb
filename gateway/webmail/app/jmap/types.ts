/** What the app reads of RFC 8620 and RFC 8621 objects. */

export interface Address {
  readonly name: string | null;
  readonly email: string;
}

/** RFC 8621 §2. */
export interface Mailbox {
  readonly id: string;
  readonly name: string;
  readonly parentId: string | null;
  readonly role: string | null;
  readonly sortOrder: number;
  readonly totalEmails: number;
  readonly unreadEmails: number;
  readonly totalThreads: number;
  readonly unreadThreads: number;
  readonly isSubscribed: boolean;
  readonly myRights: Readonly<Record<string, boolean>>;
}

export type Flags = Readonly<Record<string, true>>;

/** What a row of the list shows of an email. */
export interface EmailHead {
  readonly id: string;
  readonly blobId: string;
  readonly threadId: string;
  readonly mailboxIds: Flags;
  readonly keywords: Flags;
  readonly size: number;
  readonly receivedAt: string;
  readonly from: readonly Address[] | null;
  readonly to: readonly Address[] | null;
  readonly subject: string | null;
  readonly preview: string;
  readonly hasAttachment: boolean;
}

/** RFC 8621 §4.1.4. */
export interface BodyPart {
  readonly partId: string | null;
  readonly blobId: string | null;
  readonly size: number;
  readonly name: string | null;
  readonly type: string;
  readonly charset: string | null;
  readonly disposition: string | null;
  readonly cid: string | null;
}

export interface BodyValue {
  readonly value: string;
  readonly isEncodingProblem: boolean;
  readonly isTruncated: boolean;
}

/** An email as it is opened. */
export interface EmailBody {
  readonly id: string;
  readonly messageId: readonly string[] | null;
  readonly inReplyTo: readonly string[] | null;
  readonly references: readonly string[] | null;
  readonly cc: readonly Address[] | null;
  readonly bcc: readonly Address[] | null;
  readonly replyTo: readonly Address[] | null;
  readonly sentAt: string | null;
  readonly textBody: readonly BodyPart[];
  readonly htmlBody: readonly BodyPart[];
  readonly attachments: readonly BodyPart[];
  readonly bodyValues: Readonly<Record<string, BodyValue>>;
}

export const HEAD_PROPERTIES: readonly string[] = [
  ...['id', 'blobId', 'threadId', 'mailboxIds', 'keywords', 'size', 'receivedAt'],
  ...['from', 'to', 'subject', 'preview', 'hasAttachment'],
];

export const BODY_PROPERTIES: readonly string[] = [
  ...['id', 'messageId', 'inReplyTo', 'references', 'cc', 'bcc', 'replyTo', 'sentAt'],
  ...['textBody', 'htmlBody', 'attachments', 'bodyValues'],
];

/** RFC 8620 §5.3. */
export interface SetError {
  readonly type: string;
  readonly description?: string;
  readonly properties?: readonly string[];
}

export interface SetAnswer {
  readonly oldState: string | null;
  readonly newState: string;
  readonly created: Readonly<Record<string, { readonly id: string } & Readonly<Record<string, unknown>>>> | null;
  readonly notCreated: Readonly<Record<string, SetError>> | null;
  readonly updated: Readonly<Record<string, unknown>> | null;
  readonly notUpdated: Readonly<Record<string, SetError>> | null;
  readonly destroyed: readonly string[] | null;
  readonly notDestroyed: Readonly<Record<string, SetError>> | null;
}

export interface GetAnswer<T> {
  readonly state: string;
  readonly list: readonly T[];
  readonly notFound: readonly string[];
}

export interface QueryAnswer {
  readonly queryState: string;
  readonly position: number;
  readonly ids: readonly string[];
  readonly total?: number;
}

export interface ChangesAnswer {
  readonly oldState: string;
  readonly newState: string;
  readonly hasMoreChanges: boolean;
  readonly created: readonly string[];
  readonly updated: readonly string[];
  readonly destroyed: readonly string[];
}
