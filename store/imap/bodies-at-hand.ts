import type { FetchedMessage } from '../mailstore/mailstore.ts';
import type { FetchAttribute } from './codec/fetch-attribute.ts';
import { NO_OCTETS } from './section-values.ts';
import type { Session } from './session.ts';

/** What is known of a message in memory when its octets are. */
const OF_OCTETS: ReadonlySet<FetchAttribute['kind']> = new Set([
  'flags',
  'uid',
  'modseq',
  'size',
  'section',
  'binary',
  'binary-size',
]);
/** The same with what stands in its row. */
const WITH_BODY: ReadonlySet<FetchAttribute['kind']> = new Set([...OF_OCTETS, 'internaldate', 'savedate', 'emailid']);
/** What is told of a message of which the octets alone were read. */
const NOTHING_ELSE = {
  internalDateMs: 0,
  saveDateMs: 0,
  contentId: NO_OCTETS,
  emailId: '',
  threadId: undefined,
  envelope: undefined,
  bodyStructure: undefined,
  headerFields: undefined,
  preview: undefined,
};

/**
 * Small messages for a FETCH of octets, without a page being read: what was read ahead, or one message by the shortest question. Undefined where
 * that does not answer, or something else is wanted too.
 *
 * @param uids ascending
 */
export async function bodiesAtHand(
  session: Session,
  uids: readonly number[],
  attributes: readonly FetchAttribute[],
): Promise<readonly FetchedMessage[] | undefined> {
  const { ahead, view } = session.selected;
  if (!attributes.every(({ kind }) => WITH_BODY.has(kind))) return undefined;
  const held = ahead.take(uids);
  const messages = held instanceof Promise ? await held : held;
  // Where somebody has changed something the database is asked, and tells what is gone.
  if (messages !== undefined && !session.isStale) return messages;
  const [uid] = uids;
  if (uid === undefined || uids.length > 1 || !attributes.every(({ kind }) => OF_OCTETS.has(kind))) return undefined;
  const body = await session.mailstore.contents.smallBody(view.mailboxId, uid);
  return body && [{ ...NOTHING_ELSE, uid, sizeBytes: body.length, body }];
}
