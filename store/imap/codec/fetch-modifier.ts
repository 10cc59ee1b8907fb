import type { ArgumentReader } from './lexer.ts';
import { type PartialRange, readPartialRange } from './partial-range.ts';

/** What stands in parentheses behind the items of FETCH (RFC 4466 §2.4). */
export interface FetchModifiers {
  /** Only messages with a higher mod-sequence (RFC 7162 §3.1.4.1). */
  readonly changedSince: number | undefined;
  /** Tell also which are gone since then (RFC 7162 §3.2.6); of UID FETCH alone. */
  readonly vanished: boolean;
  /** Only those of the set at these places (RFC 9394 §3.3); of UID FETCH alone. */
  readonly partial: PartialRange | undefined;
}

export const NO_MODIFIERS: FetchModifiers = { changedSince: undefined, vanished: false, partial: undefined };

/** ` (CHANGEDSINCE 12345 VANISHED)` at the end of FETCH, if it comes. */
export function readFetchModifiers(args: ArgumentReader, uid: boolean): FetchModifiers {
  if (args.atEnd) return NO_MODIFIERS;
  args.space();
  let changedSince: number | undefined;
  let vanished = false;
  let partial: PartialRange | undefined;
  args.list(() => {
    const name = args.keyword();
    if (name === 'CHANGEDSINCE' && args.offers('CONDSTORE')) {
      args.space();
      changedSince = args.number64();
      if (changedSince === 0) args.fail('expected a mod-sequence above zero');
    } else if (name === 'VANISHED' && uid && args.offers('QRESYNC')) vanished = true;
    else if (name === 'PARTIAL' && uid && args.offers('PARTIAL')) {
      args.space();
      partial = readPartialRange(args);
    } else args.fail(`unknown fetch modifier ${name}`);
  }, true);
  if (vanished && changedSince === undefined) args.fail('VANISHED needs CHANGEDSINCE');
  return { changedSince, vanished, partial };
}
