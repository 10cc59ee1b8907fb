import type { WebClient } from '../../support/jmap.ts';
import type { NamedProcess } from '../measure/processes.ts';
import type { RoundcubeClient } from '../sides/roundcube.ts';

export const PAGE_SIZE = 50;
const HEADS = [
  ...['id', 'threadId', 'mailboxIds', 'keywords', 'hasAttachment'],
  ...['from', 'to', 'subject', 'receivedAt', 'size', 'preview'],
];
const BODY = ['id', 'headers', 'from', 'to', 'cc', 'subject', 'bodyValues', 'htmlBody', 'textBody', 'attachments'];

/** One of the two webmails, with somebody signed in and a large inbox. */
export interface WebSide {
  readonly name: string;
  readonly programs: readonly NamedProcess[];
  /** Asks for one page of the list, as the app does. */
  list(page: number): Promise<void>;
  /** Asks for the message at a place of the list. */
  open(at: number): Promise<void>;
  /** What has to be known before the message is opened, and is not counted. */
  prepare(at: number): Promise<void>;
}

export async function posternSide(client: WebClient, programs: readonly NamedProcess[]): Promise<WebSide> {
  const { inbox = '' } = await client.roles();
  const query = { filter: { inMailbox: inbox }, sort: [{ property: 'receivedAt', isAscending: false }] };
  let id = '';
  const wanted = (answers: readonly [string, object, string][]): void => {
    if (answers.some(([name]) => name === 'error')) throw new Error(JSON.stringify(answers).slice(0, 500));
  };
  return {
    name: 'Postern',
    programs,
    async list(page) {
      const window = { position: page * PAGE_SIZE, limit: PAGE_SIZE, calculateTotal: true };
      wanted(
        await client.request([
          ['Email/query', { ...query, ...window }, '0'],
          ['Email/get', { '#ids': { resultOf: '0', name: 'Email/query', path: '/ids' }, properties: HEADS }, '1'],
        ]),
      );
    },
    async prepare(at) {
      id = (await client.call('Email/query', { ...query, position: at, limit: 1 })).ids[0];
    },
    async open() {
      const values = { fetchHTMLBodyValues: true, fetchTextBodyValues: true };
      wanted(await client.request([['Email/get', { ids: [id], properties: BODY, ...values }, '0']]));
    },
  };
}

export function roundcubeSide(client: RoundcubeClient, programs: readonly NamedProcess[], messages: number): WebSide {
  return {
    name: 'Roundcube',
    programs,
    async list(page) {
      const answer = await client.get(`/?_task=mail&_action=list&_mbox=INBOX&_page=${page + 1}&_remote=1`);
      if (!answer.includes('add_message_row')) throw new Error(answer.slice(0, 500));
    },
    prepare: async () => undefined,
    async open(at) {
      const answer = await client.get(`/?_task=mail&_action=preview&_mbox=INBOX&_uid=${messages - at}&_framed=1`);
      if (!answer.includes('messagebody')) throw new Error(answer.slice(0, 500));
    },
  };
}
