import type { Call } from '../call.ts';
import type { Extension, Predicate } from '../program.ts';
import { AsksWhetherSeen } from '../run.ts';
import { textOf } from '../text.ts';

/** RFC 7352 §3.1: seven days; a site may bound it, which is a month here. */
const DEFAULT_SECONDS = 7 * 86_400;
const MAX_SECONDS = 30 * 86_400;
/** Ids that one message may ask for. */
const MAX_QUESTIONS = 8;

function compileDuplicate(call: Call): Predicate {
  const handle = call.tagText('handle') ?? '';
  const header = call.tagText('header');
  const uniqueId = call.tagText('uniqueid');
  const seconds = Math.min(Math.max(1, call.tagNumber('seconds') ?? DEFAULT_SECONDS), MAX_SECONDS);
  const isLast = call.has('last');
  return (run) => {
    const id =
      uniqueId !== undefined
        ? textOf(run, uniqueId)
        : run.input.message.header.first(textOf(run, header ?? 'message-id').toLowerCase());
    // RFC 7352 §3: a message without the field is never a duplicate.
    if (id === undefined || id === '') return false;
    // Ids of one handle alone are compared; NUL stands in neither.
    const key = `${textOf(run, handle)}\0${id}`;
    const known = run.seenMarks.find((mark) => mark.key === key);
    if (known !== undefined) return !known.isNew;
    if (run.seenMarks.length >= MAX_QUESTIONS) run.fail('too many tests "duplicate"');
    const wasSeen = run.input.seen?.get(key);
    if (wasSeen === undefined) throw new AsksWhetherSeen(key);
    // RFC 7352 §3.3: with :last the time runs from the newest one.
    if (!wasSeen || isLast) run.seenMarks.push({ key, seconds, isNew: !wasSeen });
    return wasSeen;
  };
}

/** RFC 7352. */
export const duplicate: Extension = {
  capability: 'duplicate',
  tests: [
    {
      name: 'duplicate',
      tags: [
        { name: 'handle', value: 'string' },
        { name: 'header', value: 'string', group: 'id' },
        { name: 'uniqueid', value: 'string', group: 'id' },
        { name: 'seconds', value: 'number' },
        { name: 'last' },
      ],
      compile: compileDuplicate,
    },
  ],
};
