import { callAll, MethodFailed } from '../jmap/request.ts';
import type { GetAnswer, QueryAnswer, SetAnswer } from '../jmap/types.ts';
import { ensureMailbox } from '../state/mailboxes.ts';
import { type Draft, refused } from './draft.ts';
import { emailOf } from './message.ts';

export interface Sent {
  readonly submissionId: string;
  readonly emailId: string;
  readonly sendAt: string;
}

/**
 * Sends a message: an Email among the drafts, its submission, and once that was taken the Email goes to Sent (RFC 8621 §7.5). It is held for `delayS`
 * seconds or until `sendAt`, and can be taken back until then.
 *
 * @throws an Error with the server's words; the draft stays as it was
 */
export async function send(
  draft: Draft,
  when: { readonly delayS: number } | { readonly sendAt: string },
): Promise<Sent> {
  await draft.settled();
  const [drafts, sentMailbox] = await Promise.all([ensureMailbox('drafts'), ensureMailbox('sent')]);
  const message = draft.message();
  const recipients = [...new Set([...message.to, ...message.cc, ...message.bcc].map(({ email }) => email))];
  const at = 'sendAt' in when ? when.sendAt : undefined;
  const parameters =
    'sendAt' in when ? { HOLDUNTIL: when.sendAt } : when.delayS > 0 ? { HOLDFOR: String(when.delayS) } : null;
  const submission = {
    identityId: draft.identity.id,
    emailId: '#draft',
    envelope: {
      mailFrom: { email: draft.identity.email, parameters },
      rcptTo: recipients.map((email) => ({ email, parameters: null })),
    },
  };
  const email = { ...emailOf(message, drafts.id), ...(at === undefined ? {} : { sentAt: at }) };
  const [created, submitted] = await callAll([
    ['Email/set', { create: { draft: email } }],
    [
      'EmailSubmission/set',
      { create: { send: submission }, onSuccessUpdateEmail: { '#send': filedPatch(drafts.id, sentMailbox.id) } },
    ],
  ]);
  const made = answerOf(created).created?.draft;
  if (made === undefined) throw refused(answerOf(created));
  const accepted = submitted instanceof MethodFailed ? undefined : (submitted as SetAnswer).created?.send;
  if (accepted === undefined) {
    await callAll([['Email/set', { destroy: [made.id] }]]);
    throw submitted instanceof MethodFailed ? submitted : refused(submitted as SetAnswer);
  }
  const before = draft.savedId;
  draft.close();
  const origin = draft.first.origin ?? (await findAnswered(draft.first.inReplyTo));
  await callAll([
    ...(before === undefined ? [] : [['Email/set', { destroy: [before] }] as const]),
    ...(origin === undefined
      ? []
      : [['Email/set', { update: { [origin.id]: { [`keywords/${origin.keyword}`]: true } } }] as const]),
  ]);
  return { submissionId: accepted.id, emailId: made.id, sendAt: String(accepted.sendAt ?? at ?? '') };
}

const filedPatch = (from: string, to: string) => ({
  [`mailboxIds/${from}`]: null,
  [`mailboxIds/${to}`]: true,
  'keywords/$draft': null,
});

function answerOf(answer: unknown): SetAnswer {
  if (answer instanceof MethodFailed) throw answer;
  return answer as SetAnswer;
}

/** Of a draft that was continued: the message that it answers, by its Message-ID. */
async function findAnswered(inReplyTo: readonly string[]) {
  const [id] = inReplyTo;
  if (id === undefined) return undefined;
  const [found] = await callAll([['Email/query', { filter: { header: ['Message-ID', id] }, limit: 1 }]]);
  const emailId = found instanceof MethodFailed ? undefined : (found as QueryAnswer).ids[0];
  return emailId === undefined ? undefined : { id: emailId, keyword: '$answered' as const };
}

/** Takes a message back: nobody gets it, and it is a draft again. @throws an Error when it has gone already */
export async function takeBack(submissionId: string): Promise<void> {
  const [drafts, sentMailbox] = await Promise.all([ensureMailbox('drafts'), ensureMailbox('sent')]);
  const [answer] = await callAll([
    [
      'EmailSubmission/set',
      {
        update: { [submissionId]: { undoStatus: 'canceled' } },
        onSuccessUpdateEmail: {
          [submissionId]: {
            [`mailboxIds/${sentMailbox.id}`]: null,
            [`mailboxIds/${drafts.id}`]: true,
            'keywords/$draft': true,
          },
        },
      },
    ],
  ]);
  const { notUpdated } = answerOf(answer);
  if (notUpdated !== null && notUpdated !== undefined && Object.keys(notUpdated).length > 0)
    throw refused({ notCreated: null, notUpdated });
}

/** A message that waits for its time. */
export interface Scheduled {
  readonly id: string;
  readonly emailId: string;
  readonly sendAt: string;
  readonly subject: string;
  readonly recipients: readonly string[];
}

/** What can still be taken back, the next first. @throws RequestFailed, MethodFailed */
export async function listScheduled(): Promise<readonly Scheduled[]> {
  const [, submissions, emails] = await callAll([
    ['EmailSubmission/query', { filter: { undoStatus: 'pending' }, sort: [{ property: 'sendAt' }] }],
    ['EmailSubmission/get', { '#ids': { resultOf: '0', name: 'EmailSubmission/query', path: '/ids' } }],
    [
      'Email/get',
      {
        '#ids': { resultOf: '1', name: 'EmailSubmission/get', path: '/list/*/emailId' },
        properties: ['id', 'subject'],
      },
    ],
  ]);
  if (submissions instanceof MethodFailed) throw submissions;
  const subjects = new Map(
    emails instanceof MethodFailed
      ? []
      : (emails as GetAnswer<{ id: string; subject: string | null }>).list.map(({ id, subject }) => [id, subject]),
  );
  type Record = {
    id: string;
    emailId: string;
    sendAt: string;
    envelope: { rcptTo: readonly { email: string }[] };
  };
  return (submissions as GetAnswer<Record>).list
    .map(({ id, emailId, sendAt, envelope }) => ({
      id,
      emailId,
      sendAt,
      subject: subjects.get(emailId) ?? '',
      recipients: envelope.rcptTo.map(({ email }) => email),
    }))
    .sort((a, b) => a.sendAt.localeCompare(b.sendAt));
}
