import { replyLine } from '@postern/shared/smtp/reply.ts';
import type {
  AdministerResult,
  OutgoingAction,
  OutgoingDetails,
  OutgoingState,
  OutgoingSummary,
} from '../mailstore/mailstore.ts';
import { type CommandInput, optional, type StoreCommand, Usage } from './command.ts';

const STATES: readonly OutgoingState[] = ['pending', 'claimed', 'held', 'done', 'cancelled'];
const ACTIONS: readonly OutgoingAction[] = ['hold', 'release', 'cancel', 'retry'];
const SENTENCES: Readonly<Record<AdministerResult, string>> = {
  done: 'done',
  busy: 'a process is sending it just now: try again',
  finished: 'it has been finished already',
  'no-such-message': 'no such message',
};

/** The hub's queue. Every answer is JSON, one object a line. */
export const outgoing: StoreCommand = {
  usage: `outgoing list [--account ADDRESS] [--state STATE]
                                   what waits to be sent, oldest first; STATE: ${STATES.join(', ')}
  outgoing show ID                 one message with its recipients and the last reply to each
  outgoing hold|release|cancel|retry ID
                                   keeps it, lets it go, ends it without a DSN, or makes it due now`,
  migrates: false,
  async run({ outgoing: queue }, input, print) {
    const [word = '', id, ...more] = input.words;
    if (more.length > 0) throw new Usage('outgoing takes one ID at a time');
    if (word === 'list' && id === undefined) {
      const filter = { states: statesOf(input), account: optional(input, 'account'), limit: 100_000 };
      for (const each of await queue.list(filter)) print(JSON.stringify(summaryOf(each)));
      return 0;
    }
    if (id === undefined) throw new Usage('outgoing knows the words: list; show, hold, release, cancel, retry ID');
    if (word === 'show') {
      const found = await queue.show(id);
      print(JSON.stringify(found === undefined ? { error: 'no such message' } : detailsOf(found)));
      return found === undefined ? 1 : 0;
    }
    const action = ACTIONS.find((each) => each === word);
    if (action === undefined) throw new Usage(`outgoing does not know the word ${JSON.stringify(word)}`);
    const result = await queue.administer(id, action);
    print(JSON.stringify({ id, action, result: SENTENCES[result] }));
    return result === 'done' ? 0 : 1;
  },
};

function statesOf(input: CommandInput): OutgoingState[] | undefined {
  const text = optional(input, 'state');
  if (text === undefined) return undefined;
  const state = STATES.find((each) => each === text);
  if (state === undefined) throw new Usage(`--state is one of ${STATES.join(', ')}`);
  return [state];
}

function summaryOf({ id, cause, state, reversePath, accountAddress, ...rest }: OutgoingSummary): object {
  const { createdAt, releaseAt, nextTryAt, attempts } = rest;
  return { id, cause, state, from: reversePath, account: accountAddress, createdAt, releaseAt, nextTryAt, attempts };
}

function detailsOf(details: OutgoingDetails): object {
  const recipients = details.recipients.map(({ address, state, route, reply, notify, orcpt }) => ({
    address,
    state,
    route: route?.kind,
    reply: reply === undefined ? undefined : replyLine(reply),
    notify,
    orcpt,
  }));
  return { ...summaryOf(details), clientId: details.clientId, finishedAt: details.finishedAt, recipients };
}
