import type { ArgumentReader } from './lexer.ts';
import type { SequenceSet } from './sequence-set.ts';

/** What a client that comes back knows of the mailbox (RFC 7162 §3.2.5). */
export interface Resynchronisation {
  readonly uidValidity: number;
  readonly modSeq: number;
  /** UIDs of the messages that it keeps; undefined is all up to now. */
  readonly knownUids: SequenceSet | undefined;
  /** Sequence numbers and the UIDs that belonged to them: two sets of the same length (§3.2.5.2). */
  readonly matches: { readonly sequences: SequenceSet; readonly uids: SequenceSet } | undefined;
}

/** Parameters of SELECT and EXAMINE. */
export interface SelectParameters {
  readonly condstore: boolean;
  readonly resynchronisation: Resynchronisation | undefined;
}

/** ` (CONDSTORE)` or ` (QRESYNC (67890007 20050715194045000 41,43:211))` behind the mailbox, if it comes. */
export function readSelectParameters(args: ArgumentReader): SelectParameters {
  let condstore = false;
  let resynchronisation: Resynchronisation | undefined;
  if (args.atEnd) return { condstore, resynchronisation };
  args.space();
  args.list(() => {
    const name = args.keyword();
    if (name === 'CONDSTORE' && args.offers('CONDSTORE')) condstore = true;
    else if (name === 'QRESYNC' && args.offers('QRESYNC') && resynchronisation === undefined) {
      args.space();
      resynchronisation = readResynchronisation(args);
    } else args.fail(`unknown select parameter ${name}`);
  }, true);
  return { condstore, resynchronisation };
}

function readResynchronisation(args: ArgumentReader): Resynchronisation {
  args.expect('(');
  const uidValidity = args.nzNumber();
  args.space();
  const modSeq = args.number64();
  let knownUids: SequenceSet | undefined;
  let matches: Resynchronisation['matches'];
  while (!args.take(')')) {
    args.space();
    if (args.peek() === '(' && matches === undefined) {
      args.expect('(');
      const sequences = knownSet(args);
      args.space();
      matches = { sequences, uids: knownSet(args) };
      args.expect(')');
    } else if (knownUids === undefined && matches === undefined) knownUids = knownSet(args);
    else args.fail('expected )');
  }
  return { uidValidity, modSeq, knownUids, matches };
}

/** RFC 7162 §7 known-uids: neither `*` nor `$`, which mean nothing before the mailbox is open. */
function knownSet(args: ArgumentReader): SequenceSet {
  const set = args.sequenceSet();
  if (set.saved || set.ranges.some(({ first, last }) => !Number.isFinite(first) || !Number.isFinite(last))) {
    args.fail('* is not allowed here');
  }
  return set;
}
